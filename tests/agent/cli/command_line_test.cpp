#include "agent/cli/command_line.hpp"

#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

using tests::run_command;

TEST(CommandLine, help_lists_the_commands_and_the_exit_codes) {
    const auto ran = run_command({"--help"});

    EXPECT_EQ(ran.code, agent::exit_ok);
    for (const auto* word : {"agent",
                             "services",
                             "register",
                             "deregister",
                             "watch",
                             "resolve",
                             "members",
                             "validate",
                             "version",
                             "completion",
                             "Exit codes"}) {
        EXPECT_NE(ran.out.find(word), std::string::npos) << word;
    }
}

TEST(CommandLine, each_command_has_help) {
    for (const auto* command : {"agent",
                                "services",
                                "register",
                                "deregister",
                                "watch",
                                "resolve",
                                "members",
                                "validate",
                                "version",
                                "completion"}) {
        const auto ran = run_command({command, "--help"});
        EXPECT_EQ(ran.code, agent::exit_ok) << command;
        EXPECT_NE(ran.out.find(command), std::string::npos) << command;
    }
}

TEST(CommandLine, an_unknown_command_gets_the_nearest_one) {
    const auto ran = run_command({"servces"});

    EXPECT_EQ(ran.code, agent::exit_usage);
    EXPECT_EQ(ran.err, "roster: unknown command \"servces\": did you mean \"services\"?\n");
}

TEST(CommandLine, a_wrong_flag_is_a_usage_error_of_its_command) {
    const auto ran = run_command({"services", "--colour"});

    EXPECT_EQ(ran.code, agent::exit_usage);
    EXPECT_TRUE(ran.err.starts_with("roster services: ")) << ran.err;
    EXPECT_TRUE(ran.err.ends_with("Try 'roster services --help'.\n")) << ran.err;
}

TEST(CommandLine, no_command_is_a_usage_error) {
    EXPECT_EQ(run_command({}).code, agent::exit_usage);
    EXPECT_EQ(run_command({"--version"}).code, agent::exit_ok);
}

TEST(CommandLine, argc_and_argv_are_understood) {
    std::string program = "roster";
    std::string command = "agent";
    std::string flag = "--dev";
    std::vector<char*> argv{program.data(), command.data(), flag.data(), nullptr};

    const auto result = agent::run_command_line(3, argv.data());

    EXPECT_TRUE(std::get<agent::AgentArguments>(result).dev);
}

TEST(CommandLine, an_address_that_is_none_is_a_usage_error) {
    for (const auto* address : {"http://", "ftp://host:1", "http://host:port"}) {
        const auto ran = run_command({"services", "--http-addr", address});
        EXPECT_EQ(ran.code, agent::exit_usage) << address;
        EXPECT_NE(ran.err.find("--http-addr: must be http://HOST:PORT or unix:/PATH"),
                  std::string::npos)
            << ran.err;
    }
}

TEST(CommandLine, the_exit_codes_are_listed_once_and_not_in_the_help_of_each_command) {
    EXPECT_EQ(run_command({"members", "--help"}).out.find("no agent answers"), std::string::npos);
    EXPECT_NE(run_command({"--help"}).out.find("no agent answers"), std::string::npos);
}

}  // namespace
