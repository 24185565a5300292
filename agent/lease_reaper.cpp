#include "agent/lease_reaper.hpp"

#include "agent/dynamic_entries.hpp"
#include "coord/base/log.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <map>
#include <set>
#include <utility>

namespace agent {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t moment_ms_max = 500;
constexpr milliseconds again{1000};         // after a failure
constexpr milliseconds look_every{30'000};  // clocks may be set

spdlog::logger& log() { return coord::logger("agent.lease_reaper"); }

}  // namespace

struct LeaseReaper::State : std::enable_shared_from_this<State> {
    State(boost::asio::io_context& with,
          coord::Client& of_agent,
          std::string name,
          std::function<std::int64_t()> clock)
        : io(with),
          client(of_agent),
          node(std::move(name)),
          clock_ms(std::move(clock)),
          timer(io) {}

    void keep(const std::string& path, std::int64_t expires_ms);
    void forget(const std::string& path);
    void watch(const ServiceView& service);
    void arm(milliseconds least = milliseconds(0));
    coord::Task<void> reap();
    [[nodiscard]] std::int64_t moment_of(const std::string& path) const {
        return static_cast<std::int64_t>(std::hash<std::string>{}(node + path) %
                                         static_cast<std::size_t>(moment_ms_max));
    }

    boost::asio::io_context& io;
    coord::Client& client;
    std::string node;
    std::function<std::int64_t()> clock_ms;
    boost::asio::steady_timer timer;
    std::map<std::string, std::int64_t> due;                  // by path: when this agent is to look
    std::set<std::pair<std::int64_t, std::string>> order;     // the same, the earliest first
    std::map<std::string, std::set<std::string>> of_service;  // paths
    bool reaping = false;
    bool stopped = false;
    coord::Counter reaped;
    std::atomic<std::size_t> size = 0;  // written here, read by metrics()
};

void LeaseReaper::State::forget(const std::string& path) {
    const auto found = due.find(path);
    if (found == due.end()) return;
    order.erase({found->second, path});
    due.erase(found);
    size = due.size();
}

void LeaseReaper::State::keep(const std::string& path, std::int64_t expires_ms) {
    forget(path);
    if (expires_ms == 0) return;
    const auto at = expires_ms + moment_of(path);
    due.emplace(path, at);
    order.emplace(at, path);
    size = due.size();
}

void LeaseReaper::State::watch(const ServiceView& service) {
    std::set<std::string> leased;
    for (const auto& instance : service.instances) {
        const auto origin = instance.record.dns();
        if (!origin || origin->expires_ms == 0) continue;
        auto path = service_path(service.name).append("/").append(instance.record.znode());
        keep(path, origin->expires_ms);
        leased.insert(std::move(path));
    }
    auto& before = of_service[service.name];
    for (const auto& path : before) {
        if (!leased.contains(path)) forget(path);
    }
    before = std::move(leased);
    if (before.empty()) of_service.erase(service.name);
}

void LeaseReaper::State::arm(milliseconds least) {
    if (stopped || reaping || order.empty()) return;
    const milliseconds left(order.begin()->first - clock_ms());
    timer.expires_after(std::clamp(left, least, look_every));
    timer.async_wait([state = shared_from_this()](const auto& cancelled) {
        if (cancelled || state->stopped) return;
        state->reaping = true;
        coord::spawn(
            state->io, "lease reaper", [state]() -> coord::Task<void> { co_await state->reap(); });
    });
}

// Whatever is over. What becomes of it the watch will tell; until then it is not looked at again.
coord::Task<void> LeaseReaper::State::reap() {
    milliseconds pause{0};
    while (!stopped && !order.empty() && order.begin()->first <= clock_ms()) {
        const auto path = order.begin()->second;
        const auto now = clock_ms();
        const auto done = co_await expire_dynamic(client, path, now);
        if (!done) {
            pause = again;
            break;
        }
        if (*done) {
            reaped.add();
            log().info("lease over path={}", path);
        }
        const auto at = due.find(path);
        if (at != due.end() && at->second <= now) forget(path);
    }
    reaping = false;
    arm(pause);
}

LeaseReaper::LeaseReaper(boost::asio::io_context& io,
                         coord::Client& client,
                         std::string node,
                         std::function<std::int64_t()> clock_ms)
    : state_(std::make_shared<State>(io, client, std::move(node), std::move(clock_ms))) {}

LeaseReaper::~LeaseReaper() { stop(); }

void LeaseReaper::watch(const Publication& publication) {
    for (const auto& service : publication.services) state_->watch(*service);
    for (const auto& name : publication.removed_services) {
        ServiceView none;
        none.name = name;
        state_->watch(none);
    }
    state_->arm();
}

void LeaseReaper::watch(const DynamicPublication& publication) {
    for (const auto& name : publication.names) {
        std::int64_t first = 0;
        for (const auto& record : name->records) {
            if (record.expires_ms == 0) continue;
            if (first == 0 || record.expires_ms < first) first = record.expires_ms;
        }
        state_->keep(dynamic_path(name->name), first);
    }
    for (const auto& name : publication.removed) state_->forget(dynamic_path(name));
    state_->arm();
}

void LeaseReaper::stop() {
    state_->stopped = true;
    state_->timer.cancel();
}

std::vector<coord::Metric> LeaseReaper::metrics() const {
    using enum coord::MetricKind;
    return {{gauge,
             "roster_dns_leases",
             "Instances and names that DNS UPDATE made for a while only.",
             static_cast<double>(state_->size.load())},
            {counter,
             "roster_dns_leases_over_total",
             "Instances and names of whose records this agent removed those that were over.",
             static_cast<double>(state_->reaped.value())}};
}

}  // namespace agent
