#include "http/health_api.hpp"

#include "tests/http/face.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace http {
namespace {

namespace json = boost::json;

std::size_t count(const Face& face, const std::string& target) {
    return json::parse(face.get(target).body).as_array().size();
}

TEST(HealthApi, gives_entries_of_node_service_and_checks) {
    Face face;
    face.publish(web_publication(10));

    const auto entries = json::parse(face.get("/v1/health/service/web").body).as_array();

    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(entries[0].at("Node").at("Node").as_string(), "host1");
    EXPECT_EQ(entries[0].at("Service").at("Service").as_string(), "web");
    EXPECT_EQ(entries[0].at("Checks").at(0).at("CheckID").as_string(), "serfHealth");
}

TEST(HealthApi, gives_only_the_passing_when_asked_with_or_without_a_value) {
    Face face;
    face.publish(web_publication(10, agent::Health::warning));

    EXPECT_EQ(count(face, "/v1/health/service/web"), 2U);
    EXPECT_EQ(count(face, "/v1/health/service/web?passing"), 1U);
    EXPECT_EQ(count(face, "/v1/health/service/web?passing=1"), 1U);
    EXPECT_EQ(count(face, "/v1/health/service/web?passing=false"), 2U);
    EXPECT_EQ(face.get("/v1/health/service/web?passing=perhaps").body,
              "Invalid value for ?passing");
}

TEST(HealthApi, filters_entries_by_expression) {
    Face face;
    face.publish(web_publication(10, agent::Health::warning));

    EXPECT_EQ(count(face, "/v1/health/service/web?filter=Checks.Status+==+warning"), 1U);
    EXPECT_EQ(count(face, "/v1/health/service/web?filter=Node.Meta.rack+==+a"), 1U);
}

TEST(HealthApi, gives_the_checks_of_a_service_a_node_and_a_state) {
    Face face;
    face.publish(web_publication(10, agent::Health::critical));

    EXPECT_EQ(count(face, "/v1/health/checks/web"), 2U);
    EXPECT_EQ(count(face, "/v1/health/node/host1"), 2U);
    EXPECT_EQ(count(face, "/v1/health/node/nobody"), 0U);
    EXPECT_EQ(count(face, "/v1/health/state/any"), 4U);
    EXPECT_EQ(count(face, "/v1/health/state/passing"), 3U);
    EXPECT_EQ(count(face, "/v1/health/state/critical"), 1U);
    EXPECT_EQ(count(face, "/v1/health/state/warning"), 0U);
    EXPECT_EQ(face.get("/v1/health/state/odd").status, 400);
}

TEST(HealthApi, wakes_a_watch_of_a_state_when_a_check_enters_it) {
    Face face;
    face.publish(web_publication(10));
    auto client = face.client();
    client.ask("GET", "/v1/health/state/critical?index=10");
    ASSERT_TRUE(face.parked(1));

    face.publish(web_publication(11, agent::Health::critical));

    const auto reply = client.receive();
    EXPECT_EQ(reply.index(), 11U);
    EXPECT_EQ(json::parse(reply.body).as_array().size(), 1U);
}

TEST(HealthApi, shows_the_maintenance_of_a_node_as_a_critical_check) {
    Face face;
    auto publication = web_publication(10);
    auto node = publication.nodes.front()->record;
    node.maintenance = agent::Maintenance{"disk"};
    publication.nodes = {support::make_node("host1", "10.0.0.1", node)};
    face.publish(std::move(publication));

    const auto checks =
        json::parse(face.get("/v1/health/node/host1?filter=CheckID+==+_node_maintenance").body);

    ASSERT_EQ(checks.as_array().size(), 1U);
    EXPECT_EQ(checks.at(0).at("Status").as_string(), "critical");
    EXPECT_EQ(checks.at(0).at("Notes").as_string(), "disk");
}

}  // namespace
}  // namespace http
