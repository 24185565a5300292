#pragma once
// Runs every check of this agent on its interval, applies the thresholds, and reports.
//
// Fed by:  Registrar, with the set of checks whenever it changes.
// Read by: Registrar, through `report`.
// Thread:  agent.
// Holds:   at most one run of a check at a time; first run at a random point within the interval
//          (at most 1 s after the start when the check has never run); a check that keeps its
//          definition keeps its schedule and its counts; at most `running_max` runs at once.

#include "agent/service.hpp"
#include "coord/base/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace agent {

struct CheckRunnerOptions {
    std::size_t running_max = 256;  // then checks wait for their turn, and are counted
    std::uint64_t seed = 0;         // of the jitter; 0: random
    // Consul's floors: shorter ones in a definition are raised to these.
    std::chrono::milliseconds interval_min{1'000};
    std::chrono::milliseconds deregister_after_min{60'000};
    std::chrono::milliseconds deregister_retry{
        30'000};  // it may fail: the check is still here then
};

struct CheckReports {
    // A check's health or output changed.
    std::function<void(const std::string& check_id, CheckStatus status)> status;
    // A check was critical for longer than its deregister_critical_after.
    std::function<void(const std::string& service_id)> deregister;
};

class CheckRunner {
public:
    CheckRunner(boost::asio::io_context& io, CheckRunnerOptions options, CheckReports reports);
    ~CheckRunner();
    CheckRunner(const CheckRunner&) = delete;
    CheckRunner& operator=(const CheckRunner&) = delete;

    void set_checks(const std::vector<Check>& checks);
    // A TTL check was reported: its time starts again. Nothing else tells the runner its status.
    void ttl_reported(const std::string& check_id, CheckStatus status = {Health::passing, {}});
    void stop();
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
