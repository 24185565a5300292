// Changes registrations, so many a second, and takes the time from the acknowledgement of a change to
// the first answer of the DNS that has it.
//
//   registration_load CORE DNS PID SERVICES CHANGES_PER_SECOND SECONDS
//
// CORE and DNS are ADDRESS:PORT of one agent, PID its process. Each service has three instances; a
// change is another port of one of them, written to the core as an agent writes it. A hundred changes
// a second are looked for in the DNS, one at a time, by asking again as soon as an answer came. Prints
// a line of JSON each tenth of the time with what the process holds in memory, and one of latencies,
// in seconds, at the end.

#include "agent/service.hpp"
#include "tests/bench/arguments.hpp"
#include "tests/bench/load_client.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <netinet/in.h>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/socket.h>
#include <unistd.h>
#include <vector>

namespace {

using bench::parse;
using bench::parse_address;
using bench::resident_mb;
using coord::LoadClient;
using coord::RequestTemplate;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr std::size_t sessions = 8;
constexpr milliseconds session_timeout{30'000};
constexpr std::size_t instances = 3;
constexpr std::size_t samples_per_second = 100;
constexpr std::size_t usual_ports = 100;
constexpr std::uint16_t first_port = 8000;
constexpr std::uint16_t first_sampled_port = 20'000;  // each is in one instance at a time
constexpr std::string_view path = "/services/svc-#####/i-#@bench";

double seconds_between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
}

std::string record(std::uint16_t port) {
    agent::InstanceRecord record;
    record.service.id = "i";
    record.service.name = "svc";
    record.service.address = "10.1.2.3";
    record.service.port = port;
    record.node = "bench";
    record.node_address = "10.1.2.3";
    record.datacenter = "dc1";
    return agent::encode(record);
}

// Asks for the SRV records of one service at a time.
class Resolver {
public:
    explicit Resolver(const LoadClient::Address& server)
        : socket_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in to{};
        to.sin_family = AF_INET;
        to.sin_port = htons(server.port);
        ::inet_pton(AF_INET, server.host.c_str(), &to.sin_addr);
        // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): the sockets API
        if (::connect(socket_, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
            throw std::runtime_error("cannot ask the DNS");
        }
    }
    ~Resolver() { ::close(socket_); }
    Resolver(const Resolver&) = delete;
    Resolver& operator=(const Resolver&) = delete;

    void ask(std::size_t service) {
        std::array<char, 6> digits;
        std::snprintf(digits.data(), digits.size(), "%05zu", service % 100'000);
        query_ = {0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0};
        for (const std::string& label : {"svc-" + std::string(digits.data()),
                                         std::string("service"),
                                         std::string("roster"),
                                         std::string("internal")}) {
            query_.push_back(static_cast<char>(label.size()));
            query_ += label;
        }
        query_.append({0, 0, 33, 0, 1});
        repeat();
    }

    void repeat() {
        ++id_;
        query_[0] = static_cast<char>(id_ >> 8U);
        query_[1] = static_cast<char>(id_ & 255U);
        sent_ = Clock::now();
        if (::send(socket_, query_.data(), query_.size(), 0) < 0) {
            throw std::runtime_error("the DNS does not answer");
        }
    }

    // Whether an answer is there that has the port. Asks again when one is there that has not, or
    // none for long.
    bool has(std::uint16_t port) {
        std::array<unsigned char, 4096> reply;
        const auto got = ::recv(socket_, reply.data(), reply.size(), MSG_DONTWAIT);
        if (got < 0) {
            if (Clock::now() - sent_ > milliseconds(100)) repeat();
            return false;
        }
        const auto size = static_cast<std::size_t>(got);
        const auto number = [&](std::size_t at) {
            return at + 1 < size ? static_cast<unsigned>(reply.at(at) << 8U | reply.at(at + 1))
                                 : 0U;
        };
        if (number(0) != id_) return false;
        auto at = query_.size();
        for (unsigned left = number(6); left > 0; --left) {
            if (number(at + 16) == port) return true;  // behind owner, type, class, TTL, …, weight
            at += 12 + number(at + 10);
        }
        repeat();
        return false;
    }

private:
    int socket_;
    std::uint16_t id_ = 0;
    std::string query_;
    Clock::time_point sent_;
};

// By a client of its own: sessions that do nothing meanwhile would expire.
void create_services(const LoadClient::Address& core, std::size_t services) {
    LoadClient client({core}, session_timeout);
    client.open(1);
    const auto service = RequestTemplate::create("/services/svc-#####", "");
    const auto instance = RequestTemplate::create(path, record(first_port));
    for (std::size_t i = 0; i < services; ++i) {
        client.ask(0, service, i);
        for (std::size_t j = 0; j < instances; ++j) client.ask(0, instance, i * 10 + j);
    }
    client.close();
}

class Load {
public:
    Load(LoadClient& client, Resolver& resolver, std::size_t services)
        : client_(client), resolver_(resolver), services_(services) {
        for (std::uint16_t i = 0; i < usual_ports; ++i) {
            const auto port = static_cast<std::uint16_t>(first_port + i);
            sets_.push_back(RequestTemplate::set(path, record(port)));
        }
    }

