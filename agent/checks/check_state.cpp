#include "agent/checks/check_state.hpp"

#include <algorithm>
#include <utility>

namespace agent {

CheckState::CheckState(const CheckDefinition& definition, CheckStatus status, Time now)
    : successes_needed_(std::max(1, definition.success_before_passing)),
      failures_to_warning_(definition.failures_before_warning),
      failures_to_critical_(std::max(1, definition.failures_before_critical)),
      deregister_after_(definition.deregister_critical_after),
      start_over_(now + definition.start_period),
      status_(std::move(status)),
      has_run_(!status_.output.empty()) {
    if (failures_to_warning_ <= 0) failures_to_warning_ = failures_to_critical_;
    if (has_run_) start_over_ = now;
    if (!has_run_) successes_ = successes_needed_;
    if (!has_run_ && status_.health == Health::critical) failures_ = failures_to_critical_;
    if (status_.health == Health::critical) critical_since_ = now;
}

// Counts the result; whether it is enough to become the status.
bool CheckState::counts(Health result, Time now) {
    if (result != Health::critical) {
        start_over_ = std::min(start_over_, now);
        failures_ = 0;
        ++successes_;
        return successes_ >= successes_needed_ || status_.health != Health::critical;
    }
    if (now < start_over_) return false;
    successes_ = 0;
    ++failures_;
    return failures_ >= std::min(failures_to_warning_, failures_to_critical_);
}

std::optional<CheckStatus> CheckState::decide(CheckStatus result, Time now) {
    const bool enough = counts(result.health, now);
    has_run_ = true;
    if (!enough && result.health != status_.health) return std::nullopt;
    if (result.health == Health::critical && failures_ < failures_to_critical_ &&
        status_.health != Health::critical) {
        result.health = Health::warning;
    }
    if (result == status_) return std::nullopt;
    set(result, now);
    return result;
}

void CheckState::set(CheckStatus status, Time now) {
    if (status.health != Health::critical) {
        critical_since_.reset();
    } else if (!critical_since_) {
        critical_since_ = now;
    }
    status_ = std::move(status);
}

std::optional<CheckState::Time> CheckState::deregister_at() const {
    if (!critical_since_ || deregister_after_.count() == 0) return std::nullopt;
    return *critical_since_ + deregister_after_;
}

CheckStatus expired(const CheckStatus& last) {
    constexpr std::string_view said = "TTL expired";
    if (last.output.empty()) return {Health::critical, std::string(said)};
    if (last.output.starts_with(said)) return {Health::critical, last.output};
    return {Health::critical,
            std::string(said) + " (last output before timeout follows): " + last.output};
}

}  // namespace agent
