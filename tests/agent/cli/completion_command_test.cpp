#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <sstream>

namespace {

TEST(CompletionCommand, the_script_knows_every_command_and_its_flags) {
    const auto ran = tests::run_command({"completion", "bash"});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_NE(ran.out.find("complete -o filenames -F _roster roster"), std::string::npos);
    EXPECT_NE(ran.out.find("agent services register deregister watch resolve resolver members "
                           "snapshot recover validate version completion"),
              std::string::npos);
    EXPECT_NE(ran.out.find("--coord-connect"), std::string::npos);
    EXPECT_NE(ran.out.find("more=\"add promote demote remove\""), std::string::npos);
    EXPECT_NE(ran.out.find("--voter"), std::string::npos);
}

// `roster completion bash > packaging/roster.bash-completion` after a change of the commands.
TEST(CompletionCommand, the_packaged_script_is_the_printed_one) {
    const std::ifstream in(std::filesystem::path(__FILE__).parent_path() /
                           "../../../packaging/roster.bash-completion");
    std::ostringstream packaged;
    packaged << in.rdbuf();

    EXPECT_EQ(tests::run_command({"completion", "bash"}).out, packaged.str());
}

TEST(CompletionCommand, another_shell_is_a_usage_error) {
    EXPECT_EQ(tests::run_command({"completion", "fish"}).code, agent::exit_usage);
}

}  // namespace