    // Makes what is due, and waits a moment for replies.
    void turn(std::size_t due) {
        for (; made < due; ++made) change();
        for (std::size_t i = 0; i < sessions; ++i) client_.send(i);
        client_.poll(
            milliseconds(is_sampling() ? 0 : 1),
            [this](std::size_t, const LoadClient::Reply& reply) { take(reply); },
            [](std::size_t) {});
        if (acknowledged_ && resolver_.has(sampled_port_)) {
            seen.push_back(seconds_between(*acknowledged_, Clock::now()));
            acknowledged_.reset();
            sampled_.reset();
        }
    }

    std::size_t made = 0;
    std::size_t replies = 0;
    std::size_t errors = 0;
    std::size_t samples_wanted = 0;
    std::vector<double> taken;  // from asking for the change to its acknowledgement
    std::vector<double> seen;   // and on to the first answer that has it

private:
    [[nodiscard]] bool is_sampling() const { return sampled_.has_value(); }

    void change() {
        const auto service = made * 7919 % services_;
        const auto instance = service * 10 + made / services_ % instances;
        const auto xid = static_cast<std::int32_t>(made + 2);
        auto& out = client_.out(made % sessions);
        if (is_sampling() || seen.size() >= samples_wanted) {
            return sets_[made % usual_ports].append_to(out, xid, instance);
        }
        sampled_port_ = static_cast<std::uint16_t>(first_sampled_port + seen.size() % 40'000);
        RequestTemplate::set(path, record(sampled_port_)).append_to(out, xid, instance);
        sampled_ = xid;
        sampled_service_ = service;
        asked_ = Clock::now();
    }

    void take(const LoadClient::Reply& reply) {
        ++replies;
        if (reply.error != 0) ++errors;
        if (reply.xid != sampled_ || acknowledged_) return;
        acknowledged_ = Clock::now();
        taken.push_back(seconds_between(asked_, *acknowledged_));
        resolver_.ask(sampled_service_);
    }

    LoadClient& client_;
    Resolver& resolver_;
    const std::size_t services_;
    std::vector<RequestTemplate> sets_;
    std::optional<std::int32_t> sampled_;  // the change that is looked for
    std::size_t sampled_service_ = 0;
    std::uint16_t sampled_port_ = 0;
    Clock::time_point asked_;
    std::optional<Clock::time_point> acknowledged_;
};

void print_percentiles(const char* what, std::vector<double> values) {
    std::sort(values.begin(), values.end());
    const auto at = [&](double share) {
        if (values.empty()) return 0.0;
        const auto rank = static_cast<std::size_t>(share * static_cast<double>(values.size()));
        return values[std::min(rank, values.size() - 1)];
    };
    std::printf("{\"of\": \"%s\", \"samples\": %zu, \"p50\": %.6f, \"p99\": %.6f, \"max\": %.6f}\n",
                what,
                values.size(),
                at(.5),
                at(.99),
                at(1));
}

void run(const std::vector<std::string>& arguments) {
    if (arguments.size() != 6)
        throw std::runtime_error("see the beginning of registration_load.cpp");
    const auto pid = parse<pid_t>(arguments[2]);
    const auto services = std::min<std::size_t>(parse<std::size_t>(arguments[3]), 100'000);
    const auto rate = parse<double>(arguments[4]);
    const auto seconds = parse<double>(arguments[5]);
    create_services(parse_address(arguments[0]), services);
    LoadClient client({parse_address(arguments[0])}, session_timeout);
    Resolver resolver(parse_address(arguments[1]));
    client.open(sessions);
    Load load(client, resolver, services);
    const auto begin = Clock::now();
    double told = 0;
    for (double now = 0; now < seconds; now = seconds_between(begin, Clock::now())) {
        load.samples_wanted = static_cast<std::size_t>(now * samples_per_second);
        load.turn(static_cast<std::size_t>(now * rate));
        if (now < told) continue;
        std::printf("{\"after\": %.0f, \"changes\": %zu, \"resident_mb\": %.1f}\n",
                    now,
                    load.replies,
                    resident_mb(pid));
        std::fflush(stdout);
        told += seconds / 10;
    }
    while (load.replies < load.made) load.turn(load.made);
    if (load.errors != 0) throw std::runtime_error("some changes failed");
    print_percentiles("change -> acknowledged", load.taken);
    print_percentiles("acknowledged -> answered", load.seen);
    std::printf("{\"changes\": %zu, \"resident_mb\": %.1f}\n", load.replies, resident_mb(pid));
    client.close();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run({argv + 1, argv + argc});
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "registration_load: %s\n", failure.what());
        return 1;
    }
}
