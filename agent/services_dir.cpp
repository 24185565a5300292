#include "agent/services_dir.hpp"

#include "coord/base/log.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <sys/inotify.h>
#include <utility>
#include <vector>

namespace agent {
namespace {

namespace asio = boost::asio;
namespace fs = std::filesystem;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::milliseconds quiet{100};
constexpr std::chrono::milliseconds unquiet_max{1'000};
constexpr std::chrono::seconds absent_retry{1};
constexpr std::size_t files_max = 10'000;

spdlog::logger& log() { return coord::logger("agent.services_dir"); }

bool same(const ServicesFile& a, const ServicesFile& b) {
    return a.services == b.services && a.node_checks == b.node_checks;
}

// What one file declared when it last parsed, and what is wrong with it now.
struct Declared {
    ServicesFile content;
    std::string error;
};

using Files = std::map<std::string, Declared>;  // by path; the directory is the same for all

struct Combined {
    ServicesFile all;
    std::vector<std::string> complaints;
};

template <class T>
void take_new(const std::vector<T>& declared,
              const std::string& noun,
              const std::string& file,
              std::map<std::string, std::string>& owners,
              std::vector<T>& out,
              std::vector<std::string>& complaints) {
    for (const auto& one : declared) {
        const auto [owner, is_new] = owners.emplace(one.id, file);
        if (is_new) {
            out.push_back(one);
        } else {
            complaints.push_back(file + ": " + noun + " \"" + one.id +
                                 "\" is already declared by " + owner->second);
        }
    }
}

Combined combine(const Files& files) {
    Combined result;
    std::map<std::string, std::string> services;
    std::map<std::string, std::string> checks;
    for (const auto& [file, declared] : files) {
        const auto& [from_services, from_checks] = declared.content;
        take_new(from_services, "service", file, services, result.all.services, result.complaints);
        take_new(from_checks, "check", file, checks, result.all.node_checks, result.complaints);
    }
    return result;
}

bool is_services_file(const fs::directory_entry& entry) {
    const auto name = entry.path().filename().string();
    std::error_code gone;
    return name.ends_with(".toml") && !name.starts_with('.') && entry.is_regular_file(gone);
}

}  // namespace

struct ServicesDir::State : std::enable_shared_from_this<State> {
    State(asio::io_context& io, fs::path path, Changed callback, Scripts allowed)
        : directory(std::move(path)),
          changed(std::move(callback)),
          scripts(allowed),
          inotify(io),
          timer(io) {}

    void start() {
        open();
        take_up();
    }

    void open() {
        if (directory.empty()) return;
        const int descriptor = ::inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
        if (descriptor < 0) {
            log().error("directory not watched path={} why=\"{}\"",
                        directory.string(),
                        std::strerror(errno));
            return;
        }
        inotify.assign(descriptor);
        await_events();
    }

    // Watches the directory, if it is there and not watched yet.
    void watch() {
        if (is_watched || !inotify.is_open()) return;
        constexpr std::uint32_t events = IN_CLOSE_WRITE | IN_MODIFY | IN_CREATE | IN_DELETE |
                                         IN_MOVED_FROM | IN_MOVED_TO | IN_ATTRIB | IN_DELETE_SELF |
                                         IN_MOVE_SELF | IN_ONLYDIR;
        watch_id = ::inotify_add_watch(inotify.native_handle(), directory.c_str(), events);
        is_watched = watch_id >= 0;
        if (is_watched) log().info("directory watched path={}", directory.string());
    }

    void await_events() {
        inotify.async_read_some(asio::buffer(buffer),
                                [self = shared_from_this()](auto error, auto size) {
                                    if (error) return;
                                    self->look_at_events(size);
                                    self->arm();
                                    self->await_events();
                                });
    }

    // Only whether the directory itself went matters: what changed in it is found by reading it.
    void look_at_events(std::size_t size) {
        for (std::size_t at = 0; at + sizeof(::inotify_event) <= size;) {
            ::inotify_event event{};
            std::memcpy(&event, buffer.data() + at, sizeof(event));
            at += sizeof(event) + event.len;
            if (event.wd != watch_id) continue;
            if ((event.mask & IN_MOVE_SELF) != 0) {
                ::inotify_rm_watch(inotify.native_handle(), watch_id);
                is_watched = false;
            }
            if ((event.mask & IN_IGNORED) != 0) is_watched = false;
        }
    }

