// Loads ZooKeeper servers, any that speak the protocol, and says what it cost the servers.
//
//   coord_load SERVERS PIDS create|set|get|mixed SESSIONS OUTSTANDING SECONDS
//   coord_load SERVERS PIDS fill ZNODES          parents of 1000 children each
//   coord_load SERVERS PIDS idle SESSIONS SECONDS
//   coord_load SERVERS PIDS watch SESSIONS ROUNDS
//
// SERVERS are ADDRESS:PORT,..., among which the sessions are dealt out; PIDS the processes whose costs are
// counted. Data are 100 bytes. Prints one line of JSON per figure taken; times are seconds, `pause` the
// longest that a session waited for its next reply. `idle` keeps its sessions until its input ends.

#include "tests/bench/arguments.hpp"
#include "tests/bench/load_client.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <poll.h>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <time.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace {

using bench::parse;
using coord::LoadClient;
using coord::RequestTemplate;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds session_timeout{30'000};
constexpr std::size_t keys = 1000;
constexpr std::int32_t xid_max = 1'000'000'000;
const std::string data(100, 'x');

double seconds_between(Clock::time_point begin, Clock::time_point end) {
    return std::chrono::duration<double>(end - begin).count();
}

double processor_seconds(clockid_t clock) {
    timespec used{};
    if (clock_gettime(clock, &used) != 0) throw std::runtime_error("the server has gone");
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) * 1e-9;
}

double percentile(std::vector<float>& values, double share) {
    if (values.empty()) return 0;
    const auto rank = static_cast<std::size_t>(static_cast<double>(values.size()) * share);
    const auto at = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
    std::nth_element(values.begin(), at, values.end());
    return static_cast<double>(*at);
}

struct Process {
    pid_t pid = 0;
    clockid_t clock{};  // of its processor time, all threads, to the nanosecond
};

struct Servers {
    std::vector<LoadClient::Address> addresses;
    std::vector<Process> processes;

    [[nodiscard]] double resident_mb() const {
        double sum = 0;
        for (const auto& process : processes) sum += bench::resident_mb(process.pid);
        return sum;
    }

    [[nodiscard]] double processor_time() const {
        double sum = 0;
        for (const auto& process : processes) sum += processor_seconds(process.clock);
        return sum;
    }
};

// Processor time of the servers and of this program, from when it is made.
class Meter {
public:
    explicit Meter(const Servers& servers)
        : servers_(servers),
          begin_(Clock::now()),
          server_begin_(servers.processor_time()),
          own_begin_(processor_seconds(CLOCK_PROCESS_CPUTIME_ID)) {}

    void stop() {
        seconds = seconds_between(begin_, Clock::now());
        server_cpu = servers_.processor_time() - server_begin_;
        own_cpu = processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - own_begin_;
    }

    double seconds = 0;
    double server_cpu = 0;
    double own_cpu = 0;

private:
    const Servers& servers_;
    Clock::time_point begin_;
    double server_begin_;
    double own_begin_;
};

void expect_ok(std::int32_t error, const char* what) {
    if (error != 0) throw std::runtime_error(std::string(what) + ": " + std::to_string(error));
}

// Keeps so many requests of each session under way, and measures between two moments.
class Pipeline {
public:
    // Appends the next request of a session.
    using Next = std::function<void(std::string& out, std::int32_t xid)>;

    Pipeline(LoadClient& client, std::size_t outstanding, Next next)
        : client_(client), outstanding_(outstanding), next_(std::move(next)) {
        lines_.resize(client.size());
    }

    void start() {
        now_ = Clock::now();
        for (std::size_t i = 0; i < client_.size(); ++i) {
            refill(i);
            client_.send(i);
        }
    }

    // Runs until `is_enough` says so, asked after each batch.
    template <class Enough>
    void run(Enough is_enough) {
        while (!is_enough()) step();
    }

    // Asks for nothing more, and waits for what was asked.
    void finish() {
        stopping_ = true;
        run([this] { return under_way_ == 0; });
    }

    std::size_t replies = 0;
    std::size_t errors = 0;
    std::vector<float> latencies;  // in seconds
    double pause = 0;              // the longest that a session waited for its next reply
    [[nodiscard]] Clock::time_point now() const { return now_; }

private:
    struct Line {
        std::vector<Clock::time_point> sent;  // a ring: replies come in the order of requests
        std::size_t first = 0;
        std::size_t count = 0;
        Clock::time_point replied{};
    };

    void step() {
        client_.poll(
            milliseconds(100),
            [this](std::size_t session, const LoadClient::Reply& reply) { take(session, reply); },
            [this](std::size_t session) {
                now_ = Clock::now();
                refill(session);
            });
        now_ = Clock::now();
    }

    void take(std::size_t session, const LoadClient::Reply& reply) {
        auto& line = lines_[session];
        ++replies;
        --under_way_;
        if (reply.error != 0) ++errors;
        if (!std::exchange(in_batch_, true)) now_ = Clock::now();
        latencies.push_back(static_cast<float>(seconds_between(line.sent[line.first], now_)));
        if (line.replied != Clock::time_point{}) {
            pause = std::max(pause, seconds_between(line.replied, now_));
        }
        line.replied = now_;
        line.first = (line.first + 1) % outstanding_;
        --line.count;
    }

