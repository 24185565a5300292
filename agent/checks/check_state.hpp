#pragma once
// The status of one check: its results with the thresholds applied. Time is an argument.
//
// Fed by:  CheckRunner, with each result.
// Read by: CheckRunner: what to report, when to deregister.
// Thread:  agent; pure.
// Holds:   leaving critical takes `success_before_passing` successes in a row, becoming critical
//          `failures_before_critical` failures in a row; a failure never improves the status. The
//          very first success counts at once, as does the first failure of a check that was never
//          better than critical. Until the start period is over, or the first success, failures
//          do not count.
// Source:  Consul's StatusHandler for the counting; Docker's start period.

#include "agent/service.hpp"

#include <chrono>
#include <optional>

namespace agent {

class CheckState {
public:
    using Time = std::chrono::steady_clock::time_point;

    // `status`: where it starts. With an output it is what an earlier run found, before a restart.
    CheckState(const CheckDefinition& definition, CheckStatus status, Time now);

    // The status to report, if this result changes it.
    std::optional<CheckStatus> decide(CheckStatus result, Time now);
    // The status was set from outside: a TTL check was reported, or has expired.
    void set(CheckStatus status, Time now);

    [[nodiscard]] const CheckStatus& status() const { return status_; }
    [[nodiscard]] bool has_run() const { return has_run_; }
    // When it will have been critical for too long; nothing while it is not, or if it may be.
    [[nodiscard]] std::optional<Time> deregister_at() const;

private:
    bool counts(Health result, Time now);

    int successes_needed_;
    int failures_to_warning_;
    int failures_to_critical_;
    std::chrono::milliseconds deregister_after_;
    Time start_over_;  // The end of the start period; the first success moves it back.
    CheckStatus status_;
    bool has_run_;
    int successes_ = 0;  // In a row.
    int failures_ = 0;
    std::optional<Time> critical_since_;
};

// What a TTL check becomes when it is not reported in time.
CheckStatus expired(const CheckStatus& last);

}  // namespace agent
