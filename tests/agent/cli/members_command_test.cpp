#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

constexpr const char* members = R"([
  {"Name": "host2", "Addr": "10.0.0.2", "Status": 4, "Tags": {"dc": "dc1", "build": "0.1.0"}},
  {"Name": "host1", "Addr": "10.0.0.1", "Status": 1, "Tags": {"dc": "dc1", "build": "0.1.0"}}])";

TEST(MembersCommand, members_are_listed_by_name) {
    tests::FakeAgent fake([](const auto&, const auto&) { return tests::FakeReply{200, members}; });

    const auto ran = tests::run_command({"members", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_EQ(ran.out,
              "NODE   ADDRESS   STATUS  VERSION  DATACENTER\n"
              "host1  10.0.0.1  alive   0.1.0    dc1\n"
              "host2  10.0.0.2  failed  0.1.0    dc1\n");
}

TEST(MembersCommand, json_is_the_apis_own_and_nonsense_is_refused) {
    std::string body = members;
    tests::FakeAgent fake([&](const auto&, const auto&) { return tests::FakeReply{200, body}; });

    const auto json = tests::run_command({"members", "--json", "--http-addr", fake.address()});
    body = "<html>";
    const auto other = tests::run_command({"members", "--http-addr", fake.address()});

    EXPECT_EQ(json.out, std::string(members) + "\n");
    EXPECT_EQ(other.code, agent::exit_failed);
}

TEST(MembersCommand, an_agent_that_does_not_know_even_itself_is_told_apart) {
    tests::FakeAgent fake([](const auto&, const auto&) { return tests::FakeReply{200, "[]"}; });

    const auto ran = tests::run_command({"members", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_failed);
    EXPECT_EQ(ran.err, "roster members: the agent has no word from the coordination core yet\n");
}

}  // namespace
