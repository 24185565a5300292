// The DNS face with a catalog made up on the spot: what dns_bench.py asks, without a coordination
// core beside it.
//
//   dns_face SERVICES INSTANCES [CHANGES_PER_SECOND] [LISTEN] [BROWSE] [SHAPE]
//
// Prints its port, how long the build took and what it holds in memory, then answers until its
// standard input ends. BROWSE is dns.browse: "*" for all, "" for no services that are found by
// browsing. SHAPE says what instances have: "bare" (default) an address and a port, "usual" also a
// node, two tags, an entry of metadata and an HTTP check. With changes, each moves one instance of
// one service to another port; the time from publishing it to the first answer that has it is
// printed at the end.

#include "dns/server.hpp"
#include "tests/support/publications.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <malloc.h>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unistd.h>
#include <vector>

namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;

std::string address_of(std::size_t number) {
    return "10." + std::to_string(number >> 16U & 255U) + "." +
           std::to_string(number >> 8U & 255U) + "." + std::to_string(number & 255U);
}

double resident_megabytes() {
    std::ifstream in("/proc/self/statm");
    double total = 0;
    double resident = 0;
    in >> total >> resident;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

double seconds_since(Clock::time_point begin) {
    return std::chrono::duration<double>(Clock::now() - begin).count();
}

class Bench {
public:
    Bench(std::size_t services,
          std::size_t instances,
          std::size_t changes,
          std::string listen,
          std::string browse,
          bool usual)
        : services_(services), instances_(instances), changes_(changes), usual_(usual) {
        dns::ServerOptions options{.config = {},
                                   .domain = "roster.internal",
                                   .datacenter = "dc1",
                                   .node = "host1",
                                   .address = "127.0.0.1"};
        options.config.listen = {std::move(listen)};
        options.config.browse = {std::move(browse)};
        server_ = std::make_unique<dns::Server>(std::move(options));
    }

    void run() {
        build();
        server_->start();
        std::printf("port %u\n", unsigned{server_->ports().at(0)});
        std::fflush(stdout);
        input_.async_read_some(asio::buffer(octet_), [this](const auto&, std::size_t) {
            timer_.cancel();
            io_.stop();
        });
        if (changes_ > 0) {
            begun_ = Clock::now();
            tick();
        }
        io_.run();
        server_->stop();
        report();
    }

private:
    std::shared_ptr<const agent::ServiceView> make_service(std::size_t number, std::size_t round) {
        std::vector<support::Instance> instances;
        for (std::size_t i = 0; i < instances_; ++i) {
            support::Instance instance;
            instance.address = address_of(number * instances_ + i);
            instance.port = static_cast<std::uint16_t>(8000 + (i == 0 ? round % 1000 : 0));
            if (usual_) make_usual(instance);
            instances.push_back(std::move(instance));
        }
        auto service = support::make_service("svc-" + std::to_string(number), instances);
        return usual_ ? with_checks(*service) : service;
    }

    static void make_usual(support::Instance& instance) {
        static const auto node = support::make_node("host-1.example.internal", "10.255.0.1");
        instance.node = node;
        instance.tags = {"production", "v1"};
        instance.meta = {{"version", "1.2.3"}};
    }

    // As an agent publishes them after a first run.
    static std::shared_ptr<const agent::ServiceView> with_checks(agent::ServiceView service) {
        for (auto& instance : service.instances) {
            agent::Check check;
            auto& definition = check.definition;
            definition.service_id = instance.record.id();
            definition.id = "service:" + definition.service_id;
            definition.name = "Service '" + service.name + "' check";
            definition.kind = agent::CheckKind::http;
            definition.http = "http://" + std::string(instance.record.address()) + ":8080/health";
            definition.interval = definition.timeout = std::chrono::seconds(10);
            check.status = {agent::Health::passing, "HTTP GET " + definition.http + ": 200 OK"};
            support::change_record(instance, [&](auto& record) {
                record.registered_ms = 1'700'000'000'000;
                record.checks = {check};
            });
        }
        return std::make_shared<const agent::ServiceView>(std::move(service));
    }

    void build() {
        const double before = resident_megabytes();
        auto step = std::make_shared<agent::Publication>(support::publication(++index_));
        for (std::size_t i = 0; i < services_; ++i) step->services.push_back(make_service(i, 0));
        const double catalog = resident_megabytes();
        const auto begin = Clock::now();
        server_->publish(step);
        std::printf("built %zu instances of %zu services in %.3f s\n",
                    services_ * instances_,
                    services_,
                    seconds_since(begin));
        const double table = resident_megabytes();
        std::printf("memory: catalog %.1f MB, table %.1f MB\n", catalog - before, table - catalog);
        const auto each = static_cast<double>(services_ * instances_) / 1e6;
        std::printf("octets per instance: catalog %.0f, table %.0f\n",
                    (catalog - before) / each,
                    (table - catalog) / each);
    }

    // Every millisecond as many changes as are due, one publication each, as from a busy catalog.
    void tick() {
        const auto due =
            static_cast<std::size_t>(seconds_since(begun_) * static_cast<double>(changes_));
        for (; made_ < due; ++made_) {
            auto step = std::make_shared<agent::Publication>(support::publication(++index_));
            step->services = {make_service(made_ * 7919 % services_, 1 + made_ / services_)};
            const auto begin = Clock::now();
            server_->publish(step);
            took_.push_back(seconds_since(begin));
            if (made_ % 16 == 0)
                behind_.push_back(seconds_since(begun_) -
                                  static_cast<double>(made_) / static_cast<double>(changes_));
        }
        timer_.expires_after(std::chrono::milliseconds(1));
        timer_.async_wait([this](const auto& cancelled) {
            if (!cancelled) tick();
        });
    }

    void report() {
        if (took_.empty()) return;
        const auto at = [](std::vector<double>& values, double share) {
            std::sort(values.begin(), values.end());
            return values[std::min(
                       values.size() - 1,
                       static_cast<std::size_t>(share * static_cast<double>(values.size())))] *
                   1e6;
        };
        std::printf("changes %zu: publish p50 %.1f us p99 %.1f us p99.9 %.1f us; due -> published "
                    "p99 %.0f us; resident %.1f MB\n",
                    made_,
                    at(took_, .5),
                    at(took_, .99),
                    at(took_, .999),
                    at(behind_, .99),
                    resident_megabytes());
    }

    std::size_t services_;
    std::size_t instances_;
    std::size_t changes_;
    bool usual_;
    asio::io_context io_{1};
    asio::posix::stream_descriptor input_{io_, ::dup(STDIN_FILENO)};
    std::array<char, 1> octet_{};
    asio::steady_timer timer_{io_};
    std::unique_ptr<dns::Server> server_;
    std::uint64_t index_ = 0;
    Clock::time_point begun_;
    std::size_t made_ = 0;
    std::vector<double> took_;
    std::vector<double> behind_;
};

}  // namespace

int main(int argc, char** argv) {
    if (argc < 3) {
        std::fprintf(
            stderr,
            "usage: %s SERVICES INSTANCES [CHANGES_PER_SECOND] [LISTEN] [BROWSE] [SHAPE]\n",
            argv[0]);
        return 2;
    }
    const auto number = [&](int i) { return std::strtoul(argv[i], nullptr, 10); };
    Bench bench(number(1),
                number(2),
                argc > 3 ? number(3) : 0,
                argc > 4 ? argv[4] : "127.0.0.1:0",
                argc > 5 ? argv[5] : "*",
                argc > 6 && std::string_view(argv[6]) == "usual");
    bench.run();
}
