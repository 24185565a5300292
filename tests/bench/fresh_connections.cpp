// Asks a DNS server on 127.0.0.1 over TCP, one connection for each query. dnsperf makes a few hundred
// connections a second, whatever the server: then its waking up is what is measured.
//
//   fresh_connections PORT SERVICES OUTSTANDING SECONDS
//
// Asks for the A records of svc-N.service.roster.internal, with so many connections under way. Prints
// how many queries were answered and how many were not.

#include <arpa/inet.h>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <netinet/in.h>
#include <stdexcept>
#include <string>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <system_error>
#include <unistd.h>

namespace {

using Clock = std::chrono::steady_clock;

std::string query_for(std::size_t service) {
    std::string query("\0\0\0\1\1\0\0\1\0\0\0\0\0\0", 14);
    for (const std::string& label : {"svc-" + std::to_string(service),
                                     std::string("service"),
                                     std::string("roster"),
                                     std::string("internal")}) {
        query.push_back(static_cast<char>(label.size()));
        query += label;
    }
    query.append("\0\0\1\0\1", 5);
    query[1] = static_cast<char>(query.size() - 2);  // RFC 1035 §4.2.2: its length goes before
    return query;
}

class Load {
public:
    Load(std::uint16_t port, std::size_t services) : services_(services) {
        server_.sin_family = AF_INET;
        server_.sin_port = htons(port);
        server_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        if (epoll_ < 0) throw std::system_error(errno, std::generic_category(), "epoll_create1");
    }
    ~Load() { ::close(epoll_); }
    Load(const Load&) = delete;
    Load& operator=(const Load&) = delete;

    void run(std::size_t outstanding, std::chrono::seconds length) {
        const auto end = Clock::now() + length;
        while (Clock::now() < end) {
            while (under_way_ < outstanding) connect();
            turn();
        }
        while (under_way_ > 0) turn();
    }

    std::size_t answered = 0;
    std::size_t failed = 0;

private:
    void connect() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        if (fd < 0) throw std::system_error(errno, std::generic_category(), "socket");
        ++under_way_;
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
        const auto* const to = reinterpret_cast<const sockaddr*>(&server_);
        if (::connect(fd, to, sizeof server_) != 0 && errno != EINPROGRESS) return end(fd, false);
        // On loopback it is there at once, or never.
        const auto query = query_for(asked_++ * 7919 % services_);
        if (::send(fd, query.data(), query.size(), MSG_NOSIGNAL) < 0) return end(fd, false);
        epoll_event event{};
        event.events = EPOLLIN;
        event.data.fd = fd;
        if (::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event) != 0) {
            throw std::system_error(errno, std::generic_category(), "epoll_ctl");
        }
    }

    void turn() {
        std::array<epoll_event, 256> events;
        const int count = ::epoll_wait(epoll_, events.data(), events.size(), 5000);
        if (count == 0) throw std::runtime_error("the server does not answer");
        for (int i = 0; i < count; ++i) {
            std::array<char, 4096> reply;
            const int fd = events.at(static_cast<std::size_t>(i)).data.fd;
            end(fd, ::recv(fd, reply.data(), reply.size(), MSG_DONTWAIT) > 14);
        }
    }

    void end(int fd, bool is_answered) {
        ::close(fd);
        --under_way_;
        ++(is_answered ? answered : failed);
    }

    const std::size_t services_;
    sockaddr_in server_{};
    int epoll_ = ::epoll_create1(EPOLL_CLOEXEC);
    std::size_t under_way_ = 0;
    std::size_t asked_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
    try {
        if (argc != 5) throw std::runtime_error("see the beginning of fresh_connections.cpp");
        const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
        Load load(static_cast<std::uint16_t>(number(1)), number(2));
        const auto begin = Clock::now();
        load.run(number(3), std::chrono::seconds(number(4)));
        const auto took = std::chrono::duration<double>(Clock::now() - begin).count();
        std::printf("answered %zu failed %zu per_second %.0f\n",
                    load.answered,
                    load.failed,
                    static_cast<double>(load.answered) / took);
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "fresh_connections: %s\n", failure.what());
        return 1;
    }
}