    void refill(std::size_t session) {
        in_batch_ = false;
        if (stopping_) return;
        auto& line = lines_[session];
        line.sent.resize(outstanding_);
        auto& out = client_.out(session);
        for (; line.count < outstanding_; ++line.count, ++under_way_) {
            line.sent[(line.first + line.count) % outstanding_] = now_;
            next_(out, xid_ = xid_ % xid_max + 1);
        }
    }

    LoadClient& client_;
    const std::size_t outstanding_;
    const Next next_;
    std::vector<Line> lines_;
    std::size_t under_way_ = 0;
    bool in_batch_ = false;  // of replies that were read together
    std::int32_t xid_ = 0;
    bool stopping_ = false;
    Clock::time_point now_;
};

// A place of its own for each run, so that runs can follow each other.
std::string make_root(LoadClient& client) {
    const auto root = "/bench-" + std::to_string(getpid());
    expect_ok(client.ask(0, RequestTemplate::create(root, "")), "cannot create the root");
    return root;
}

Pipeline::Next requests_of(const std::string& kind, LoadClient& client, const std::string& root) {
    if (kind == "create") {
        return [create = RequestTemplate::create(root + "/n-########", data),
                number = std::size_t{0}](std::string& out, std::int32_t xid) mutable {
            create.append_to(out, xid, number++);
        };
    }
    const auto path = root + "/k-###";
    const auto create = RequestTemplate::create(path, data);
    for (std::size_t i = 0; i < keys; ++i) expect_ok(client.ask(0, create, i), "cannot create");
    const unsigned sets_in_ten = kind == "set" ? 10 : kind == "mixed" ? 1 : 0;
    return [set = RequestTemplate::set(path, data),
            get = RequestTemplate::get(path, false),
            random = std::minstd_rand(1),
            sets_in_ten](std::string& out, std::int32_t xid) mutable {
        const auto& request = random() % 10 < sets_in_ten ? set : get;
        request.append_to(out, xid, random() % keys);
    };
}

void load(const Servers& servers,
          const std::string& kind,
          std::size_t sessions,
          std::size_t outstanding,
          double seconds) {
    LoadClient client(servers.addresses, session_timeout);
    client.open(sessions);
    Pipeline pipeline(client, outstanding, requests_of(kind, client, make_root(client)));
    pipeline.start();
    const auto until = [&](double length) {
        const auto begin = Clock::now();
        pipeline.run([&] { return seconds_between(begin, pipeline.now()) >= length; });
    };
    until(seconds / 10);  // The first requests meet an idle server.
    pipeline.replies = 0;
    pipeline.latencies.clear();
    pipeline.pause = 0;
    Meter meter(servers);
    until(seconds);
    meter.stop();
    const auto replies = pipeline.replies;
    const auto pause = pipeline.pause;
    auto latencies = pipeline.latencies;
    pipeline.finish();
    if (pipeline.errors != 0) throw std::runtime_error("some requests failed");
    std::printf("{\"ops\": %zu, \"seconds\": %.6f, \"server_cpu\": %.6f, \"own_cpu\": %.6f, "
                "\"p50\": %.6f, \"p99\": %.6f, \"pause\": %.6f}\n",
                replies,
                meter.seconds,
                meter.server_cpu,
                meter.own_cpu,
                percentile(latencies, .5),
                percentile(latencies, .99),
                pause);
    client.close();
}

void fill(const Servers& servers, std::size_t znodes) {
    LoadClient client(servers.addresses, session_timeout);
    client.open(1);
    const auto root = make_root(client);
    const auto parent = RequestTemplate::create(root + "/###", "");
    for (std::size_t i = 0; i < (znodes + keys - 1) / keys; ++i) {
        expect_ok(client.ask(0, parent, i), "cannot create");
    }
    std::size_t made = 0;
    Pipeline pipeline(client,
                      800,
                      [&, child = RequestTemplate::create(root + "/###/###", data)](
                          std::string& out, std::int32_t xid) {
                          child.append_to(out, xid, std::min(made++, znodes - 1));
                      });
    Meter meter(servers);
    pipeline.start();
    pipeline.run([&] { return made >= znodes; });
    pipeline.finish();
    meter.stop();
    // The last requests may ask for the last znode again.
    if (pipeline.errors != made - znodes) throw std::runtime_error("some requests failed");
    std::printf("{\"seconds\": %.6f, \"server_cpu\": %.6f, \"resident_mb\": %.1f}\n",
                meter.seconds,
                meter.server_cpu,
                servers.resident_mb());
    client.close();
}

