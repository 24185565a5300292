#include "agent/spelling.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Spelling, mistakes_are_counted_and_a_swap_is_one) {
    EXPECT_EQ(agent::edit_distance("listen", "listen"), 0U);
    EXPECT_EQ(agent::edit_distance("lisen", "listen"), 1U);
    EXPECT_EQ(agent::edit_distance("lisetn", "listen"), 1U);
    EXPECT_EQ(agent::edit_distance("Listen", "listen"), 0U);
    EXPECT_EQ(agent::edit_distance("", "abc"), 3U);
    EXPECT_EQ(agent::edit_distance("kitten", "sitting"), 3U);
}

TEST(Spelling, the_nearest_known_word_is_suggested) {
    EXPECT_EQ(agent::nearest("lisen", {"enabled", "listen", "workers"}), "listen");
    EXPECT_EQ(agent::suggestion("lisen", {"listen", "workers"}), ": did you mean \"listen\"?");
}

TEST(Spelling, a_word_that_is_near_to_none_gets_the_list) {
    EXPECT_EQ(agent::nearest("colour", {"enabled", "listen"}), "");
    EXPECT_EQ(agent::nearest("", {"a"}), "");
    EXPECT_EQ(agent::suggestion("colour", {"listen", "enabled", "ttl"}),
              ": known are enabled, listen and ttl");
}

}  // namespace
