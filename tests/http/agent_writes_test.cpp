#include "http/agent_writes.hpp"

#include "tests/http/agent_face.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

constexpr std::string_view web =
    R"({"ID":"web-1","Name":"web","Port":8080,"Tags":["a"],"Check":{"TTL":"30s"}})";

TEST(AgentWrites, show_a_registration_to_who_asks_next) {
    const AgentFace face;

    for (int port = 1; port <= 20; ++port) {
        const auto text = std::to_string(port);
        const auto done =
            face.put("/v1/agent/service/register", R"({"Name":"web","Port":)" + text + "}");
        EXPECT_EQ(done.status, 200);
        EXPECT_EQ(done.body, "");

        const auto entries = face.json("/v1/health/service/web").as_array();
        ASSERT_EQ(entries.size(), 1U);
        EXPECT_EQ(entries[0].at("Service").at("Port").as_int64(), port);
    }
}

TEST(AgentWrites, take_a_service_out_of_every_list) {
    const AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", web).status, 200);

    EXPECT_EQ(face.put("/v1/agent/service/deregister/web-1").status, 200);

    EXPECT_EQ(face.get("/v1/health/service/web").body, "[]");
    EXPECT_EQ(face.get("/v1/agent/services").body, "{}");
    EXPECT_EQ(face.get("/v1/catalog/services").body, R"({"consul":[]})");
    const auto again = face.put("/v1/agent/service/deregister/web-1");
    EXPECT_EQ(again.status, 404);
    EXPECT_TRUE(again.body.starts_with("Unknown service ID \"web-1\"")) << again.body;
}

TEST(AgentWrites, take_a_ttl_report_by_the_id_that_clients_make_up) {
    const AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", web).status, 200);
    EXPECT_EQ(face.get("/v1/health/service/web?passing").body, "[]");

    EXPECT_EQ(face.put("/v1/agent/check/pass/service:web-1?note=fine").status, 200);
    auto entry = face.json("/v1/health/service/web?passing").at(0);
    EXPECT_EQ(entry.at("Checks").at(1).at("Output").as_string(), "fine");

    EXPECT_EQ(face.put("/v1/agent/check/warn/service:web-1").status, 200);
    EXPECT_EQ(face.json("/v1/health/checks/web").at(0).at("Status").as_string(), "warning");
    EXPECT_EQ(face.put("/v1/agent/check/fail/service:web-1").status, 200);
    EXPECT_EQ(face.json("/v1/health/checks/web").at(0).at("Status").as_string(), "critical");
    EXPECT_EQ(
        face.put("/v1/agent/check/update/service:web-1", R"({"Status":"passing","Output":"back"})")
            .status,
        200);
    EXPECT_EQ(face.json("/v1/health/state/passing?filter=ServiceID+==+%22web-1%22")
                  .at(0)
                  .at("Output")
                  .as_string(),
              "back");
}

TEST(AgentWrites, refuse_a_report_that_has_no_place) {
    const AgentFace face;

    const auto unknown = face.put("/v1/agent/check/pass/service:nobody");
    EXPECT_EQ(unknown.status, 404);
    EXPECT_TRUE(unknown.body.starts_with("Unknown check ID")) << unknown.body;
    EXPECT_EQ(face.put("/v1/agent/check/update/x", R"({"Status":"odd"})").body,
              "Invalid check status: 'odd'");
    EXPECT_EQ(face.put("/v1/agent/check/pass/").status, 400);
}

TEST(AgentWrites, put_a_service_into_maintenance_and_back) {
    const AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", R"({"ID":"web-1","Name":"web"})").status, 200);

    EXPECT_EQ(face.put("/v1/agent/service/maintenance/web-1?enable=true&reason=upgrade").status,
              200);
    EXPECT_EQ(face.get("/v1/health/service/web?passing").body, "[]");
    const auto check = face.json("/v1/agent/checks").at("_service_maintenance:web-1");
    EXPECT_EQ(check.at("Name").as_string(), "Service Maintenance Mode");
    EXPECT_EQ(check.at("Notes").as_string(), "upgrade");

    EXPECT_EQ(face.put("/v1/agent/service/maintenance/web-1?enable=false").status, 200);
    EXPECT_EQ(face.json("/v1/health/service/web?passing").as_array().size(), 1U);
    EXPECT_EQ(face.get("/v1/agent/checks").body, "{}");
}

