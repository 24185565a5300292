#include "agent/data_dir.hpp"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <openssl/rand.h>
#include <sstream>
#include <stdexcept>
#include <sys/file.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace agent {
namespace {

namespace fs = std::filesystem;

constexpr const char* choose_another =
    " (run as the user who owns it, choose another with --data-dir, or try --dev)";

[[noreturn]] void fail(const std::string& what, const fs::path& path) {
    throw std::runtime_error(what + " " + path.string() + ": " + std::strerror(errno));
}

std::string hex(const unsigned char* bytes, std::size_t size) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string text;
    for (std::size_t i = 0; i < size; ++i) {
        text += digits[bytes[i] >> 4U];
        text += digits[bytes[i] & 0xFU];
    }
    return text;
}

std::string random_uuid() {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        throw std::runtime_error("no random bytes to be had from OpenSSL");
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0FU) | 0x40U);  // RFC 9562 §5.4: version 4
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3FU) | 0x80U);
    auto text = hex(bytes.data(), bytes.size());
    for (const std::size_t hyphen : {20U, 16U, 12U, 8U}) text.insert(hyphen, "-");
    return text;
}

std::string read_first_line(const fs::path& path) {
    std::ifstream in(path);
    std::string line;
    std::getline(in, line);
    return line;
}

void sync_directory(const fs::path& directory) {
    const int fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) fail("cannot open", directory);
    const int synced = ::fsync(fd);
    ::close(fd);
    if (synced != 0) fail("cannot sync", directory);
}

bool write_and_sync(int fd, std::string_view rest) {
    while (!rest.empty()) {
        const auto written = ::write(fd, rest.data(), rest.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return false;
        rest.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::fsync(fd) == 0;
}

// The holder's pid stands in the lock file, for the message only.
[[noreturn]] void refuse_second(const fs::path& directory, const fs::path& lock) {
    const auto pid = read_first_line(lock);
    throw std::runtime_error("data directory " + directory.string() + " is in use" +
                             (pid.empty() ? "" : " by process " + pid));
}

}  // namespace

void replace_file(const fs::path& path, const std::string& content, mode_t mode) {
    auto beside = path;
    beside += ".new";
    const int fd = ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) fail("cannot write", beside);
    // Not left to the umask: others must be able to read what is theirs to read.
    const bool written = ::fchmod(fd, mode) == 0 && write_and_sync(fd, content);
    const int error = errno;
    ::close(fd);
    if (!written) {
        ::unlink(beside.c_str());
        errno = error;
        fail("cannot write", beside);
    }
    if (::rename(beside.c_str(), path.c_str()) != 0) fail("cannot replace", path);
    sync_directory(path.parent_path());
}

DataDir::DataDir(fs::path path) : path_(std::move(path)) {
    std::error_code error;
    const bool made = fs::create_directories(path_, error);
    if (error) {
        throw std::runtime_error("cannot make the data directory " + path_.string() + ": " +
                                 error.message() + choose_another);
    }
    if (made) fs::permissions(path_, fs::perms::owner_all);

    const auto lock = path_ / "agent.lock";
    lock_ = ::open(lock.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (lock_ < 0) {
        throw std::runtime_error("cannot use the data directory " + path_.string() + ": " +
                                 std::strerror(errno) + choose_another);
    }
    if (::flock(lock_, LOCK_EX | LOCK_NB) != 0) {
        ::close(lock_);
        refuse_second(path_, lock);
    }
    const auto pid = std::to_string(::getpid()) + "\n";
    if (::ftruncate(lock_, 0) != 0 || !write_and_sync(lock_, pid)) {
        const int error_number = errno;
        ::close(lock_);
        errno = error_number;
        fail("cannot write", lock);
    }
}

DataDir::~DataDir() { ::close(lock_); }

std::string DataDir::node_id() {
    const auto file = path_ / "node-id";
    if (auto known = read_first_line(file); !known.empty()) return known;
    auto made = random_uuid();
    replace_file(file, made + "\n");
    return made;
}

// One line: the connection string, the session's id in hex, its password in hex.
std::optional<coord::SessionIdentity> DataDir::load_session(const std::string& connect) {
    std::istringstream line(read_first_line(path_ / "session"));
    std::string of;
    std::string password;
    std::uint64_t id = 0;
    if (!(line >> of >> std::hex >> id >> password) || of != connect) return std::nullopt;

    coord::SessionIdentity session{coord::SessionId{static_cast<std::int64_t>(id)}, {}};
    if (password.size() != 2 * session.password.size()) return std::nullopt;
    for (std::size_t i = 0; i < session.password.size(); ++i) {
        char* end = nullptr;
        const auto pair = password.substr(2 * i, 2);
        session.password[i] = static_cast<char>(std::strtoul(pair.c_str(), &end, 16));
        if (end != pair.c_str() + 2) return std::nullopt;
    }
    return session;
}

void DataDir::save_session(const std::string& connect, const coord::SessionIdentity& session) {
    std::array<unsigned char, std::tuple_size_v<coord::Password>> bytes{};
    std::memcpy(bytes.data(), session.password.data(), bytes.size());
    std::ostringstream line;
    line << connect << ' ' << std::hex << static_cast<std::uint64_t>(session.id) << ' '
         << hex(bytes.data(), bytes.size()) << '\n';
    replace_file(path_ / "session", line.str());
}

void DataDir::forget_session() { ::unlink((path_ / "session").c_str()); }

EphemeralDirectory::EphemeralDirectory() {
    std::string name = fs::temp_directory_path() / "roster-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) fail("cannot make a temporary directory like", name);
    path_ = name;
}

EphemeralDirectory::~EphemeralDirectory() {
    std::error_code ignored;  // It lies in the temporary directory: nobody is harmed.
    fs::remove_all(path_, ignored);
}

}  // namespace agent
