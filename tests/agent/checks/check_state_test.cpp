#include "agent/checks/check_state.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace {

using agent::CheckDefinition;
using agent::CheckState;
using agent::CheckStatus;
using agent::Health;
using std::chrono::seconds;

const CheckStatus passes{Health::passing, "ok"};
const CheckStatus warns{Health::warning, "hm"};
const CheckStatus fails{Health::critical, "no"};
const CheckStatus never_run{Health::critical, ""};

// At second `n` of a story that begins long after the clock did.
CheckState::Time at(int n) { return CheckState::Time(std::chrono::hours(1)) + seconds(n); }

TEST(CheckState, the_first_result_counts_at_once) {
    CheckDefinition definition;
    definition.success_before_passing = 3;
    CheckState state(definition, never_run, at(0));

    EXPECT_FALSE(state.has_run());
    EXPECT_EQ(state.decide(passes, at(1)), passes);
    EXPECT_TRUE(state.has_run());
}

TEST(CheckState, a_result_like_the_status_is_not_reported) {
    CheckState state({}, never_run, at(0));

    EXPECT_EQ(state.decide(passes, at(1)), passes);
    EXPECT_EQ(state.decide(passes, at(2)), std::nullopt);
    const CheckStatus other{Health::passing, "still ok"};
    EXPECT_EQ(state.decide(other, at(3)), other);
}

TEST(CheckState, becoming_critical_takes_failures_in_a_row) {
    CheckDefinition definition;
    definition.failures_before_critical = 3;
    CheckState state(definition, passes, at(0));

    EXPECT_EQ(state.decide(fails, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(2)), std::nullopt);
    EXPECT_EQ(state.decide(passes, at(3)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(4)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(5)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(6)), fails);
}

TEST(CheckState, becoming_passing_takes_successes_in_a_row) {
    CheckDefinition definition;
    definition.success_before_passing = 2;
    CheckState state(definition, fails, at(0));

    EXPECT_EQ(state.decide(passes, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(2)), std::nullopt);
    EXPECT_EQ(state.decide(passes, at(3)), std::nullopt);
    EXPECT_EQ(state.decide(passes, at(4)), passes);
}

TEST(CheckState, it_warns_before_it_is_critical) {
    CheckDefinition definition;
    definition.failures_before_warning = 2;
    definition.failures_before_critical = 4;
    CheckState state(definition, passes, at(0));

    EXPECT_EQ(state.decide(fails, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(2)), (CheckStatus{Health::warning, "no"}));
    EXPECT_EQ(state.decide(fails, at(3)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(4)), fails);
}

TEST(CheckState, a_failure_never_improves_the_status) {
    CheckDefinition definition;
    definition.success_before_passing = 2;
    definition.failures_before_warning = 1;
    definition.failures_before_critical = 3;
    CheckState state(definition, fails, at(0));

    EXPECT_EQ(state.decide(passes, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(2)), std::nullopt);
    EXPECT_EQ(state.status().health, Health::critical);
}

TEST(CheckState, passing_turns_to_warning_at_once) {
    CheckDefinition definition;
    definition.success_before_passing = 3;
    CheckState state(definition, passes, at(0));

    EXPECT_EQ(state.decide(warns, at(1)), warns);
    EXPECT_EQ(state.decide(passes, at(2)), passes);
}

TEST(CheckState, an_initial_status_stays_until_enough_failures) {
    CheckDefinition definition;
    definition.failures_before_critical = 2;
    CheckState state(definition, {Health::passing, ""}, at(0));

    EXPECT_EQ(state.decide(fails, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(2)), fails);
}

TEST(CheckState, failures_in_the_start_period_do_not_count) {
    CheckDefinition definition;
    definition.start_period = seconds(10);
    CheckState state(definition, {Health::passing, ""}, at(0));

    EXPECT_EQ(state.decide(fails, at(1)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(9)), std::nullopt);
    EXPECT_EQ(state.decide(fails, at(10)), fails);
}

TEST(CheckState, the_first_success_ends_the_start_period) {
    CheckDefinition definition;
    definition.start_period = seconds(10);
    CheckState state(definition, never_run, at(0));

    EXPECT_EQ(state.decide(passes, at(1)), passes);
    EXPECT_EQ(state.decide(fails, at(2)), fails);
}

TEST(CheckState, a_restart_of_the_agent_does_not_begin_the_start_period_again) {
    CheckDefinition definition;
    definition.start_period = seconds(10);
    CheckState state(definition, passes, at(0));

    EXPECT_EQ(state.decide(fails, at(1)), fails);
}

TEST(CheckState, it_is_deregistered_after_being_critical_without_a_break) {
    CheckDefinition definition;
    definition.deregister_critical_after = seconds(60);
    CheckState state(definition, never_run, at(0));

    EXPECT_EQ(state.deregister_at(), at(60));
    state.decide(passes, at(10));
    EXPECT_EQ(state.deregister_at(), std::nullopt);
    state.decide(fails, at(20));
    state.decide({Health::critical, "other words"}, at(30));
    EXPECT_EQ(state.deregister_at(), at(80));
    state.set(passes, at(40));
    EXPECT_EQ(state.deregister_at(), std::nullopt);
}

TEST(CheckState, without_a_limit_it_may_be_critical_for_ever) {
    EXPECT_EQ(CheckState({}, never_run, at(0)).deregister_at(), std::nullopt);
}

TEST(CheckState, an_expired_check_keeps_its_last_words) {
    const CheckStatus plain{Health::critical, "TTL expired"};
    EXPECT_EQ(agent::expired({Health::passing, ""}), plain);
    EXPECT_EQ(agent::expired(plain), plain);
    EXPECT_EQ(agent::expired(passes).output,
              "TTL expired (last output before timeout follows): ok");
}

}  // namespace
