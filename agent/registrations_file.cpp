#include "agent/registrations_file.hpp"

#include "agent/record_json.hpp"
#include "coord/base/log.hpp"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fcntl.h>
#include <fstream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <unistd.h>
#include <utility>
#include <vector>

namespace agent {
namespace {

namespace asio = boost::asio;
namespace json = boost::json;

constexpr std::string_view first_line = R"({"roster":"registrations","version":1})";
constexpr std::size_t waste_bytes_min = std::size_t{1} << 20U;

spdlog::logger& log() { return coord::logger("agent.registrar"); }

coord::Error last_error() { return {errno, boost::system::system_category()}; }

class Descriptor {
public:
    explicit Descriptor(int number = -1) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;

    [[nodiscard]] int number() const { return number_; }
    [[nodiscard]] bool is_open() const { return number_ >= 0; }

private:
    int number_;
};

coord::Error write_all(const Descriptor& file, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto written = ::write(file.number(), bytes.data(), bytes.size());
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return last_error();
        bytes.remove_prefix(static_cast<std::size_t>(written));
    }
    return {};
}

coord::Task<coord::Error> sync(const Descriptor& file) {
    co_return ::fdatasync(file.number()) == 0 ? coord::Error{} : last_error();
}

// The value is JSON text already.
std::string to_line(std::string_view key, std::string_view value) {
    std::string line = "{\"key\":" + json::serialize(valid_utf8(key)) + ",\"value\":";
    line += value;
    line += "}\n";
    return line;
}

}  // namespace

struct RegistrationsFile::State : std::enable_shared_from_this<RegistrationsFile::State> {
    State(asio::io_context& loop, std::filesystem::path where, Everything all)
        : io(loop), path(std::move(where)), everything(std::move(all)) {}

    [[noreturn]] void refuse(std::size_t line, const std::string& why) const;
    void take(std::string_view line, std::size_t number, std::map<std::string, std::string>& into);
    void append(const std::string& line);
    void replace();
    coord::Error write_beside(const std::filesystem::path& beside);
    coord::Task<void> sync_loop();

    asio::io_context& io;
    std::filesystem::path path;
    Everything everything;
    Descriptor file;
    coord::Error failed;  // of the last write; the file is written anew before the next line
    std::size_t bytes = 0;
    std::size_t bytes_replaced = 0;  // how long the file was when it was written anew

    struct Waiter {
        explicit Waiter(asio::io_context& loop)
            : timer(loop, asio::steady_timer::time_point::max()) {}
        asio::steady_timer timer;
        std::optional<coord::Error> outcome;
    };
    std::vector<std::shared_ptr<Waiter>> waiters;  // for the next fdatasync
    bool syncing = false;
    asio::thread_pool syncer{1};
};

void RegistrationsFile::State::refuse(std::size_t line, const std::string& why) const {
    throw std::runtime_error(path.string() + ":" + std::to_string(line) + ": " + why +
                             "; mend it, or move it away to start with nothing registered");
}

void RegistrationsFile::State::take(std::string_view line,
                                    std::size_t number,
                                    std::map<std::string, std::string>& into) {
    boost::system::error_code malformed;
    const auto value = json::parse(line, malformed);
    if (malformed) refuse(number, "not JSON");
    const auto* object = value.if_object();
    const auto* key = object == nullptr ? nullptr : object->if_contains("key");
    const auto* kept = object == nullptr ? nullptr : object->if_contains("value");
    if (key == nullptr || !key->is_string() || kept == nullptr)
        refuse(number, "not a line of registrations");
    const std::string name(key->get_string().data(), key->get_string().size());
    if (kept->is_null())
        into.erase(name);
    else
        into[name] = json::serialize(*kept);
}

void RegistrationsFile::State::append(const std::string& line) {
    if (path.empty()) return;
    const bool wasteful = bytes > 2 * bytes_replaced + waste_bytes_min;
    if (!file.is_open() || failed || wasteful) return replace();
    failed = write_all(file, line);
    bytes += line.size();
    if (failed)
        log().error("registrations not written path={} why={}", path.string(), failed.message());
}