    void arm() {
        const auto now = Clock::now();
        if (!first_event) first_event = now;
        take_up_at(std::min(now + quiet, *first_event + unquiet_max));
    }

    void take_up_at(Clock::time_point at) {
        timer.expires_at(at);
        timer.async_wait([self = shared_from_this()](auto error) {
            if (!error) self->take_up();
        });
    }

    // The watch is set before the files are read: nothing can change unseen in between.
    void take_up() {
        first_event.reset();
        watch();
        read_all();
        tell();
        if (!is_watched && inotify.is_open()) take_up_at(Clock::now() + absent_retry);
    }

    void read_all() {
        std::set<std::string> present;
        std::error_code error;
        for (fs::directory_iterator entry(directory, error), end; !error && entry != end;
             entry.increment(error)) {
            if (is_services_file(*entry)) present.insert(entry->path().string());
        }
        if (error && error != std::errc::no_such_file_or_directory && !directory.empty()) {
            log().warn(
                "directory not read path={} why=\"{}\"", directory.string(), error.message());
            return;  // What was declared stays: that we cannot read is no sign that it is gone.
        }
        if (present.size() > files_max) {
            log().warn("too many files, the last ones are left out files={} limit={}",
                       present.size(),
                       files_max);
            present.erase(std::next(present.begin(), files_max), present.end());
        }
        std::erase_if(files, [&](const auto& file) { return !present.contains(file.first); });
        for (const auto& file : present) read(file);
    }

    void read(const std::string& file) {
        auto& kept = files[file];
        auto loaded = load_services_file(file, scripts);
        if (auto* content = std::get_if<ServicesFile>(&loaded)) {
            if (!kept.error.empty()) log().info("file is right again file={}", file);
            kept = {std::move(*content), {}};
            return;
        }
        std::string text;
        const auto& errors = std::get<std::vector<ConfigError>>(loaded);
        for (const auto& error : errors) text += format(error) + "\n";
        if (text == kept.error) return;  // Said already.
        for (const auto& error : errors) log().error("{}", format(error));
        log().error("file not taken up, what it declared before stays file={} services={}",
                    file,
                    kept.content.services.size());
        kept.error = std::move(text);
    }

    void tell() {
        auto combined = combine(files);
        if (combined.complaints != complaints) {
            for (const auto& complaint : combined.complaints) log().warn("{}", complaint);
            complaints = std::move(combined.complaints);
        }
        if (told && same(*told, combined.all)) return;
        told = std::move(combined.all);
        log().info("services declared files={} services={} node_checks={}",
                   files.size(),
                   told->services.size(),
                   told->node_checks.size());
        changed(*told);
    }

    void stop() {
        boost::system::error_code ignored;  // Closing an inotify descriptor loses nothing.
        inotify.close(ignored);
        timer.cancel();
        is_watched = false;
    }

    fs::path directory;
    Changed changed;
    Scripts scripts;
    asio::posix::stream_descriptor inotify;
    asio::steady_timer timer;
    alignas(::inotify_event) std::array<char, 16384> buffer{};
    int watch_id = -1;
    bool is_watched = false;
    std::optional<Clock::time_point> first_event;  // Since the files were last read.
    Files files;
    std::vector<std::string> complaints;  // As last logged.
    std::optional<ServicesFile> told;     // What the callback was last told; none before start().
};

ServicesDir::ServicesDir(asio::io_context& io, fs::path directory, Changed changed, Scripts scripts)
    : state_(std::make_shared<State>(io, std::move(directory), std::move(changed), scripts)) {}

ServicesDir::~ServicesDir() { stop(); }

void ServicesDir::start() { state_->start(); }

void ServicesDir::reload() { state_->take_up(); }

void ServicesDir::stop() { state_->stop(); }

}  // namespace agent
