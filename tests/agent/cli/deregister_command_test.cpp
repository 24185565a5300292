#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

TEST(DeregisterCommand, the_id_is_sent) {
    tests::FakeAgent fake([](const auto&, const auto&) { return tests::FakeReply{}; });

    const auto ran = tests::run_command({"deregister", "web/1", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_ok);
    EXPECT_EQ(ran.out, "deregistered web/1\n");
    EXPECT_EQ(fake.requests().at(0), "PUT /v1/agent/service/deregister/web%2F1");
}

TEST(DeregisterCommand, an_unknown_id_is_not_found) {
    tests::FakeAgent fake([](const auto&, const auto&) {
        return tests::FakeReply{404, "Unknown service ID \"x\"."};
    });

    const auto ran = tests::run_command({"deregister", "x", "--http-addr", fake.address()});

    EXPECT_EQ(ran.code, agent::exit_not_found);
    EXPECT_EQ(ran.err, "roster deregister: the agent answered 404: Unknown service ID \"x\".\n");
}

TEST(DeregisterCommand, without_an_id_it_is_a_usage_error) {
    EXPECT_EQ(tests::run_command({"deregister"}).code, agent::exit_usage);
}

}  // namespace