// The line that led here is in everything() already.
void RegistrationsFile::State::replace() {
    auto beside = path;
    beside += ".new";
    failed = write_beside(beside);
    if (!failed && ::rename(beside.c_str(), path.c_str()) != 0) failed = last_error();
    if (failed) {
        log().error("registrations not written path={} why={}", path.string(), failed.message());
        return;
    }
    // The rename itself is durable once the directory is.
    const auto folder = path.has_parent_path() ? path.parent_path() : std::filesystem::path(".");
    const Descriptor directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    if (!directory.is_open() || ::fsync(directory.number()) != 0) failed = last_error();
}

coord::Error RegistrationsFile::State::write_beside(const std::filesystem::path& beside) {
    constexpr std::size_t chunk_bytes = std::size_t{1} << 18U;
    Descriptor next(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
    if (!next.is_open()) return last_error();
    coord::Error error;
    auto chunk = std::string(first_line) + "\n";
    std::size_t total = 0;
    const auto flush = [&] {
        if (!error) error = write_all(next, chunk);
        total += chunk.size();
        chunk.clear();
    };
    everything([&](std::string_view key, std::string_view value) {
        chunk += to_line(key, value);
        if (chunk.size() >= chunk_bytes) flush();
    });
    flush();
    if (error) return error;
    if (::fdatasync(next.number()) != 0) return last_error();
    file = std::move(next);
    bytes = bytes_replaced = total;
    return {};
}

// One fdatasync for all who came while the one before was on its way.
coord::Task<void> RegistrationsFile::State::sync_loop() {
    const auto self = shared_from_this();
    syncing = true;
    while (!waiters.empty()) {
        const auto served = std::exchange(waiters, {});
        auto outcome = failed;
        // A duplicate: the file may be replaced meanwhile, and then what it held is durable too.
        const Descriptor same(failed ? -1 : ::fcntl(file.number(), F_DUPFD_CLOEXEC, 0));
        if (same.is_open()) {
            outcome = co_await asio::co_spawn(syncer, sync(same), asio::use_awaitable);
        } else if (!outcome) {
            outcome = last_error();
        }
        if (outcome) failed = outcome;
        for (const auto& waiter : served) {
            waiter->outcome = outcome;
            waiter->timer.cancel();
        }
    }
    syncing = false;
}

RegistrationsFile::RegistrationsFile(asio::io_context& io,
                                     std::filesystem::path path,
                                     Everything everything)
    : state_(std::make_shared<State>(io, std::move(path), std::move(everything))) {}

// An fdatasync on its way comes back to `io`, which still lives here.
RegistrationsFile::~RegistrationsFile() { state_->syncer.join(); }

std::map<std::string, std::string> RegistrationsFile::load() {
    std::map<std::string, std::string> found;
    auto& state = *state_;
    if (state.path.empty() || !std::filesystem::exists(state.path)) return found;
    std::ifstream in(state.path, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    if (!in) throw std::runtime_error(state.path.string() + ": cannot be read");
    std::string_view rest = text;
    for (std::size_t number = 1; !rest.empty(); ++number) {
        const auto end = rest.find('\n');
        const auto line = rest.substr(0, end);
        if (number == 1 && line != first_line) state.refuse(1, "not a file of registrations");
        if (end == std::string_view::npos) {
            log().warn("registrations: dropped a last line cut short path={}", state.path.string());
            break;
        }
        if (number > 1) state.take(line, number, found);
        rest.remove_prefix(end + 1);
    }
    return found;
}

void RegistrationsFile::put(std::string_view key, std::string_view json) {
    state_->append(to_line(key, json));
}

void RegistrationsFile::erase(std::string_view key) { state_->append(to_line(key, "null")); }

coord::Task<coord::Result<void>> RegistrationsFile::durable() {
    const auto state = state_;
    if (state->path.empty()) co_return coord::Result<void>();
    if (state->failed || !state->file.is_open()) state->replace();
    const auto waiter = std::make_shared<State::Waiter>(state->io);
    state->waiters.push_back(waiter);
    if (!state->syncing)
        coord::spawn(state->io, "registrations", [state] { return state->sync_loop(); });
    // A write that failed before is told at once.
    if (!waiter->outcome) co_await waiter->timer.async_wait(coord::use_tuple);
    if (waiter->outcome && *waiter->outcome) co_return *waiter->outcome;
    co_return coord::Result<void>();
}

}  // namespace agent
