#include "http/catalog_api.hpp"

#include "tests/http/face.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace http {
namespace {

namespace json = boost::json;

TEST(CatalogApi, lists_services_with_the_union_of_their_tags_and_consul_itself) {
    Face face;
    face.publish(web_publication(10));

    EXPECT_EQ(face.get("/v1/catalog/services").body, R"({"consul":[],"web":["primary","v1"]})");
    EXPECT_EQ(face.get("/v1/catalog/services?node-meta=rack:a").body,
              R"({"consul":[],"web":["primary","v1"]})");
    EXPECT_EQ(face.get("/v1/catalog/services?node-meta=rack:z").body, R"({"consul":[]})");
    EXPECT_EQ(face.get("/v1/catalog/services?filter=ServiceName+!=+consul").body,
              R"({"web":["primary","v1"]})");
}

TEST(CatalogApi, lists_the_instances_of_a_service_in_the_order_of_the_health_endpoint) {
    Face face;
    face.publish(web_publication(10));

    const auto catalog = json::parse(face.get("/v1/catalog/service/web").body).as_array();
    const auto health = json::parse(face.get("/v1/health/service/web").body).as_array();

    ASSERT_EQ(catalog.size(), 2U);
    ASSERT_EQ(health.size(), 2U);
    for (std::size_t i = 0; i < 2; ++i) {
        EXPECT_EQ(catalog[i].at("ServiceID"), health[i].at("Service").at("ID"));
    }
}

TEST(CatalogApi, answers_an_unknown_service_with_an_empty_list) {
    Face face;
    face.publish(web_publication(10));

    const auto reply = face.get("/v1/catalog/service/nothing");

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.body, "[]");
    EXPECT_EQ(face.get("/v1/catalog/service/WEB").body, "[]");  // HTTP is exact about case.
}

TEST(CatalogApi, filters_by_tag_and_expression) {
    Face face;
    face.publish(web_publication(10));

    const auto by_tag = face.get("/v1/catalog/service/web?tag=v1&tag=primary").body;
    EXPECT_EQ(json::parse(by_tag).as_array().size(), 1U);
    const auto by_filter = face.get("/v1/catalog/service/web?filter=Node+==+host2").body;
    EXPECT_EQ(json::parse(by_filter).as_array().size(), 1U);
    EXPECT_EQ(face.get("/v1/catalog/service/web?filter=Nonsense").status, 400);
}

TEST(CatalogApi, lists_nodes_the_near_one_first) {
    Face face;
    face.publish(web_publication(10));

    const auto nodes = json::parse(face.get("/v1/catalog/nodes?near=host2").body).as_array();
    ASSERT_EQ(nodes.size(), 2U);
    EXPECT_EQ(nodes[0].at("Node").as_string(), "host2");
    EXPECT_EQ(json::parse(face.get("/v1/catalog/nodes?node-meta=rack:a").body).as_array().size(),
              1U);
}

TEST(CatalogApi, shows_a_node_with_its_services_and_null_for_an_unknown_one) {
    Face face;
    face.publish(web_publication(10));

    const auto node = json::parse(face.get("/v1/catalog/node/host1").body);
    EXPECT_EQ(node.at("Node").at("Address").as_string(), "10.0.0.1");
    EXPECT_EQ(node.at("Services").at("web-1").at("Port").as_int64(), 8080);
    const auto list = json::parse(face.get("/v1/catalog/node-services/host1").body);
    EXPECT_EQ(list.at("Services").as_array().size(), 1U);
    EXPECT_EQ(face.get("/v1/catalog/node/nobody").body, "null");
    EXPECT_EQ(face.get("/v1/catalog/node-services/nobody").body, "null");
}

TEST(CatalogApi, names_the_one_datacenter) {
    const Face face;

    EXPECT_EQ(face.get("/v1/catalog/datacenters").body, R"(["dc1"])");
}

TEST(CatalogApi, wakes_a_watch_of_a_node_only_when_something_on_it_changes) {
    Face face;
    face.publish(web_publication(10));
    auto first = face.client();
    auto second = face.client();
    first.ask("GET", "/v1/catalog/node/host1?index=10");
    second.ask("GET", "/v1/health/node/host2?index=10");
    ASSERT_TRUE(face.parked(2));

    auto publication = web_publication(11, agent::Health::critical);
    publication.nodes.clear();
    auto web = *publication.services.front();
    web.instances[0].modify_index = agent::CatalogIndex{10};
    publication.services = {std::make_shared<const agent::ServiceView>(web)};
    face.publish(std::move(publication));

    EXPECT_EQ(second.receive().index(), 11U);
    EXPECT_TRUE(first.silent_for(std::chrono::milliseconds(0)));
    EXPECT_TRUE(face.parked(1));
}

TEST(CatalogApi, refuses_what_lacks_a_name) {
    const Face face;

    EXPECT_EQ(face.get("/v1/catalog/service/").body, "Missing service name");
    EXPECT_EQ(face.get("/v1/catalog/node/").status, 400);
    EXPECT_EQ(face.put("/v1/catalog/register", "{}").body, "Must provide node");
    EXPECT_EQ(face.put("/v1/catalog/register", R"({"Node":"n"})").body,
              "Must provide address if SkipNodeUpdate is not set");
    EXPECT_EQ(
        face.put("/v1/catalog/register", R"({"Node":"n","Address":"1.2.3.4","Service":{}})").body,
        "Must provide service name with ID");
    const auto elsewhere =
        face.put("/v1/catalog/register", R"({"Node":"n","Address":"1.2.3.4","Datacenter":"dc9"})");
    EXPECT_EQ(elsewhere.status, 500);
    EXPECT_EQ(elsewhere.body, "No path to datacenter");
    EXPECT_EQ(face.put("/v1/catalog/deregister", "{}").body, "Must provide node");
    EXPECT_EQ(face.put("/v1/catalog/deregister", R"({"Node":"n","Datacenter":"dc9"})").status, 500);
}

TEST(CatalogApi, has_no_mesh_and_says_so_with_an_empty_list) {
    Face face;
    face.publish(web_publication(10));

    EXPECT_EQ(face.get("/v1/catalog/connect/web").body, "[]");
    EXPECT_EQ(face.get("/v1/health/connect/web").body, "[]");
}

}  // namespace
}  // namespace http
