#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

TEST(VersionCommand, the_version_is_printed) {
    EXPECT_EQ(tests::run_command({"version"}).out, "roster " ROSTER_VERSION "\n");
    EXPECT_EQ(tests::run_command({"version", "--json"}).out,
              "{\"version\":\"" ROSTER_VERSION "\"}\n");
}

}  // namespace
