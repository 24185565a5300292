#include "agent/child_process.hpp"

#include <boost/asio/posix/stream_descriptor.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fcntl.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

extern "C" {  // glibc 2.36 forgot to say so itself.
#include <sys/pidfd.h>
}

namespace agent {
namespace {

namespace asio = boost::asio;

// A descriptor that closes itself.
class Descriptor {
public:
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() {
        if (number_ >= 0) ::close(number_);
    }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    [[nodiscard]] int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

private:
    int number_;
};

// The input as a file in memory: the child reads it when it likes, and nobody waits for it.
int input_file(const std::string& input) {
    if (input.empty()) return ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    Descriptor file(::memfd_create("input", MFD_CLOEXEC));
    std::size_t written = 0;
    while (file.get() >= 0 && written < input.size()) {
        const auto size = ::write(file.get(), input.data() + written, input.size() - written);
        if (size <= 0) return -1;
        written += static_cast<std::size_t>(size);
    }
    ::lseek(file.get(), 0, SEEK_SET);
    return file.release();
}

// Our own environment with the additions in place of what they replace.
std::vector<std::string>
environment(const std::vector<std::pair<std::string, std::string>>& additions) {
    std::vector<std::string> all;
    for (char** one = ::environ; *one != nullptr; ++one) {
        const std::string_view entry = *one;
        const auto replaced =
            std::any_of(additions.begin(), additions.end(), [&](const auto& added) {
                return entry.substr(0, entry.find('=')) == added.first;
            });
        if (!replaced) all.emplace_back(entry);
    }
    for (const auto& [name, value] : additions) all.push_back(name + "=" + value);
    return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
    std::vector<char*> all;
    for (auto& text : texts) all.push_back(text.data());
    all.push_back(nullptr);
    return all;
}

// What the child starts with: no blocked and no ignored signal, perhaps a group of its own.
class SpawnAttributes {
public:
    explicit SpawnAttributes(bool own_group) {
        ::posix_spawnattr_init(&attributes_);
        ::sigset_t none;
        ::sigset_t all;
        ::sigemptyset(&none);
        ::sigfillset(&all);
        ::posix_spawnattr_setsigmask(&attributes_, &none);
        ::posix_spawnattr_setsigdefault(&attributes_, &all);
        ::posix_spawnattr_setpgroup(&attributes_, 0);
        const auto group = own_group ? POSIX_SPAWN_SETPGROUP : 0;
        const auto flags = POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | group;
        ::posix_spawnattr_setflags(&attributes_, static_cast<short>(flags));
    }
    ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
    SpawnAttributes(const SpawnAttributes&) = delete;
    SpawnAttributes& operator=(const SpawnAttributes&) = delete;
    [[nodiscard]] const ::posix_spawnattr_t* get() const { return &attributes_; }

private:
    ::posix_spawnattr_t attributes_{};
};

// Which descriptors the child has. Asio's sockets are not close-on-exec, so all others are closed.
class SpawnFiles {
public:
    SpawnFiles(int input, int output) {
        ::posix_spawn_file_actions_init(&actions_);
        ::posix_spawn_file_actions_adddup2(&actions_, input, STDIN_FILENO);
        if (output >= 0) {
            ::posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
            ::posix_spawn_file_actions_adddup2(&actions_, output, STDERR_FILENO);
        }
        ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    }
    ~SpawnFiles() { ::posix_spawn_file_actions_destroy(&actions_); }
    SpawnFiles(const SpawnFiles&) = delete;
    SpawnFiles& operator=(const SpawnFiles&) = delete;
    [[nodiscard]] const ::posix_spawn_file_actions_t* get() const { return &actions_; }

private:
    ::posix_spawn_file_actions_t actions_{};
};

}  // namespace

struct ChildProcess::State {
    State(asio::io_context& context, ChildOptions given)
        : io(context), options(std::move(given)), process(io), output(io) {}

    ~State() { kill(); }

