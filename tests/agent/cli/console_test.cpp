#include "agent/cli/console.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <sstream>

namespace {

TEST(Console, colours_are_only_used_where_there_are_any) {
    std::ostringstream out;
    const agent::Console plain{out, out, false, {}};
    const agent::Console terminal{out, out, true, {}};

    EXPECT_EQ(agent::paint(plain, agent::Colour::red, "x"), "x");
    EXPECT_EQ(agent::paint(terminal, agent::Colour::red, "x"), "\x1b[31mx\x1b[0m");
    EXPECT_EQ(agent::paint_health(terminal, "passing"), "\x1b[32mpassing\x1b[0m");
    EXPECT_EQ(agent::paint_health(terminal, "maintenance"), "\x1b[31mmaintenance\x1b[0m");
}

TEST(Console, no_color_is_respected) {
    ::setenv("NO_COLOR", "1", 1);
    EXPECT_FALSE(agent::standard_console().has_colours);
    ::unsetenv("NO_COLOR");
}

TEST(Console, a_time_has_milliseconds) {
    const auto text = agent::format_time(1'700'000'000'007);

    EXPECT_EQ(text.size(), 12U);
    EXPECT_TRUE(text.ends_with(".007"));
}

}  // namespace
