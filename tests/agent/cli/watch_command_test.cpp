#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <unistd.h>

namespace {

using tests::FakeReply;
using tests::run_command;

std::string entry(const std::string& id, const std::string& health) {
    return R"({"Node": {"Node": "n", "Address": "10.0.0.1"}, "Service": {"ID": ")" + id +
           R"(", "Port": 80}, "Checks": [{"CheckID": "c", "Status": ")" + health + "\"}]}";
}

FakeReply at_index(int index, const std::string& body) {
    return {200, body, "X-Consul-Index: " + std::to_string(index) + "\r\n"};
}

// Tells each of the replies once, then interrupts the watch as Ctrl-C does.
class Story {
public:
    explicit Story(std::vector<FakeReply> replies) : replies_(std::move(replies)) {}

    FakeReply operator()(const std::string&, const std::string&) {
        if (next_ < replies_.size()) return replies_[next_++];
        ::kill(::getpid(), SIGINT);
        return replies_.back();
    }

private:
    std::vector<FakeReply> replies_;
    std::size_t next_ = 0;
};

std::string without_times(const std::string& text) {
    std::istringstream in(text);
    std::string result;
    for (std::string line; std::getline(in, line);) result += line.substr(13) + "\n";
    return result;
}

TEST(WatchCommand, each_change_is_printed_as_it_comes) {
    tests::FakeAgent fake(
        Story({at_index(5, "[" + entry("a", "passing") + "]"),
               at_index(6, "[" + entry("a", "passing") + "," + entry("b", "passing") + "]"),
               at_index(7, "[" + entry("a", "warning") + "," + entry("b", "passing") + "]"),
               at_index(7, "[]"),  // A query that timed out says nothing.
               at_index(8, "[" + entry("a", "warning") + "]")}));

    const auto ran = run_command({"watch", "web", "--all", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, 130);
    EXPECT_EQ(without_times(ran.out),
              "+ a@n 10.0.0.1:80 passing\n"
              "+ b@n 10.0.0.1:80 passing\n"
              "~ a@n 10.0.0.1:80 warning (passing -> warning)\n"
              "- b@n 10.0.0.1:80 passing\n");
    EXPECT_EQ(fake.requests().at(0), "GET /v1/health/service/web?wait=300s&index=0");
    EXPECT_EQ(fake.requests().at(2), "GET /v1/health/service/web?wait=300s&index=6");
}

TEST(WatchCommand, an_index_that_goes_back_starts_over) {
    tests::FakeAgent fake(Story({at_index(5, "[" + entry("a", "passing") + "]"),
                                 at_index(3, "[" + entry("b", "passing") + "]"),
                                 at_index(4, "[" + entry("b", "passing") + "]")}));

    const auto ran = run_command({"watch", "web", "--http-addr", fake.address()});

    EXPECT_EQ(fake.requests().at(2), "GET /v1/health/service/web?wait=300s&index=0&passing=1");
    EXPECT_EQ(without_times(ran.out),
              "+ a@n 10.0.0.1:80 passing\n"
              "- a@n 10.0.0.1:80 passing\n"
              "+ b@n 10.0.0.1:80 passing\n");
}

TEST(WatchCommand, a_service_without_instances_is_told_once) {
    tests::FakeAgent fake(Story({at_index(1, "[]"), at_index(2, "[]")}));

    const auto ran = run_command({"watch", "web", "--http-addr", fake.address()});

    EXPECT_EQ(without_times(ran.out), "  no instance of web\n");
}

// The second reply is held back until the command has seen the first.
TEST(WatchCommand, a_command_gets_the_list_on_its_standard_input) {
    const auto file = std::filesystem::path(testing::TempDir()) /
                      ("watch_" + std::to_string(::getpid()) + ".txt");
    const auto body = "[" + entry("a", "passing") + "]";
    int asked = 0;
    tests::FakeAgent fake([&](const auto&, const auto&) {
        if (++asked == 1) return at_index(5, body);
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!std::filesystem::exists(file) && std::chrono::steady_clock::now() < deadline) {
            std::this_thread::yield();
        }
        ::kill(::getpid(), SIGINT);
        return at_index(5, body);
    });

    const auto ran =
        run_command({"watch",
                     "web",
                     "--http-addr",
                     fake.address(),
                     "--",
                     "/bin/sh",
                     "-c",
                     "(cat; echo \" $ROSTER_SERVICE $ROSTER_INDEX\") > " + file.string() +
                         ".new; mv " + file.string() + ".new " + file.string()});

    EXPECT_EQ(ran.code, 130) << ran.err;
    std::ostringstream seen;
    seen << std::ifstream(file).rdbuf();
    EXPECT_EQ(seen.str(), body + " web 5\n");
    EXPECT_EQ(ran.out, "");
    std::filesystem::remove(file);
}

TEST(WatchCommand, a_command_that_cannot_run_ends_the_watch) {
    tests::FakeAgent fake([](const auto&, const auto&) { return at_index(5, "[]"); });

    const auto ran =
        run_command({"watch", "web", "--http-addr", fake.address(), "--", "/no/such/program"});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_EQ(ran.err, "roster watch: cannot run /no/such/program: No such file or directory\n");
}

TEST(WatchCommand, an_agent_that_was_never_there_ends_the_watch) {
    EXPECT_EQ(run_command({"watch", "web", "--http-addr", "unix:/nowhere"}).code,
              agent::exit_unreachable);
}

}  // namespace