TEST(AgentWrites, put_the_node_into_maintenance_and_back) {
    const AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", R"({"Name":"web"})").status, 200);

    EXPECT_EQ(face.put("/v1/agent/maintenance?enable=true").status, 200);
    EXPECT_EQ(face.get("/v1/health/service/web?passing").body, "[]");
    EXPECT_TRUE(face.json("/v1/agent/checks").as_object().contains("_node_maintenance"));

    EXPECT_EQ(face.put("/v1/agent/maintenance?enable=false").status, 200);
    EXPECT_EQ(face.json("/v1/health/service/web?passing").as_array().size(), 1U);
}

TEST(AgentWrites, refuse_maintenance_that_is_not_clear) {
    const AgentFace face;

    EXPECT_EQ(face.put("/v1/agent/service/maintenance/x").body, "Missing value for enable");
    EXPECT_EQ(face.put("/v1/agent/service/maintenance/x?enable=perhaps").status, 400);
    EXPECT_EQ(face.put("/v1/agent/service/maintenance/x?enable=true").status, 404);
    EXPECT_EQ(face.put("/v1/agent/maintenance").status, 400);
}

TEST(AgentWrites, register_and_deregister_a_check) {
    const AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", R"({"Name":"web"})").status, 200);

    EXPECT_EQ(face.put("/v1/agent/check/register",
                       R"({"Name":"disk","TTL":"10s","ServiceID":"web","Status":"warning"})")
                  .status,
              200);
    EXPECT_EQ(face.json("/v1/health/checks/web").at(0).at("CheckID").as_string(), "disk");
    EXPECT_EQ(face.put("/v1/agent/check/deregister/disk").status, 200);
    EXPECT_EQ(face.get("/v1/health/checks/web").body, "[]");
    EXPECT_EQ(face.put("/v1/agent/check/deregister/disk").status, 404);
    EXPECT_EQ(face.put("/v1/agent/check/register", R"({"TTL":"10s"})").body, "Missing check name");
    EXPECT_EQ(
        face.put("/v1/agent/check/register", R"({"Name":"x","TTL":"1s","ServiceID":"nobody"})")
            .status,
        404);
}

TEST(AgentWrites, refuse_a_bad_registration_with_a_sentence) {
    const AgentFace face;
    const auto refusal = [&](std::string_view body) {
        const auto reply = face.put("/v1/agent/service/register", body);
        EXPECT_EQ(reply.status, 400) << body;
        EXPECT_EQ(reply.find("content-type"), "text/plain; charset=utf-8");
        return reply.body;
    };

    EXPECT_EQ(refusal("{}"), "Missing service name");
    EXPECT_EQ(refusal(R"({"Name":"web","Address":"0.0.0.0"})"), "Invalid service address");
    EXPECT_TRUE(refusal(R"({"Name":"web","Port":"80"})").starts_with("Request decode failed"));
    EXPECT_TRUE(refusal("{").starts_with("Request decode failed"));
    EXPECT_TRUE(refusal(R"({"Name":"web","Checks":[{}]})").starts_with("Invalid check"));
    EXPECT_TRUE(refusal(R"({"Name":"web","Check":{"Args":["true"],"Interval":"1s"}})")
                    .starts_with("Scripts are disabled on this agent"));
    EXPECT_EQ(face.get("/v1/agent/services").body, "{}");
}

TEST(AgentWrites, take_script_checks_where_they_are_enabled) {
    ServerOptions options;
    options.script_checks_over_http = true;
    const AgentFace face(std::move(options));

    EXPECT_EQ(face.put("/v1/agent/service/register",
                       R"({"Name":"web","Check":{"Args":["true"],"Interval":"10s"}})")
                  .status,
              200);
}

TEST(AgentWrites, warn_of_a_name_that_dns_cannot_carry_and_name_ignored_fields) {
    const AgentFace face;

    const auto reply =
        face.put("/v1/agent/service/register", R"({"Name":"my_web","Colour":"blue"})");

    EXPECT_EQ(reply.status, 200);
    EXPECT_NE(reply.find("x-roster-warning").find("my_web"), std::string::npos);
    EXPECT_EQ(reply.find("x-roster-ignored-fields"), "Colour");
    EXPECT_EQ(face.json("/v1/health/service/my_web").as_array().size(), 1U);
}

