#include "agent/checks/check_schedule.hpp"

#include <gtest/gtest.h>

namespace {

using std::chrono::milliseconds;

TEST(CheckSchedule, the_first_run_is_somewhere_in_the_interval) {
    EXPECT_EQ(agent::first_delay(milliseconds(10'000), true, 0.0), milliseconds(0));
    EXPECT_EQ(agent::first_delay(milliseconds(10'000), true, 0.75), milliseconds(7'500));
}

TEST(CheckSchedule, what_has_never_run_runs_within_a_second) {
    EXPECT_EQ(agent::first_delay(milliseconds(10'000), false, 0.5), milliseconds(500));
    EXPECT_EQ(agent::first_delay(milliseconds(200), false, 0.5), milliseconds(100));
}

TEST(CheckSchedule, runs_are_spaced_from_start_to_start_with_five_percent_of_chance) {
    EXPECT_EQ(agent::next_delay(milliseconds(1000), milliseconds(0), 0.0), milliseconds(950));
    EXPECT_EQ(agent::next_delay(milliseconds(1000), milliseconds(0), 0.5), milliseconds(1000));
    EXPECT_LT(agent::next_delay(milliseconds(1000), milliseconds(0), 0.999), milliseconds(1050));
    EXPECT_EQ(agent::next_delay(milliseconds(1000), milliseconds(300), 0.5), milliseconds(700));
}

TEST(CheckSchedule, a_run_longer_than_its_interval_is_followed_at_once) {
    EXPECT_EQ(agent::next_delay(milliseconds(1000), milliseconds(5000), 0.5), milliseconds(0));
}

}  // namespace
