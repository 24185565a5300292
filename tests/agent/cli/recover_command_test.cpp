#include "tests/support/fake_agent.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

TEST(RecoverCommand, a_directory_without_a_server_is_refused_and_left_as_it_is) {
    const coord::TemporaryDirectory directory;

    const auto ran = tests::run_command(
        {"recover", "--data-dir", directory.path().string(), "--data-may-be-lost"});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find("no member of a cluster"), std::string::npos);
    EXPECT_TRUE(std::filesystem::is_empty(directory.path()));
}

}  // namespace
