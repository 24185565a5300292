#include "agent/cli/command_line.hpp"
#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

agent::AgentArguments arguments(std::vector<std::string> words) {
    words.insert(words.begin(), "agent");
    std::ostringstream out;
    const agent::Console console{out, out, false, {}};
    const auto result = agent::run_command_line(words, console);
    if (std::holds_alternative<int>(result)) ADD_FAILURE() << out.str();
    return std::get<agent::AgentArguments>(result);
}

agent::Config configured(std::vector<std::string> words) {
    return std::get<agent::Config>(agent::configure(arguments(std::move(words))));
}

TEST(AgentCommand, dev_has_defaults_and_no_directory) {
    const auto config = configured({"--dev"});

    EXPECT_TRUE(config.data_dir.empty());
    EXPECT_TRUE(config.services_dir.empty());
    EXPECT_EQ(config.http.listen, std::vector<std::string>{"127.0.0.1:8500"});
    EXPECT_FALSE(config.node.empty());
}

TEST(AgentCommand, flags_override_the_file) {
    const auto file = std::filesystem::path(testing::TempDir()) /
                      ("agent_command_" + std::to_string(::getpid()) + ".toml");
    std::ofstream(file) << "node = \"a\"\ndomain = \"file.test\"\n[dns]\nlisten = "
                           "[\"127.0.0.1:1\", \"127.0.0.1:2\"]\n";

    const auto config = configured({"--config",
                                    file.string(),
                                    "--node",
                                    "b",
                                    "--dns-listen",
                                    "127.0.0.1:3",
                                    "--dns-listen",
                                    "[::1]:4",
                                    "--http-listen",
                                    "unix:/run/x.sock",
                                    "--coord-listen",
                                    "127.0.0.1:0",
                                    "--coord-connect",
                                    "zk1:2181",
                                    "--session-timeout",
                                    "4s",
                                    "--log-level",
                                    "debug",
                                    "--data-dir",
                                    "/tmp/d",
                                    "--services-dir",
                                    "/tmp/s"});
    std::filesystem::remove(file);

    EXPECT_EQ(config.node, "b");
    EXPECT_EQ(config.domain, "file.test");
    EXPECT_EQ(config.dns.listen, (std::vector<std::string>{"127.0.0.1:3", "[::1]:4"}));
    EXPECT_EQ(config.http.listen, std::vector<std::string>{"unix:/run/x.sock"});
    EXPECT_EQ(config.coord.listen, std::vector<std::string>{"127.0.0.1:0"});
    EXPECT_EQ(config.coord.connect, "zk1:2181");
    EXPECT_EQ(config.coord.session_timeout, std::chrono::seconds(4));
    EXPECT_EQ(config.log.level, "debug");
    EXPECT_EQ(config.data_dir, "/tmp/d");
    EXPECT_EQ(config.services_dir, "/tmp/s");
}

TEST(AgentCommand, a_wrong_value_is_a_usage_error) {
    for (const auto& [flag, value] :
         std::vector<std::pair<std::string, std::string>>{{"--http-listen", "8500"},
                                                          {"--dns-listen", "unix:/x"},
                                                          {"--coord-connect", "a:b:c"},
                                                          {"--session-timeout", "1ms"},
                                                          {"--domain", "a b"},
                                                          {"--log-level", "loud"}}) {
        const auto ran = tests::run_command({"agent", flag, value});
        EXPECT_EQ(ran.code, agent::exit_usage) << flag;
        EXPECT_NE(ran.err.find(value), std::string::npos) << ran.err;
    }
}

TEST(AgentCommand, a_file_that_is_not_there_is_an_error) {
    const auto result = agent::configure(arguments({"--config", "/nowhere.toml"}));

    EXPECT_TRUE(std::holds_alternative<std::vector<agent::ConfigError>>(result));
}

}  // namespace
