// The installed libraft against the two histories in which 0.15 loses what it acknowledged.
#include "tests/coord/raft/engine_scenarios.h"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(EngineScenarios, a_suffix_that_was_never_checked_is_not_acknowledged) {
    const auto outcome = play_stale_suffix();

    EXPECT_TRUE(outcome.played);
    EXPECT_TRUE(outcome.alike);
    EXPECT_TRUE(outcome.kept);
}

TEST(EngineScenarios, an_entry_of_an_earlier_term_is_not_committed_by_counting) {
    const auto outcome = play_figure_8();

    EXPECT_TRUE(outcome.played);
    EXPECT_TRUE(outcome.alike);
    EXPECT_TRUE(outcome.kept);
}

}  // namespace
}  // namespace coord
