#include "http/router.hpp"

#include "tests/http/face.hpp"

#include <gtest/gtest.h>

#include <set>

namespace http {
namespace {

TEST(RouteTable, has_every_pattern_once_and_a_handler_for_each) {
    std::set<std::string_view> patterns;
    for (const auto& route : routes()) {
        EXPECT_TRUE(patterns.insert(route.pattern).second) << route.pattern;
        EXPECT_TRUE(route.get != nullptr || route.put != nullptr || route.remove != nullptr)
            << route.pattern;
        EXPECT_TRUE(route.pattern.starts_with('/')) << route.pattern;
    }
}

// Every endpoint that the clients named in Consul's ecosystem call.
TEST(RouteTable, knows_what_the_clients_of_consul_ask_for) {
    std::set<std::string_view> patterns;
    for (const auto& route : routes()) patterns.insert(route.pattern);

    for (const auto* wanted : {"/v1/agent/self",
                               "/v1/agent/members",
                               "/v1/agent/services",
                               "/v1/agent/service/",
                               "/v1/agent/checks",
                               "/v1/agent/service/register",
                               "/v1/agent/service/deregister/",
                               "/v1/agent/service/maintenance/",
                               "/v1/agent/maintenance",
                               "/v1/agent/check/register",
                               "/v1/agent/check/deregister/",
                               "/v1/agent/check/pass/",
                               "/v1/agent/check/warn/",
                               "/v1/agent/check/fail/",
                               "/v1/agent/check/update/",
                               "/v1/agent/health/service/name/",
                               "/v1/agent/health/service/id/",
                               "/v1/agent/leave",
                               "/v1/agent/reload",
                               "/v1/catalog/services",
                               "/v1/catalog/service/",
                               "/v1/catalog/nodes",
                               "/v1/catalog/node/",
                               "/v1/catalog/node-services/",
                               "/v1/catalog/datacenters",
                               "/v1/catalog/register",
                               "/v1/catalog/deregister",
                               "/v1/health/service/",
                               "/v1/health/checks/",
                               "/v1/health/node/",
                               "/v1/health/state/",
                               "/v1/kv/",
                               "/v1/status/leader",
                               "/v1/status/peers"}) {
        EXPECT_TRUE(patterns.contains(wanted)) << wanted;
    }
}

TEST(Router, answers_an_unknown_path_with_404_and_a_hint) {
    const Face face;

    const auto reply = face.get("/v1/nowhere");
    EXPECT_EQ(reply.status, 404);
    EXPECT_TRUE(reply.body.starts_with("Invalid URL path")) << reply.body;
    EXPECT_NE(face.get("/agent/self").body.find("/v1/"), std::string::npos);
    for (const auto* later : {"/v1/session/list", "/v1/query", "/v1/event/list", "/v1/txn"}) {
        EXPECT_EQ(face.get(later).status, 404) << later;
    }
}

TEST(Router, answers_a_wrong_method_with_405_and_what_is_allowed) {
    const Face face;

    const auto reply = face.get("/v1/agent/service/register");
    EXPECT_EQ(reply.status, 405);
    EXPECT_EQ(reply.find("allow"), "OPTIONS,PUT,POST");
    EXPECT_EQ(reply.body, "method GET not allowed");
    EXPECT_EQ(face.client().exchange("PATCH", "/v1/kv/a").find("allow"),
              "OPTIONS,GET,HEAD,PUT,POST,DELETE");
}

TEST(Router, answers_options_with_what_is_allowed) {
    const Face face;

    const auto reply = face.client().exchange("OPTIONS", "/v1/catalog/nodes");

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.find("allow"), "OPTIONS,GET,HEAD");
    EXPECT_EQ(reply.body, "");
}

TEST(Router, refuses_unprintable_characters_in_a_path) {
    const Face face;

    EXPECT_EQ(face.get("/v1/kv/a%00b").status, 400);
    EXPECT_EQ(face.get("/v1/kv/a%7fb").status, 400);
}

TEST(Router, prefers_the_exact_pattern_and_the_longer_prefix) {
    const Face face;

    // "register" is an endpoint, not the id of a service.
    EXPECT_EQ(face.get("/v1/agent/service/register").status, 405);
    // "maintenance/x" is not the id of a service either.
    EXPECT_EQ(face.get("/v1/agent/service/maintenance/x").status, 405);
}

TEST(Router, counts_requests_by_route_and_class_of_status) {
    const Face face;

    face.get("/v1/status/leader");
    face.get("/v1/status/leader");
    face.get("/nowhere");

    EXPECT_EQ(face.metric("roster_http_requests_total", "/v1/status/leader"), 2);
    EXPECT_EQ(face.metric("roster_http_requests_total", "other"), 1);
}

}  // namespace
}  // namespace http
