#include "agent/body_pattern.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(BodyPattern, it_is_found_anywhere_in_the_body) {
    const auto pattern = agent::BodyPattern::compile("\"status\": ?\"(ok|fine)\"").value();

    EXPECT_TRUE(pattern.is_in("{\"status\": \"fine\", \"n\": 1}"));
    EXPECT_FALSE(pattern.is_in("{\"status\": \"bad\"}"));
}

TEST(BodyPattern, what_is_no_pattern_is_refused) {
    EXPECT_TRUE(agent::is_pattern("a+"));
    EXPECT_FALSE(agent::is_pattern("("));
    EXPECT_FALSE(agent::is_pattern("(a)\\1"));
}

// A matcher that backtracks needs 2^28 steps here, and a stack frame for each character below.
TEST(BodyPattern, neither_a_wicked_pattern_nor_a_long_body_hurts) {
    const auto wicked = agent::BodyPattern::compile("(a+)+$").value();
    const auto lazy = agent::BodyPattern::compile("x.*y").value();

    EXPECT_FALSE(wicked.is_in(std::string(28, 'a') + "b"));
    EXPECT_FALSE(lazy.is_in("x" + std::string(60'000, 'z')));
}

}  // namespace
