#include "agent/checks/script_check.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace {

using agent::CheckDefinition;
using agent::Health;
using agent::ProbeResult;

CheckDefinition script(const std::string& text) {
    CheckDefinition definition;
    definition.kind = agent::CheckKind::script;
    definition.id = "c1";
    definition.name = "check one";
    definition.service_id = "web-1";
    definition.args = {"/bin/sh", "-c", text};
    return definition;
}

ProbeResult run(const CheckDefinition& definition) {
    boost::asio::io_context io;
    agent::ScriptCheck check(io, definition);
    std::optional<ProbeResult> result;
    coord::spawn(io, "test", [&]() -> coord::Task<void> { result = co_await check.run(); });
    io.run_for(std::chrono::seconds(10));
    return result.value();
}

TEST(ScriptCheck, the_exit_code_is_the_health) {
    EXPECT_EQ(run(script("echo fine")).status, (agent::CheckStatus{Health::passing, "fine\n"}));
    EXPECT_EQ(run(script("exit 1")).status, (agent::CheckStatus{Health::warning, "exit code 1"}));
    EXPECT_EQ(run(script("exit 2")).status.health, Health::critical);
    EXPECT_EQ(run(script("kill -KILL $$")).status.output, "ended by signal KILL");
}

TEST(ScriptCheck, the_script_knows_whom_it_checks) {
    EXPECT_EQ(run(script("echo $ROSTER_SERVICE,$ROSTER_CHECK,$ROSTER_CHECK_NAME")).status.output,
              "web-1,c1,check one\n");
}

TEST(ScriptCheck, a_script_that_takes_too_long_is_killed_with_all_it_started) {
    auto definition = script("sleep 30 | sleep 30");
    definition.timeout = std::chrono::milliseconds(50);

    const auto result = run(definition);

    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.status,
              (agent::CheckStatus{Health::critical, "Timed out (50ms) running check"}));
}

TEST(ScriptCheck, the_end_of_a_long_output_is_kept) {
    auto definition = script("seq 1 1000");
    definition.output_bytes_max = 10;

    EXPECT_EQ(run(definition).status.output, "Captured 10 of 3893 bytes\n...\n\n999\n1000\n");
}

TEST(ScriptCheck, a_script_that_is_not_there_is_critical) {
    auto definition = script("");
    definition.args = {"/no/such/script"};

    EXPECT_EQ(run(definition).status,
              (agent::CheckStatus{Health::critical,
                                  "cannot run /no/such/script: No such file or directory"}));
}

TEST(ScriptCheck, a_run_nobody_waits_for_is_ended) {
    boost::asio::io_context io;
    agent::ScriptCheck check(io, script("sleep 30"));
    bool ended = false;
    coord::spawn(io, "test", [&]() -> coord::Task<void> {
        co_await check.run();
        ended = true;
    });
    io.run_one();

    check.cancel();
    io.run_for(std::chrono::seconds(5));

    EXPECT_TRUE(ended);
}

}  // namespace
