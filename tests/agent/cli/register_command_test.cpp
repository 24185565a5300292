#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
using tests::run_command;

class RegisterCommand : public testing::Test {
protected:
    RegisterCommand() : fake_([this](const auto&, const auto&) { return reply_; }) {}

    tests::Ran run(std::vector<std::string> words) {
        words.insert(words.begin(), "register");
        words.insert(words.end(), {"--http-addr", fake_.address()});
        return run_command(words);
    }

    std::string write(const std::string& name, const std::string& text) {
        const auto file = fs::path(testing::TempDir()) / (std::to_string(::getpid()) + name);
        std::ofstream(file) << text;
        return file.string();
    }

    tests::FakeReply reply_;
    tests::FakeAgent fake_;
};

TEST_F(RegisterCommand, flags_make_a_registration) {
    const auto ran = run({"--name",
                          "web",
                          "--port",
                          "80",
                          "--id",
                          "w1",
                          "--tag",
                          "a",
                          "--tag",
                          "b",
                          "--meta",
                          "k=v=w",
                          "--check-http",
                          "http://a/",
                          "--interval",
                          "2s",
                          "--check-ttl",
                          "30s"});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_EQ(ran.out, "registered web as w1\n");
    EXPECT_EQ(fake_.requests().at(0),
              "PUT /v1/agent/service/register\n"
              R"({"ID":"w1","Name":"web","Port":80,"Tags":["a","b"],"Meta":{"k":"v=w"},"Checks":[)"
              R"({"HTTP":"http://a/","Interval":"2s"},{"TTL":"30s"}]})");
}

TEST_F(RegisterCommand, a_json_file_is_sent_as_it_is) {
    const auto file = write(".json", "{\"Name\": \"web\"}");

    const auto ran = run({file});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_EQ(fake_.requests().at(0), "PUT /v1/agent/service/register\n{\"Name\": \"web\"}");
}

TEST_F(RegisterCommand, each_service_of_a_toml_file_is_registered) {
    const auto file = write(".toml", "[[service]]\nname = \"a\"\n[[service]]\nname = \"b\"\n");

    const auto ran = run({file});

    EXPECT_EQ(ran.out, "registered a as a\nregistered b as b\n");
    EXPECT_EQ(fake_.requests().size(), 2U);
}

TEST_F(RegisterCommand, a_refusal_and_a_warning_are_told) {
    reply_ = {400, "Missing service name"};
    const auto refused = run({"--name", "x"});
    EXPECT_EQ(refused.code, agent::exit_failed);
    EXPECT_EQ(refused.err, "roster register: the agent answered 400: Missing service name\n");

    reply_ = {200, "", "X-Roster-Warning: no DNS name\r\n"};
    EXPECT_EQ(run({"--name", "x"}).err, "roster register: warning: no DNS name\n");
}

TEST_F(RegisterCommand, wrong_arguments_are_told) {
    EXPECT_EQ(run({}).code, agent::exit_usage);
    EXPECT_EQ(run({"--name", "x", "--port", "0"}).code, agent::exit_usage);
    EXPECT_EQ(run({"--name", "x", "--meta", "novalue"}).err,
              "roster register: --meta must be KEY=VALUE, found \"novalue\"\n");
    EXPECT_EQ(run({"--name", "x", "--check-ttl", "soon"}).code, agent::exit_usage);
    EXPECT_EQ(run({"/nowhere.json"}).err, "roster register: cannot read /nowhere.json\n");
    EXPECT_EQ(run({write("x.json", "nonsense")}).code, agent::exit_failed);
    EXPECT_NE(run({write("y.toml", "[[service]]\nnmae = 1")}).err.find("did you mean \"name\""),
              std::string::npos);
    EXPECT_TRUE(fake_.requests().empty());
}

TEST_F(RegisterCommand, a_body_is_called_by_the_name_in_it) {
    const auto file = write("named.json", R"({"Name": "web", "ID": "w1"})");

    EXPECT_EQ(run({file}).out, "registered web as w1\n");
}

TEST_F(RegisterCommand, an_interval_of_no_check_is_a_usage_error) {
    const auto ran = run({"--name", "web", "--interval", "5s"});

    EXPECT_EQ(ran.code, agent::exit_usage);
    EXPECT_TRUE(fake_.requests().empty());
}

}  // namespace
