#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

using tests::FakeAgent;
using tests::FakeReply;

std::string behind(int entries) {
    return R"({"Servers":[{"Address":"10.0.0.2:2888","Behind":)" + std::to_string(entries) + "}]}";
}

TEST(MemberChanges, a_server_is_added_awaited_and_promoted) {
    int asked = 0;
    FakeAgent fake([&](const std::string& line, const auto&) {
        if (line != "GET /v1/operator/raft/configuration") return FakeReply{200, "{}"};
        return FakeReply{200, ++asked == 1 ? behind(5000) : behind(3)};
    });

    const auto ran = tests::run_command(
        {"members", "add", "10.0.0.2:2888", "--voter", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok) << ran.err;
    EXPECT_EQ(ran.out,
              "10.0.0.2:2888: added as a stand-by\n10.0.0.2:2888: has caught up\n"
              "10.0.0.2:2888: promote done\n");
    EXPECT_EQ(asked, 2);
    EXPECT_EQ(fake.requests().front(), "POST /v1/operator/raft/peer?address=10.0.0.2%3A2888");
    EXPECT_EQ(fake.requests().back(), "POST /v1/operator/raft/promote?address=10.0.0.2%3A2888");
}

TEST(MemberChanges, one_that_does_not_catch_up_in_time_is_said_to_be_a_stand_by) {
    FakeAgent fake([](const auto&, const auto&) { return FakeReply{200, behind(5000)}; });

    const auto ran = tests::run_command(
        {"members", "add", "10.0.0.2:2888", "--timeout", "1ms", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find("has not caught up"), std::string::npos);
}

TEST(MemberChanges, a_server_is_named_by_its_id_or_its_address) {
    FakeAgent fake([](const auto&, const auto&) { return FakeReply{200, "{}"}; });
    const auto run = [&](const char* what, const char* server) {
        return tests::run_command({"members", what, server, "--http-addr", fake.address()}).code;
    };

    EXPECT_EQ(run("remove", "00000000000000ff"), agent::exit_ok);
    EXPECT_EQ(run("demote", "10.0.0.2:2888"), agent::exit_ok);

    EXPECT_EQ(fake.requests().at(0), "DELETE /v1/operator/raft/peer?id=00000000000000ff");
    EXPECT_EQ(fake.requests().at(1), "POST /v1/operator/raft/demote?address=10.0.0.2%3A2888");
}

TEST(MemberChanges, a_refusal_is_told_with_what_to_do) {
    FakeAgent fake([](const auto&, const auto&) { return FakeReply{409, "it is the last voter"}; });

    const auto ran =
        tests::run_command({"members", "remove", "a:1", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_NE(ran.err.find("it is the last voter"), std::string::npos);
}

}  // namespace
