#include "coord/raft/file.hpp"

#include <algorithm>
#include <cerrno>
#include <fcntl.h>
#include <sys/stat.h>
#include <system_error>
#include <unistd.h>
#include <utility>

namespace coord {

namespace {

[[noreturn]] void fail(const char* what, const std::filesystem::path& path) {
    throw std::system_error(errno, std::generic_category(), what + (" " + path.string()));
}

int flags_of(File::Mode mode) {
    switch (mode) {
        case File::Mode::read: return O_RDONLY;
        case File::Mode::update: return O_RDWR | O_CREAT;
        case File::Mode::create: return O_RDWR | O_CREAT | O_EXCL;
    }
    return O_RDONLY;
}

}  // namespace

File::File(std::filesystem::path path, Mode mode)
    : path_(std::move(path)), descriptor_(::open(path_.c_str(), flags_of(mode) | O_CLOEXEC, 0600)) {
    if (descriptor_ < 0) fail("cannot open", path_);
}

File::~File() {
    if (descriptor_ >= 0) ::close(descriptor_);
}

File::File(File&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)) {}

File& File::operator=(File&& other) noexcept {
    std::swap(path_, other.path_);
    std::swap(descriptor_, other.descriptor_);
    return *this;
}

void File::write_at(std::uint64_t offset, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written =
            ::pwrite(descriptor_, bytes.data(), bytes.size(), static_cast<off_t>(offset));
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) fail("cannot write", path_);
        offset += static_cast<std::uint64_t>(written);
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
}

void File::zero(std::uint64_t from, std::uint64_t to) {
    static const std::string zeros(std::size_t{256} << 10U, '\0');
    while (from < to) {
        const auto piece = std::min<std::uint64_t>(zeros.size(), to - from);
        write_at(from, std::string_view(zeros).substr(0, piece));
        from += piece;
    }
}

void File::sync() {
    if (::fdatasync(descriptor_) != 0) fail("cannot sync", path_);
}

void File::write_back(std::uint64_t from, std::uint64_t to) {
    constexpr unsigned both =
        SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE | SYNC_FILE_RANGE_WAIT_AFTER;
    const auto length = static_cast<off64_t>(to - from);
    if (::sync_file_range(descriptor_, static_cast<off64_t>(from), length, both) != 0) {
        fail("cannot write back", path_);
    }
}

std::string File::read(std::uint64_t offset, std::size_t count) const {
    std::string bytes(count, '\0');
    std::size_t done = 0;
    while (done < count) {
        const auto got = ::pread(
            descriptor_, bytes.data() + done, count - done, static_cast<off_t>(offset + done));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) fail("cannot read", path_);
        if (got == 0) break;
        done += static_cast<std::size_t>(got);
    }
    bytes.resize(done);
    return bytes;
}

std::uint64_t File::size() const {
    struct stat found {};
    if (::fstat(descriptor_, &found) != 0) fail("cannot stat", path_);
    return static_cast<std::uint64_t>(found.st_size);
}

void make_directory(const std::filesystem::path& path) {
    if (path.empty() || std::filesystem::is_directory(path)) return;
    make_directory(path.parent_path());
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) fail("cannot create directory", path);
    sync_directory(path.has_parent_path() ? path.parent_path() : ".");
}

void sync_directory(const std::filesystem::path& path) {
    const int descriptor = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (descriptor < 0) fail("cannot open", path);
    const int result = ::fsync(descriptor);
    const int error = errno;
    ::close(descriptor);
    errno = error;
    if (result != 0) fail("cannot sync", path);
}

void rename_durably(const std::filesystem::path& from, const std::filesystem::path& to) {
    if (::rename(from.c_str(), to.c_str()) != 0) fail("cannot rename", from);
    sync_directory(to.has_parent_path() ? to.parent_path() : ".");
}

}  // namespace coord
