#include "agent/checks/check_runner.hpp"

#include "agent/checks/check_schedule.hpp"
#include "agent/checks/check_state.hpp"
#include "agent/checks/http_check.hpp"
#include "agent/checks/script_check.hpp"
#include "agent/checks/tcp_check.hpp"
#include "coord/base/log.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <deque>
#include <optional>
#include <random>
#include <unordered_map>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;
using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

spdlog::logger& log() { return coord::logger("agent.checks"); }

constexpr std::array kinds{CheckKind::ttl, CheckKind::http, CheckKind::tcp, CheckKind::script};

// A TTL check has none: it is reported to.
std::unique_ptr<Probe> make_probe(asio::io_context& io, const CheckDefinition& definition) {
    switch (definition.kind) {
        case CheckKind::http: return std::make_unique<HttpCheck>(io, definition);
        case CheckKind::tcp: return std::make_unique<TcpCheck>(io, definition);
        case CheckKind::script: return std::make_unique<ScriptCheck>(io, definition);
        case CheckKind::ttl: break;
    }
    return nullptr;
}

// Written by the agent thread, read by whoever scrapes.
struct Counters {
    std::array<coord::Counter, kinds.size()> runs;
    std::array<coord::Counter, kinds.size()> failures;
    coord::Counter timeouts;
    coord::Counter delayed;
    std::atomic<std::size_t> running{0};
    std::atomic<std::size_t> waiting{0};
    std::atomic<std::size_t> checks{0};
};

// One check: what it is, how it is, and when it is looked at next.
struct Slot {
    Slot(asio::io_context& io, CheckDefinition given, CheckState begun)
        : definition(std::move(given)),
          state(std::move(begun)),
          probe(make_probe(io, definition)),
          timer(io),
          critical_timer(io) {}

    CheckDefinition definition;
    CheckState state;
    std::unique_ptr<Probe> probe;
    asio::steady_timer timer;           // The next run; of a TTL check, its end.
    asio::steady_timer critical_timer;  // When it will have been critical for too long.
    Clock::time_point started;          // The run under way.
    bool is_running = false;
    bool is_removed = false;
};

using SlotPtr = std::shared_ptr<Slot>;

}  // namespace

struct CheckRunner::State : std::enable_shared_from_this<State> {
    State(asio::io_context& context, CheckRunnerOptions given, CheckReports told)
        : io(context),
          options(given),
          reports(std::move(told)),
          random(given.seed != 0 ? given.seed : std::random_device{}()) {}

    void set_checks(const std::vector<Check>& checks) {
        std::unordered_map<std::string, SlotPtr> next;
        std::vector<SlotPtr> added;
        for (const auto& check : checks) {
            auto definition = effective(check.definition);
            const auto known = slots.find(definition.id);
            if (known != slots.end() && known->second->definition == definition) {
                next.insert(slots.extract(known));
                continue;
            }
            CheckState begun(definition, check.status, Clock::now());
            const auto id = definition.id;
            auto slot = std::make_shared<Slot>(io, std::move(definition), std::move(begun));
            if (next.emplace(id, slot).second) added.push_back(std::move(slot));
        }
        for (const auto& [id, slot] : slots) remove(*slot);
        slots = std::move(next);
        counters.checks.store(slots.size(), std::memory_order_relaxed);
        for (const auto& slot : added) begin(slot);
    }

    [[nodiscard]] CheckDefinition effective(CheckDefinition definition) const {
        if (definition.interval.count() > 0) {
            definition.interval = std::max(definition.interval, options.interval_min);
        }
        auto& after = definition.deregister_critical_after;
        if (after.count() > 0) after = std::max(after, options.deregister_after_min);
        return definition;
    }

    void begin(const SlotPtr& slot) {
        const auto& interval = slot->definition.interval;
        if (slot->probe) {
            run_after(slot, first_delay(interval, slot->state.has_run(), chance()));
        } else {
            await_report(slot);
        }
        watch_critical(slot);
    }

    static void remove(Slot& slot) {
        slot.is_removed = true;
        slot.timer.cancel();
        slot.critical_timer.cancel();
        if (slot.is_running) slot.probe->cancel();
    }

    double chance() { return std::uniform_real_distribution<>(0, 1)(random); }

    void run_after(const SlotPtr& slot, milliseconds delay) {
        slot->timer.expires_after(delay);
        slot->timer.async_wait([self = shared_from_this(), slot](const auto& error) {
            if (!error && !slot->is_removed) self->due(slot);
        });
    }

    void due(const SlotPtr& slot) {
        if (counters.running.load(std::memory_order_relaxed) < options.running_max) {
            return start(slot);
        }
        counters.delayed.add();
        waiting.push_back(slot);
        counters.waiting.store(waiting.size(), std::memory_order_relaxed);
    }

    void start(const SlotPtr& slot) {
        slot->is_running = true;
        slot->started = Clock::now();
        counters.running.fetch_add(1, std::memory_order_relaxed);
        coord::spawn(io, "check", run(shared_from_this(), slot));
    }

    static coord::Task<void> run(std::shared_ptr<State> self, SlotPtr slot) {
        const auto result = co_await slot->probe->run();
        self->ended(slot, result);
    }

    void ended(const SlotPtr& slot, const ProbeResult& result) {
        const auto kind = static_cast<std::size_t>(slot->definition.kind);
        slot->is_running = false;
        counters.running.fetch_sub(1, std::memory_order_relaxed);
        counters.runs.at(kind).add();
        if (result.status.health == Health::critical) counters.failures.at(kind).add();
        if (result.timed_out) counters.timeouts.add();
        start_waiting();
        if (slot->is_removed) return;

        const auto now = Clock::now();
        const auto took = std::chrono::duration_cast<milliseconds>(now - slot->started);
        run_after(slot, next_delay(slot->definition.interval, took, chance()));
        const auto before = slot->state.status().health;
        const auto status = slot->state.decide(result.status, now);
        if (status) report(slot, before, *status);
    }