    std::string start() {
        if (options.args.empty() || options.args.front().empty()) return "no program is given";
        const Descriptor input(input_file(options.input));
        if (input.get() < 0) return failed("its input");
        std::array<int, 2> ends{-1, -1};
        if (options.capture && ::pipe2(ends.data(), O_CLOEXEC) != 0) return failed("a pipe");
        Descriptor read_end(ends[0]);
        const Descriptor write_end(ends[1]);

        auto words = options.args;
        auto variables = environment(options.environment);
        const SpawnFiles files(input.get(), write_end.get());
        const SpawnAttributes attributes(options.own_group);
        const int error = ::posix_spawnp(&id,
                                         words.front().c_str(),
                                         files.get(),
                                         attributes.get(),
                                         pointers(words).data(),
                                         pointers(variables).data());
        if (error != 0) {
            id = -1;
            return "cannot run " + words.front() + ": " + std::strerror(error);
        }
        const int descriptor = ::pidfd_open(id, 0);
        if (descriptor < 0) return abandon(failed("a process descriptor"));
        process.assign(descriptor);
        if (options.capture) {
            ::fcntl(read_end.get(), F_SETFL, O_NONBLOCK);
            output.assign(read_end.release());
        }
        return {};
    }

    // A child that cannot be watched is ended at once.
    std::string abandon(std::string why) {
        kill();
        ::waitpid(std::exchange(id, -1), nullptr, 0);
        return why;
    }

    static std::string failed(const std::string& what) {
        return "cannot make " + what + ": " + std::strerror(errno);
    }

    void kill() {
        if (id > 0) ::kill(options.own_group ? -id : id, SIGKILL);
    }

    void keep(std::string_view text) {
        end.output_bytes += text.size();
        end.output += text;
        if (end.output.size() > options.output_bytes_max) {
            end.output.erase(0, end.output.size() - options.output_bytes_max);
        }
    }

    // Reads what is in the pipe, at most what a pipe holds. False: there will be no more.
    bool drain() {
        constexpr std::size_t pipe_bytes = 65536;
        std::size_t drained = 0;
        while (drained < pipe_bytes) {
            const auto size = ::read(output.native_handle(), chunk.data(), chunk.size());
            if (size < 0) return errno == EAGAIN || errno == EINTR;
            if (size == 0) return false;
            drained += static_cast<std::size_t>(size);
            keep({chunk.data(), static_cast<std::size_t>(size)});
        }
        return true;
    }

    // Waits and then reads, so that nothing is ever read that nobody has kept yet.
    static coord::Task<void> read_output(std::shared_ptr<State> self) {
        for (;;) {
            const auto [error] = co_await self->output.async_wait(
                asio::posix::stream_descriptor::wait_read, coord::use_tuple);
            if (error || !self->output.is_open() || !self->drain()) co_return;
        }
    }

    void reap() {
        ::siginfo_t info{};
        ::waitid(P_PIDFD, static_cast<::id_t>(process.native_handle()), &info, WEXITED | WNOHANG);
        (info.si_code == CLD_EXITED ? end.exit_code : end.signal) = info.si_status;
        id = -1;
        process.close();
    }

    static coord::Task<ChildEnd> wait(std::shared_ptr<State> self) {
        if (self->output.is_open()) coord::spawn(self->io, "child output", read_output(self));
        co_await self->process.async_wait(asio::posix::stream_descriptor::wait_read,
                                          coord::use_tuple);
        self->reap();
        if (self->output.is_open()) {
            self->drain();
            self->output.close();
        }
        co_return std::move(self->end);
    }

    asio::io_context& io;
    ChildOptions options;
    asio::posix::stream_descriptor process;  // A pidfd: readable when the process has ended.
    asio::posix::stream_descriptor output;
    ::pid_t id = -1;  // While there is something to reap.
    std::array<char, 4096> chunk{};
    ChildEnd end;
};

ChildProcess::ChildProcess(asio::io_context& io, ChildOptions options)
    : state_(std::make_shared<State>(io, std::move(options))) {}

ChildProcess::~ChildProcess() { state_->kill(); }

std::string ChildProcess::start() { return state_->start(); }

coord::Task<ChildEnd> ChildProcess::wait() { return State::wait(state_); }

void ChildProcess::kill() { state_->kill(); }

}  // namespace agent
