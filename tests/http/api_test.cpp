#include "http/api.hpp"

#include "tests/http/agent_face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(Consistent, reads_say_so_when_the_agent_has_caught_up) {
    const AgentFace face;
    face.put("/v1/agent/service/register", R"({"Name":"web"})");
    face.put("/v1/kv/a", "1");

    for (const auto* target : {"/v1/health/service/web?consistent", "/v1/kv/a?consistent"}) {
        const auto reply = face.get(target);
        EXPECT_EQ(reply.status, 200);
        EXPECT_EQ(reply.find("x-consul-effective-consistency"), "consistent");
    }
}

TEST(Consistent, blocking_queries_wake_as_others_do) {
    const AgentFace face;
    const auto index = face.get("/v1/kv/a?consistent").index();
    auto client = face.client();
    client.ask("GET", "/v1/kv/a?consistent&index=" + std::to_string(index));
    ASSERT_TRUE(face.parked(1));

    face.put("/v1/kv/a", "1");

    const auto reply = client.receive();
    EXPECT_EQ(reply.status, 200);
    EXPECT_GT(reply.index(), index);
}

TEST(Consistent, reads_are_500_without_a_leader_while_stale_ones_go_on) {
    AgentFace face;
    face.put("/v1/agent/service/register", R"({"Name":"web"})");
    face.stop_core();

    const auto consistent = face.get("/v1/health/service/web?consistent");
    EXPECT_EQ(consistent.status, 500);
    EXPECT_EQ(consistent.body, "No cluster leader");
    const auto stale = face.get("/v1/health/service/web?stale");
    EXPECT_EQ(stale.status, 200);
    EXPECT_EQ(stale.find("x-consul-effective-consistency"), "stale");
    EXPECT_NE(stale.body, "[]");
}

TEST(Server, stops_while_the_agent_still_works_on_a_request) {
    auto face = std::make_unique<AgentFace>();
    face->stop_core();
    auto client = face->client();
    client.ask("PUT", "/v1/kv/a", "1");

    face.reset();

    EXPECT_EQ(client.receive().status, 0);
}

}  // namespace
}  // namespace http
