#include "http/agent_api.hpp"

#include "tests/http/agent_face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

TEST(AgentApi, describes_this_agent_in_objects_of_objects) {
    const AgentFace face;

    const auto self = face.json("/v1/agent/self").as_object();

    for (const auto& section : self) {
        EXPECT_TRUE(section.value().is_object() || section.value().is_null()) << section.key();
    }
    EXPECT_EQ(self.at("Config").at("Datacenter").as_string(), "dc1");
    EXPECT_EQ(self.at("Config").at("NodeName").as_string(), "host1");
    EXPECT_EQ(self.at("Config").at("NodeID").as_string(), "id-of-host1");
    EXPECT_EQ(self.at("Member").at("Addr").as_string(), "10.0.0.1");
    EXPECT_EQ(self.at("Stats").at("agent").at("services").as_string(), "0");
    EXPECT_EQ(face.json("/v1/agent/version").at("HumanVersion").as_string(), "0.1.0");
}

TEST(AgentApi, lists_the_members_that_live) {
    const AgentFace face;
    face.put("/v1/catalog/register", R"({"Node":"db1","Address":"10.1.0.1"})");

    const auto members = face.json("/v1/agent/members").as_array();

    ASSERT_EQ(members.size(), 1U);
    EXPECT_EQ(members[0].at("Name").as_string(), "host1");
    EXPECT_EQ(members[0].at("Status").as_int64(), 1);
    EXPECT_EQ(members[0].at("Tags").at("dc").as_string(), "dc1");
}

TEST(AgentApi, lists_what_is_registered_here) {
    const AgentFace face;
    face.put("/v1/agent/service/register",
             R"({"ID":"web-1","Name":"web","Port":80,"Check":{"TTL":"30s"}})");
    face.put("/v1/agent/service/register", R"({"ID":"api-1","Name":"api"})");

    const auto services = face.json("/v1/agent/services").as_object();
    ASSERT_EQ(services.size(), 2U);
    EXPECT_EQ(services.at("web-1").at("Service").as_string(), "web");
    EXPECT_EQ(services.at("web-1").at("Datacenter").as_string(), "dc1");
    EXPECT_EQ(face.json("/v1/agent/services?filter=Port+==+80").as_object().size(), 1U);
    const auto checks = face.json("/v1/agent/checks").as_object();
    ASSERT_EQ(checks.size(), 1U);
    EXPECT_EQ(checks.at("service:web-1").at("ServiceName").as_string(), "web");
    EXPECT_EQ(face.get("/v1/agent/checks?filter=Status+==+passing").body, "{}");
    EXPECT_EQ(face.get("/v1/agent/services?filter=Odd").status, 400);
}

TEST(AgentApi, blocks_on_the_content_hash_of_one_service) {
    const AgentFace face;
    face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web","Port":80})");
    const auto first = face.get("/v1/agent/service/web-1");
    const auto hash = first.find("x-consul-contenthash");
    ASSERT_NE(hash, "");
    EXPECT_EQ(face.get("/v1/agent/service/web-1?wait=20ms&hash=" + hash).body, first.body);
    auto client = face.client();
    client.ask("GET", "/v1/agent/service/web-1?hash=" + hash);
    ASSERT_TRUE(face.parked(1));

    face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web","Port":81})");

    const auto changed = client.receive();
    EXPECT_NE(changed.find("x-consul-contenthash"), hash);
    EXPECT_NE(changed.body.find("81"), std::string::npos);
}

TEST(AgentApi, answers_404_for_a_service_it_does_not_have) {
    const AgentFace face;

    const auto reply = face.get("/v1/agent/service/nobody");

    EXPECT_EQ(reply.status, 404);
    EXPECT_EQ(reply.body, "unknown service ID: nobody");
}

TEST(AgentApi, shows_the_health_of_a_service_in_the_status_code) {
    const AgentFace face;
    face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web","Check":{"TTL":"30s"}})");
    const std::string by_id = "/v1/agent/health/service/id/web-1";
    const auto critical = face.get(by_id);
    EXPECT_EQ(critical.status, 503);
    EXPECT_EQ(critical.find("x-consul-reason"), "critical");

    face.put("/v1/agent/check/warn/service:web-1");
    EXPECT_EQ(face.get(by_id).status, 429);
    face.put("/v1/agent/check/pass/service:web-1");
    EXPECT_EQ(face.json(by_id).at("AggregatedStatus").as_string(), "passing");
    EXPECT_EQ(face.get(by_id + "?format=text").body, "passing");
    face.put("/v1/agent/service/maintenance/web-1?enable=true");
    EXPECT_EQ(face.get(by_id + "?format=text").body, "maintenance");
    EXPECT_EQ(face.get(by_id).status, 503);
    EXPECT_EQ(face.get("/v1/agent/health/service/id/nobody").status, 404);
}

TEST(AgentApi, lets_the_worst_instance_decide_for_a_name) {
    const AgentFace face;
    face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web"})");
    const std::string by_name = "/v1/agent/health/service/name/web";
    EXPECT_EQ(face.get(by_name).status, 200);

    face.put("/v1/agent/service/register", R"({"ID":"web-2","Name":"web","Check":{"TTL":"30s"}})");

    const auto reply = face.get(by_name);
    EXPECT_EQ(reply.status, 503);
    EXPECT_EQ(boost::json::parse(reply.body).as_array().size(), 2U);
    EXPECT_EQ(face.get("/v1/agent/health/service/name/nobody").status, 404);
}

TEST(AgentApi, replies_before_it_leaves) {
    std::atomic<int> left = 0;
    std::atomic<int> reloaded = 0;
    ServerOptions options;
    options.leave = [&] { ++left; };
    options.reload = [&] { ++reloaded; };
    const AgentFace face(std::move(options));

    EXPECT_EQ(face.put("/v1/agent/reload").status, 200);
    EXPECT_EQ(reloaded, 1);
    auto client = face.client();
    EXPECT_EQ(client.exchange("PUT", "/v1/agent/leave").status, 200);
    EXPECT_EQ(client.exchange("GET", "/v1/status/leader").status, 200);
    EXPECT_EQ(left, 1);
}

TEST(AgentApi, tells_why_the_catalog_changed) {
    const AgentFace face;
    face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web"})");
    face.put("/v1/agent/service/register", R"({"ID":"api-1","Name":"api"})");

    const auto entries = face.json("/v1/roster/journal?service=web").as_array();

    ASSERT_FALSE(entries.empty());
    EXPECT_EQ(entries[0].at("Service").as_string(), "web");
    EXPECT_EQ(entries[0].at("What").as_string(), "registered");
    EXPECT_EQ(face.json("/v1/roster/journal?limit=1").as_array().size(), 1U);
    EXPECT_EQ(face.get("/v1/roster/journal?limit=many").status, 400);
}

}  // namespace
}  // namespace http