    void start_waiting() {
        while (!waiting.empty() &&
               counters.running.load(std::memory_order_relaxed) < options.running_max) {
            const auto slot = std::move(waiting.front());
            waiting.pop_front();
            if (!slot->is_removed) start(slot);
        }
        counters.waiting.store(waiting.size(), std::memory_order_relaxed);
    }

    void report(const SlotPtr& slot, Health before, const CheckStatus& status) {
        if (status.health != before) {
            log().debug("check flipped check={} service={} from={} to={} output=\"{}\"",
                        slot->definition.id,
                        slot->definition.service_id,
                        format(before),
                        format(status.health),
                        first_line(status.output));
        }
        watch_critical(slot);
        reports.status(slot->definition.id, status);
    }

    static std::string_view first_line(std::string_view text) {
        return text.substr(0, std::min<std::size_t>(text.find('\n'), 200));
    }

    void await_report(const SlotPtr& slot) {
        slot->timer.expires_after(slot->definition.ttl);
        slot->timer.async_wait([self = shared_from_this(), slot](const auto& error) {
            if (!error && !slot->is_removed) self->expire(slot);
        });
    }

    void expire(const SlotPtr& slot) {
        const auto last = slot->state.status();
        const auto status = expired(last);
        counters.runs.at(static_cast<std::size_t>(CheckKind::ttl)).add();
        counters.failures.at(static_cast<std::size_t>(CheckKind::ttl)).add();
        slot->state.set(status, Clock::now());
        report(slot, last.health, status);
    }

    void ttl_reported(const std::string& id, CheckStatus status) {
        const auto found = slots.find(id);
        if (found == slots.end() || found->second->definition.kind != CheckKind::ttl) return;
        const auto slot = found->second;
        counters.runs.at(static_cast<std::size_t>(CheckKind::ttl)).add();
        slot->state.set(std::move(status), Clock::now());
        await_report(slot);
        watch_critical(slot);
    }

    void watch_critical(const SlotPtr& slot) {
        const auto at = slot->state.deregister_at();
        const bool is_armed = slot->critical_timer.expiry() > Clock::now();
        if (!at || slot->definition.service_id.empty()) {
            slot->critical_timer.expires_at(Clock::time_point::min());
        } else if (!is_armed) {
            deregister_at(slot, std::max(*at, Clock::now()));
        }
    }

    void deregister_at(const SlotPtr& slot, Clock::time_point at) {
        slot->critical_timer.expires_at(at);
        slot->critical_timer.async_wait([self = shared_from_this(), slot](const auto& error) {
            if (error || slot->is_removed || !slot->state.deregister_at()) return;
            log().info("critical for too long check={} service={}",
                       slot->definition.id,
                       slot->definition.service_id);
            // Should it fail, the check is still here after a while.
            self->deregister_at(slot, Clock::now() + self->options.deregister_retry);
            self->reports.deregister(slot->definition.service_id);
        });
    }

    void stop() {
        for (const auto& [id, slot] : slots) remove(*slot);
        slots.clear();
        waiting.clear();
    }

    asio::io_context& io;
    CheckRunnerOptions options;
    CheckReports reports;
    std::mt19937_64 random;
    std::unordered_map<std::string, SlotPtr> slots;
    std::deque<SlotPtr> waiting;  // At most all checks: each waits once.
    Counters counters;
};

CheckRunner::CheckRunner(asio::io_context& io, CheckRunnerOptions options, CheckReports reports)
    : state_(std::make_shared<State>(io, options, std::move(reports))) {}

CheckRunner::~CheckRunner() { stop(); }

void CheckRunner::set_checks(const std::vector<Check>& checks) { state_->set_checks(checks); }

void CheckRunner::ttl_reported(const std::string& check_id, CheckStatus status) {
    state_->ttl_reported(check_id, std::move(status));
}

void CheckRunner::stop() { state_->stop(); }

std::vector<coord::Metric> CheckRunner::metrics() const {
    using enum coord::MetricKind;
    const auto& counters = state_->counters;
    const auto of = [](const auto& gauge) {
        return static_cast<double>(gauge.load(std::memory_order_relaxed));
    };
    std::vector<coord::Metric> all{
        {gauge, "roster_checks", "Checks of this agent.", of(counters.checks)},
        {gauge, "roster_checks_running", "Checks that run right now.", of(counters.running)},
        {gauge, "roster_checks_waiting", "Checks that wait for their turn.", of(counters.waiting)},
        {counter,
         "roster_checks_delayed_total",
         "Runs that had to wait because too many were under way.",
         static_cast<double>(counters.delayed.value())},
        {counter,
         "roster_checks_timeouts_total",
         "Runs that did not end in time.",
         static_cast<double>(counters.timeouts.value())}};
    const auto add = [&](const char* name, const char* help, const auto& by_kind) {
        for (const auto kind : kinds) {
            const auto count = by_kind.at(static_cast<std::size_t>(kind)).value();
            all.push_back({counter,
                           name,
                           help,
                           static_cast<double>(count),
                           {{"kind", std::string(format(kind))}}});
        }
    };
    add("roster_checks_runs_total", "Runs that ended, and reports of TTL checks.", counters.runs);
    add("roster_checks_failures_total", "Runs that found it critical.", counters.failures);
    return all;
}

}  // namespace agent
