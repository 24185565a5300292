#include "agent/cli/api_client.hpp"

#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

TEST(ApiClient, an_address_needs_no_scheme) {
    EXPECT_EQ(agent::ApiClient("127.0.0.1:8500").address(), "http://127.0.0.1:8500");
    EXPECT_EQ(agent::ApiClient("http://a:1/").address(), "http://a:1");
    EXPECT_EQ(agent::ApiClient("unix:/run/x.sock").address(), "unix:/run/x.sock");
}

TEST(ApiClient, a_reply_is_handed_on) {
    tests::FakeAgent fake([](const auto&, const auto& body) {
        return tests::FakeReply{200, "got " + body};
    });

    const auto result = agent::ApiClient(fake.address()).put("/v1/x", "this");

    EXPECT_EQ(std::get<agent::HttpReply>(result).body, "got this");
    EXPECT_EQ(fake.requests().at(0), "PUT /v1/x\nthis");
}

TEST(ApiClient, a_refusal_is_told_in_the_words_of_the_agent) {
    int status = 400;
    tests::FakeAgent fake([&](const auto&, const auto&) {
        return tests::FakeReply{status, "Missing service name\n"};
    });
    const agent::ApiClient api(fake.address());

    const auto bad = api.get("/v1/x");
    status = 404;
    const auto missing = api.get("/v1/x");

    EXPECT_EQ(std::get<agent::ApiFailure>(bad).message,
              "the agent answered 400: Missing service name");
    EXPECT_EQ(std::get<agent::ApiFailure>(bad).code, agent::exit_failed);
    EXPECT_EQ(std::get<agent::ApiFailure>(missing).code, agent::exit_not_found);
}

TEST(ApiClient, an_agent_that_is_not_there_is_missed) {
    const auto result = agent::ApiClient("unix:/nowhere.sock").get("/v1/x");

    const auto& failure = std::get<agent::ApiFailure>(result);
    EXPECT_EQ(failure.code, agent::exit_unreachable);
    EXPECT_EQ(failure.message,
              "cannot reach the agent at unix:/nowhere.sock: no such file or directory (is 'roster "
              "agent' running?)");
}

}  // namespace