// Each session pings as a client does: after a third of its timeout; all of them evenly spread.
void idle(const Servers& servers, std::size_t sessions, double seconds) {
    LoadClient client(servers.addresses, session_timeout);
    const auto before = servers.resident_mb();
    Meter opening(servers);
    client.open(sessions);
    opening.stop();

    const double per_second =
        static_cast<double>(sessions) * 3000 / static_cast<double>(session_timeout.count());
    const auto begin = Clock::now();
    std::size_t pings = 0;
    const auto turn = [&] {
        const auto due =
            static_cast<std::size_t>(per_second * seconds_between(begin, Clock::now()));
        for (; pings < due; ++pings) client.ping(pings % sessions);
        client.poll(
            milliseconds(1), [](auto...) {}, [](auto) {});
    };
    Meter meter(servers);
    while (seconds_between(begin, Clock::now()) < seconds) turn();
    meter.stop();
    std::printf(
        "{\"open_seconds\": %.6f, \"open_server_cpu\": %.6f, \"seconds\": %.6f, "
        "\"server_cpu\": %.6f, \"pings\": %zu, \"before_mb\": %.1f, \"resident_mb\": %.1f}\n",
        opening.seconds,
        opening.server_cpu,
        meter.seconds,
        meter.server_cpu,
        pings,
        before,
        servers.resident_mb());
    std::fflush(stdout);
    pollfd input{STDIN_FILENO, POLLIN, 0};
    while (::poll(&input, 1, 0) == 0) turn();
    client.close();
}

// Lets input gather for a moment: 10,000 clients in one process would be woken for each notification,
// at the server's cost, which clients elsewhere are not. Adds as much to what is measured at most.
void gather() {
    constexpr timespec moment{0, 500'000};
    ::ppoll(nullptr, 0, &moment, nullptr);
}

// From sending the change to having read the notification of the last of `sessions`.
void watch(const Servers& servers, std::size_t sessions, std::size_t rounds) {
    LoadClient client(servers.addresses, session_timeout);
    client.open(sessions + 1);
    const auto path = make_root(client) + "/watched";
    expect_ok(client.ask(0, RequestTemplate::create(path, data)), "cannot create");
    const auto get = RequestTemplate::get(path, true);
    const auto set = RequestTemplate::set(path, data);
    std::size_t told = 0;
    std::size_t replies = 0;
    const auto count = [&](std::size_t, const LoadClient::Reply& reply) {
        ++(reply.xid == coord::notification_xid ? told : replies);
    };
    for (std::size_t round = 0; round < rounds; ++round) {
        told = replies = 0;
        for (std::size_t i = 0; i < sessions; ++i) {
            get.append_to(client.out(i), 1);
            client.send(i);
            if (i % 100 == 0) client.poll(milliseconds(0), count, [](auto) {});
        }
        while (replies < sessions) client.poll(milliseconds(100), count, [](auto) {});
        Meter meter(servers);
        set.append_to(client.out(sessions), 1);
        client.send(sessions);
        while (told < sessions) {
            gather();
            client.poll(milliseconds(0), count, [](auto) {});
        }
        meter.stop();
        while (replies < sessions + 1) client.poll(milliseconds(100), count, [](auto) {});
        std::printf("{\"seconds\": %.6f, \"server_cpu\": %.6f, \"own_cpu\": %.6f}\n",
                    meter.seconds,
                    meter.server_cpu,
                    meter.own_cpu);
    }
    client.close();
}

std::vector<std::string> split(const std::string& list) {
    std::vector<std::string> parts;
    std::istringstream in(list);
    for (std::string part; std::getline(in, part, ',');) parts.push_back(part);
    return parts;
}

Servers servers_of(const std::string& addresses, const std::string& pids) {
    Servers servers;
    for (const auto& address : split(addresses)) {
        servers.addresses.push_back(bench::parse_address(address));
    }
    for (const auto& pid : split(pids)) {
        Process process{parse<pid_t>(pid), {}};
        if (clock_getcpuclockid(process.pid, &process.clock) != 0) {
            throw std::runtime_error("no such process: " + pid);
        }
        servers.processes.push_back(process);
    }
    return servers;
}

void run(const std::vector<std::string>& arguments) {
    if (arguments.size() < 4) throw std::runtime_error("see the beginning of coord_load.cpp");
    const auto servers = servers_of(arguments[0], arguments[1]);
    const auto& what = arguments[2];
    const auto count = parse<std::size_t>(arguments[3]);
    if (what == "fill") {
        fill(servers, count);
    } else if (what == "idle" && arguments.size() > 4) {
        idle(servers, count, parse<double>(arguments[4]));
    } else if (what == "watch" && arguments.size() > 4) {
        watch(servers, count, parse<std::size_t>(arguments[4]));
    } else if (arguments.size() > 5) {
        const auto outstanding = parse<std::size_t>(arguments[4]);
        load(servers, what, count, outstanding, parse<double>(arguments[5]));
    } else {
        throw std::runtime_error("see the beginning of coord_load.cpp");
    }
}

}  // namespace

int main(int argc, char** argv) {
    try {
        run({argv + 1, argv + argc});
    } catch (const std::exception& failure) {
        std::fprintf(stderr, "coord_load: %s\n", failure.what());
        return 1;
    }
}