TEST(AgentWrites, name_a_few_of_the_fields_they_ignore_however_many_there_are) {
    const AgentFace face;
    std::string body = R"({"Name":"web",")" + std::string(5000, 'x') + R"(":1)";
    for (int i = 0; i < 2000; ++i) body += ",\"field" + std::to_string(i) + "\":1";

    const auto reply = face.put("/v1/agent/service/register", body + "}");

    EXPECT_EQ(reply.status, 200);
    const auto named = reply.find("x-roster-ignored-fields");
    EXPECT_LT(named.size(), 1500U);
    EXPECT_TRUE(named.ends_with(", ..."));
}

TEST(AgentWrites, accept_post_for_put_and_keep_get_out) {
    const AgentFace face;

    EXPECT_EQ(
        face.client().exchange("POST", "/v1/agent/service/register", R"({"Name":"web"})").status,
        200);
    EXPECT_EQ(face.get("/v1/agent/service/deregister/web").status, 405);
}

TEST(AgentWrites, wake_who_waits_for_the_service) {
    const AgentFace face;
    const auto index = face.get("/v1/health/service/web").index();
    auto client = face.client();
    client.ask("GET", "/v1/health/service/web?index=" + std::to_string(index));
    ASSERT_TRUE(face.parked(1));

    ASSERT_EQ(face.put("/v1/agent/service/register", R"({"Name":"web"})").status, 200);

    const auto reply = client.receive();
    EXPECT_GT(reply.index(), index);
    EXPECT_NE(reply.body, "[]");
}

TEST(AgentWrites, wake_who_waits_for_the_list_of_services_when_one_without_tags_comes_and_goes) {
    AgentFace face;
    for (const auto* const path : {"register", "deregister/plain"}) {
        const auto index = face.get("/v1/catalog/services").index();
        auto client = face.client();
        client.ask("GET", "/v1/catalog/services?wait=60s&index=" + std::to_string(index));
        ASSERT_TRUE(face.parked(1));

        const auto done = face.put("/v1/agent/service/" + std::string(path), R"({"Name":"plain"})");
        EXPECT_EQ(done.status, 200);

        EXPECT_GT(client.receive().index(), index) << path;
    }
}

TEST(AgentWrites, fail_with_500_and_a_sentence_without_the_core) {
    AgentFace face;
    ASSERT_EQ(face.put("/v1/agent/service/register", R"({"Name":"web"})").status, 200);
    face.stop_core();

    const auto reply = face.put("/v1/agent/service/register", R"({"Name":"api"})");

    EXPECT_EQ(reply.status, 500);
    EXPECT_NE(reply.body, "");
    // What was known goes on being answered.
    EXPECT_EQ(face.json("/v1/health/service/web").as_array().size(), 1U);
}

TEST(CatalogWrites, register_and_deregister_what_no_agent_holds) {
    const AgentFace face;

    const auto done = face.put("/v1/catalog/register",
                               R"({"Node":"db1","Address":"10.1.0.1",
                                   "Service":{"ID":"pg","Service":"postgres","Port":5432},
                                   "Check":{"CheckID":"up","Name":"up","Status":"passing",
                                            "ServiceID":"pg"}})");
    EXPECT_EQ(done.status, 200) << done.body;
    EXPECT_EQ(done.body, "true");
    const auto entry = face.json("/v1/health/service/postgres?passing").at(0);
    EXPECT_EQ(entry.at("Node").at("Address").as_string(), "10.1.0.1");
    EXPECT_EQ(entry.at("Checks").as_array().size(), 1U);  // and no serfHealth

    EXPECT_EQ(face.put("/v1/catalog/deregister", R"({"Node":"db1","ServiceID":"pg"})").body,
              "true");
    EXPECT_EQ(face.get("/v1/health/service/postgres").body, "[]");
    EXPECT_EQ(face.put("/v1/catalog/deregister", R"({"Node":"db1"})").body, "true");
    EXPECT_EQ(face.get("/v1/catalog/node/db1").body, "null");
}

}  // namespace
}  // namespace http
