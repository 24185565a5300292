#include "http/json.hpp"

#include "tests/http/face.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

namespace http {
namespace {

// The shapes of hashicorp/consul's api package: names, order and zero values.
agent::InstanceView instance() {
    auto view = web_publication(7).services.front()->instances.front();
    view.create_index = agent::CatalogIndex{5};
    return view;
}

TEST(Json, of_a_node_is_consuls) {
    EXPECT_EQ(json::serialize(encode_node(*instance().node)),
              R"({"ID":"","Node":"host1","Address":"10.0.0.1","Datacenter":"dc1",)"
              R"("TaggedAddresses":{"lan":"10.0.0.1","lan_ipv4":"10.0.0.1","wan":"10.0.0.1",)"
              R"("wan_ipv4":"10.0.0.1"},"Meta":{"rack":"a"},"CreateIndex":0,"ModifyIndex":0})");
}

TEST(Json, of_a_service_is_consuls) {
    EXPECT_EQ(json::serialize(encode_service(instance())),
              R"({"ID":"web-1","Service":"web","Tags":["primary","v1"],"Meta":{},"Port":8080,)"
              R"("Address":"","Weights":{"Passing":1,"Warning":1},"EnableTagOverride":false,)"
              R"("Proxy":{},"Connect":{},"CreateIndex":5,"ModifyIndex":7})");
}

TEST(Json, of_a_catalog_service_is_flat_and_leaves_the_address_empty) {
    EXPECT_EQ(
        json::serialize(encode_catalog_service(instance())),
        R"({"ID":"","Node":"host1","Address":"10.0.0.1","Datacenter":"dc1","TaggedAddresses":)"
        R"({"lan":"10.0.0.1","lan_ipv4":"10.0.0.1","wan":"10.0.0.1","wan_ipv4":"10.0.0.1"},)"
        R"("NodeMeta":{"rack":"a"},"ServiceKind":"","ServiceID":"web-1","ServiceName":"web",)"
        R"("ServiceTags":["primary","v1"],"ServiceAddress":"","ServiceTaggedAddresses":{},)"
        R"("ServiceWeights":{"Passing":1,"Warning":1},"ServiceMeta":{},"ServicePort":8080,)"
        R"("ServiceSocketPath":"","ServiceEnableTagOverride":false,"ServiceProxy":{},)"
        R"("ServiceConnect":{},"CreateIndex":5,"ModifyIndex":7})");
}

TEST(Json, of_an_entry_has_serfHealth_before_the_checks_of_the_instance) {
    const auto entry = encode_service_entry(instance());

    const auto& checks = entry.at("Checks").as_array();
    ASSERT_EQ(checks.size(), 2U);
    EXPECT_EQ(
        json::serialize(checks[0]),
        R"({"Node":"host1","CheckID":"serfHealth","Name":"Serf Health Status",)"
        R"("Status":"passing","Notes":"","Output":"Agent alive and reachable","ServiceID":"",)"
        R"("ServiceName":"","ServiceTags":[],"Type":"","Interval":"","Timeout":"",)"
        R"("ExposedPort":0,"Definition":{},"CreateIndex":0,"ModifyIndex":0})");
    EXPECT_EQ(
        json::serialize(checks[1]),
        R"({"Node":"host1","CheckID":"service:web-1","Name":"Service 'web' check",)"
        R"("Status":"passing","Notes":"","Output":"","ServiceID":"web-1","ServiceName":"web",)"
        R"("ServiceTags":["primary","v1"],"Type":"ttl","Interval":"","Timeout":"",)"
        R"("ExposedPort":0,"Definition":{},"CreateIndex":5,"ModifyIndex":7})");
}

TEST(Json, of_a_check_defines_what_is_checked_without_zero_values) {
    agent::Check check;
    check.definition.kind = agent::CheckKind::http;
    check.definition.http = "http://10.0.0.1/";
    check.definition.header = {{"X-A", "1"}, {"X-A", "2"}};
    check.definition.interval = std::chrono::seconds(90);
    check.definition.expected_status = {200, 204};
    check.definition.body_match = "ok";

    const auto encoded = encode_check(check, {});

    EXPECT_EQ(encoded.at("Interval").as_string(), "1m30s");
    EXPECT_EQ(json::serialize(encoded.at("Definition")),
              R"({"Interval":"1m30s","HTTP":"http://10.0.0.1/","Header":{"X-A":["1","2"]},)"
              R"("Method":"GET","ExpectedStatus":[200,204],"BodyMatch":"ok"})");
}

TEST(Json, shows_maintenance_as_a_critical_check) {
    auto view = instance();
    support::change_record(
        view, [](auto& record) { record.maintenance = agent::Maintenance{"upgrade"}; });

    const auto checks = encode_instance_checks(view);

    EXPECT_EQ(checks[0].at("CheckID").as_string(), "_service_maintenance:web-1");
    EXPECT_EQ(checks[0].at("Name").as_string(), "Service Maintenance Mode");
    EXPECT_EQ(checks[0].at("Status").as_string(), "critical");
    EXPECT_EQ(checks[0].at("Notes").as_string(), "upgrade");
}

TEST(Json, gives_no_serfHealth_to_a_node_that_no_agent_holds) {
    agent::NodeView node;
    node.record.external = true;

    EXPECT_TRUE(encode_node_checks(node).empty());
}

TEST(Json, makes_a_node_of_an_instance_whose_node_is_not_known) {
    auto view = instance();
    view.node = nullptr;

    const auto entry = encode_service_entry(view);

    EXPECT_EQ(entry.at("Node").at("Address").as_string(), "10.0.0.1");
    EXPECT_EQ(entry.at("Checks").as_array().size(), 1U);
}

TEST(Json, of_a_kv_entry_is_consuls) {
    agent::KvEntry entry;
    entry.key = "a/b";
    entry.value = "hello";
    entry.flags = 18446744073709551615U;
    entry.create_index = agent::CatalogIndex{3};
    entry.modify_index = agent::CatalogIndex{4};

    EXPECT_EQ(json::serialize(encode_kv(entry)),
              R"({"LockIndex":0,"Key":"a/b","Flags":18446744073709551615,"Value":"aGVsbG8=",)"
              R"("CreateIndex":3,"ModifyIndex":4})");
    entry.value.clear();
    EXPECT_TRUE(encode_kv(entry).at("Value").is_null());
}

TEST(Json, replaces_what_is_not_utf_8_as_go_does) {
    EXPECT_EQ(text("plain"), "plain");
    EXPECT_EQ(text("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80"),
              "\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80");
    EXPECT_EQ(text("a\xff"
                   "b"),
              "a\xef\xbf\xbd"
              "b");
    EXPECT_EQ(text("\xc3"), "\xef\xbf\xbd");
    EXPECT_EQ(text("\xc0\xaf"), "\xef\xbf\xbd\xef\xbf\xbd");                  // overlong
    EXPECT_EQ(text("\xed\xa0\x80"), "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd");  // surrogate
}

TEST(Json, encodes_base64_as_rfc_4648_does) {
    EXPECT_EQ(base64(""), "");
    EXPECT_EQ(base64("f"), "Zg==");
    EXPECT_EQ(base64("fo"), "Zm8=");
    EXPECT_EQ(base64("foo"), "Zm9v");
    EXPECT_EQ(base64("\xff\xfe\xfd"), "//79");
}

TEST(Json, is_pretty_with_four_spaces_on_request) {
    const auto value = json::parse(R"({"a":[1,{"b":"x"}],"c":{},"d":[]})");

    EXPECT_EQ(
        pretty(value),
        "{\n    \"a\": [\n        1,\n        {\n            \"b\": \"x\"\n        }\n    ],\n"
        "    \"c\": {},\n    \"d\": []\n}\n");
}

TEST(Json, turns_every_rejection_into_its_status) {
    using Kind = agent::Rejection::Kind;

    EXPECT_EQ(reject({Kind::invalid, "x"}).status, 400);
    EXPECT_EQ(reject({Kind::not_found, "x"}).status, 404);
    EXPECT_EQ(reject({Kind::wrong_kind, "x"}).status, 500);
    EXPECT_EQ(reject({Kind::limit, "x"}).status, 429);
    EXPECT_EQ(reject({Kind::unavailable, "x"}).status, 500);
    EXPECT_EQ(reject({Kind::invalid, "Missing service name"}).body, "Missing service name");
}

}  // namespace
}  // namespace http
