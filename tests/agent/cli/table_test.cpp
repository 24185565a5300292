#include "agent/cli/table.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Table, columns_are_aligned_and_the_last_is_not_padded) {
    EXPECT_EQ(agent::format_table({{"NAME", "PORT"}, {"a", "1"}, {"longer", "22"}}),
              "NAME    PORT\n"
              "a       1\n"
              "longer  22\n");
}

TEST(Table, colours_and_letters_of_several_bytes_have_the_width_that_is_seen) {
    EXPECT_EQ(agent::format_table({{"\x1b[32mab\x1b[0m", "x"}, {"äö", "y"}, {"abc", "z"}}),
              "\x1b[32mab\x1b[0m   x\näö   y\nabc  z\n");
}

TEST(Table, a_list_is_joined_and_an_empty_one_is_a_dash) {
    EXPECT_EQ(agent::join({"a", "b"}), "a,b");
    EXPECT_EQ(agent::join({}), "-");
    EXPECT_EQ(agent::format_table({}), "");
}

}  // namespace
