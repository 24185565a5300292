#include "agent/child_process.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <fcntl.h>
#include <optional>
#include <string>
#include <unistd.h>

namespace {

agent::ChildOptions shell(const std::string& script) {
    return {.args = {"/bin/sh", "-c", script},
            .own_group = true,
            .capture = true,
            .output_bytes_max = 4096};
}

struct Run {
    agent::ChildEnd end;
    bool ended = false;
};

Run run(const agent::ChildOptions& options) {
    boost::asio::io_context io;
    agent::ChildProcess child(io, options);
    EXPECT_EQ(child.start(), "");
    Run result;
    coord::spawn(io, "test", [&]() -> coord::Task<void> {
        result.end = co_await child.wait();
        result.ended = true;
    });
    io.run_for(std::chrono::seconds(10));
    EXPECT_TRUE(result.ended);
    return result;
}

TEST(ChildProcess, its_exit_code_and_its_output_are_told) {
    const auto result = run(shell("echo out; echo err >&2; exit 3"));

    EXPECT_EQ(result.end.exit_code, 3);
    EXPECT_EQ(result.end.signal, 0);
    EXPECT_EQ(result.end.output, "out\nerr\n");
}

TEST(ChildProcess, the_signal_that_ended_it_is_told) {
    EXPECT_EQ(run(shell("kill -TERM $$")).end.signal, SIGTERM);
}

TEST(ChildProcess, it_reads_its_input_and_sees_its_environment) {
    auto options = shell("cat; printf %s \"$ROSTER_TEST\"");
    options.input = std::string(200'000, 'x');
    options.environment = {{"ROSTER_TEST", "yes"}};

    const auto result = run(options);

    EXPECT_EQ(result.end.output_bytes, 200'003U);
    EXPECT_TRUE(result.end.output.ends_with("xxyes"));
}

TEST(ChildProcess, only_the_end_of_a_long_output_is_kept) {
    auto options = shell("seq 1 20000");
    options.output_bytes_max = 6;

    const auto result = run(options);

    EXPECT_EQ(result.end.output, "20000\n");
    EXPECT_EQ(result.end.output_bytes, 108'894U);
}

TEST(ChildProcess, it_inherits_no_descriptor_of_ours) {
    const int leaked = ::open("/dev/null", O_RDONLY);
    const auto result = run(shell("ls /proc/self/fd | tr '\\n' ' '"));
    ::close(leaked);

    EXPECT_EQ(result.end.output, "0 1 2 3 ");  // 3 is the directory that ls reads.
}

TEST(ChildProcess, what_it_leaves_behind_is_not_waited_for) {
    const auto before = std::chrono::steady_clock::now();

    const auto result = run(shell("sleep 30 & echo $!"));

    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::seconds(5));
    ::kill(std::stoi(result.end.output), SIGKILL);
}

TEST(ChildProcess, killing_it_kills_its_group) {
    boost::asio::io_context io;
    agent::ChildProcess child(io, shell("sleep 30 & sleep 30"));
    ASSERT_EQ(child.start(), "");
    std::optional<agent::ChildEnd> end;
    coord::spawn(io, "test", [&]() -> coord::Task<void> { end = co_await child.wait(); });

    child.kill();
    io.run_for(std::chrono::seconds(10));

    ASSERT_TRUE(end);
    EXPECT_EQ(end->signal, SIGKILL);
}

TEST(ChildProcess, a_program_that_does_not_exist_is_a_sentence) {
    boost::asio::io_context io;
    agent::ChildProcess child(io, {.args = {"/no/such/program"}});

    EXPECT_EQ(child.start(), "cannot run /no/such/program: No such file or directory");
}

}  // namespace
