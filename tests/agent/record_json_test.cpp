#include "agent/record_json.hpp"

#include <boost/json/parse.hpp>
#include <gtest/gtest.h>

#include <string>

namespace agent {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
namespace json = boost::json;

CheckDefinition every_field() {
    CheckDefinition check;
    check.id = "service:web-1";
    check.name = "health";
    check.notes = "the front door";
    check.service_id = "web-1";
    check.kind = CheckKind::http;
    check.http = "https://127.0.0.1:8080/health";
    check.method = "POST";
    check.expected_status = {200, 204};
    check.body_match = "ok|fine";
    check.disable_redirects = true;
    check.tls_skip_verify = true;
    check.tls_server_name = "web";
    check.tcp = "127.0.0.1:1";
    check.tcp_use_tls = true;
    check.args = {"/bin/true", "-v"};
    check.ttl = 1s;
    check.interval = 1500ms;
    check.timeout = 2min;
    check.start_period = 3s;
    check.success_before_passing = 1;
    check.failures_before_warning = 2;
    check.failures_before_critical = 3;
    check.initial_status = Health::warning;
    check.deregister_critical_after = 1h;
    check.output_bytes_max = 100;
    return check;
}

InstanceRecord web() {
    InstanceRecord record;
    record.service.id = "web-1";
    record.service.name = "web";
    record.service.address = "10.0.0.5";
    record.service.port = 8080;
    record.service.tags = {"primary", "grün"};
    record.service.meta = {{"version", "1.2"}};
    record.service.tagged_addresses = {{"wan", {"198.51.100.1", 80}}};
    record.service.weights = {10, 0};
    record.service.enable_tag_override = true;
    record.service.zone = "a";
    record.node = "host1";
    record.node_address = "10.0.0.1";
    record.datacenter = "dc1";
    record.registered_ms = 1'769'000'000'123;
    record.checks = {{every_field(), {Health::warning, "429 \"slow down\"\n"}}};
    return record;
}

json::object parsed(const std::string& text) { return json::parse(text).as_object(); }

TEST(InstanceJson, comes_back_as_it_was) {
    auto record = web();
    record.maintenance = Maintenance{"disk"};

    const auto back = decode_instance(encode(record));

    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(*back.value, record);
}

TEST(InstanceJson, of_the_least_service_comes_back_as_it_was) {
    InstanceRecord record;
    record.service.id = record.service.name = "web";
    record.node = "host1";

    const auto back = decode_instance(encode(record));

    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(*back.value, record);
}

// The fields, their names and types are those of Curator's ServiceInstance as Jackson writes it.
TEST(InstanceJson, holds_every_field_of_curators_service_instance) {
    auto record = web();
    record.service.address.clear();

    const auto object = parsed(encode(record));

    EXPECT_EQ(object.at("name"), "web");
    EXPECT_EQ(object.at("id"), "web-1@host1");
    EXPECT_EQ(object.at("address"), "10.0.0.1") << "the node's, when the service has none";
    EXPECT_EQ(object.at("port"), 8080);
    EXPECT_TRUE(object.at("sslPort").is_null());
    EXPECT_TRUE(object.at("payload").is_null());
    EXPECT_EQ(object.at("registrationTimeUTC"), 1'769'000'000'123);
    EXPECT_EQ(object.at("serviceType"), "DYNAMIC");
    EXPECT_TRUE(object.at("uriSpec").is_null());
    EXPECT_EQ(object.at("enabled"), true);
}

TEST(InstanceJson, is_disabled_while_critical_or_in_maintenance) {
    auto record = web();
    record.checks[0].status.health = Health::critical;
    EXPECT_EQ(parsed(encode(record)).at("enabled"), false);

    record.checks.clear();
    record.maintenance = Maintenance{};
    EXPECT_EQ(parsed(encode(record)).at("enabled"), false);

    record.maintenance.reset();
    NodeRecord node;
    node.maintenance = Maintenance{};
    EXPECT_EQ(parsed(encode(record, &node)).at("enabled"), false);
    EXPECT_EQ(parsed(encode(record)).at("enabled"), true);
}

TEST(InstanceJson, keeps_a_checks_credentials_on_its_agent) {
    auto record = web();
    record.checks[0].definition.header = {{"Authorization", "Bearer s3cret"}};
    record.checks[0].definition.body = "password=s3cret";
    EXPECT_EQ(encode(record).find("s3cret"), std::string::npos);

    record.external = true;
    const auto back = decode_instance(encode(record));
    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(*back.value, record) << "who registered it in the catalog wants it run by others";
}

// What curator-x-discovery 5 writes for `ServiceInstance.builder().name("web").port(8080)`.
TEST(InstanceJson, of_a_bare_curator_instance_is_read) {
    const auto read = decode_instance(
        R"({"name":"web","id":"8f2c","address":"10.0.0.7","port":8080,"sslPort":null,)"
        R"("payload":null,"registrationTimeUTC":1769000000123,"serviceType":"DYNAMIC",)"
        R"("uriSpec":null,"enabled":true})");

    ASSERT_TRUE(read.value) << read.error;
    EXPECT_EQ(read.value->service.id, "8f2c");
    EXPECT_EQ(read.value->service.name, "web");
    EXPECT_EQ(read.value->service.address, "10.0.0.7");
    EXPECT_EQ(read.value->service.port, 8080);
    EXPECT_EQ(read.value->node, "10.0.0.7");
    EXPECT_EQ(read.value->registered_ms, 1'769'000'000'123);
    EXPECT_TRUE(read.value->external);
    EXPECT_EQ(aggregate(*read.value, nullptr), Health::passing);
}

TEST(InstanceJson, of_a_disabled_curator_instance_is_critical) {
    const auto read = decode_instance(R"({"name":"web","id":"1","enabled":false})");

    ASSERT_TRUE(read.value) << read.error;
    EXPECT_EQ(aggregate(*read.value, nullptr), Health::critical);
    EXPECT_EQ(read.value->node, "curator");
}

TEST(InstanceJson, of_an_old_or_secure_curator_instance_is_read) {
    const auto read =
        decode_instance(R"({"name":"web","id":"1","address":"h","port":null,"sslPort":8443,)"
                        R"("payload":{"@class":"x.Y","metadata":{"zone":"a","n":1}},)"
                        R"("uriSpec":{"parts":[{"value":"scheme","variable":true}]}})");

    ASSERT_TRUE(read.value) << read.error;
    EXPECT_EQ(read.value->service.port, 8443);
    EXPECT_EQ(read.value->service.meta.at("zone"), "a");
    EXPECT_EQ(aggregate(*read.value, nullptr), Health::passing) << "no flag before Curator 2.9";
}

TEST(InstanceJson, that_is_malformed_is_refused_with_a_sentence) {
    EXPECT_NE(decode_instance("").error, "");
    EXPECT_NE(decode_instance("{").error.find("not JSON"), std::string::npos);
    EXPECT_EQ(decode_instance("[]").error, "not a JSON object");
    EXPECT_EQ(decode_instance("{}").error, "name is missing");
    EXPECT_EQ(decode_instance(R"({"name":"web"})").error, "id is missing");
    EXPECT_EQ(decode_instance(R"({"name":1,"id":"1"})").error, "name must be a string");
    EXPECT_EQ(decode_instance(R"({"name":"w","id":"1","port":70000})").error,
              "port must be a number within 0 and 65535");
    EXPECT_EQ(decode_instance(R"({"name":"w","id":"1","port":-1})").error,
              "port must be a number within 0 and 65535");
    EXPECT_EQ(decode_instance(R"({"name":"w","node":"n","serviceId":"1","checks":[1]})").error,
              "not a JSON object");
    EXPECT_EQ(
        decode_instance(R"({"name":"w","node":"n","serviceId":"1","checks":[{"type":"x"}]})").error,
        "type must be ttl, http, tcp or script");
    EXPECT_EQ(decode_instance(R"({"name":"w","node":"n","serviceId":"1","tags":"a"})").error,
              "tags must be a list");
    EXPECT_EQ(decode_instance(R"({"name":"w","node":"n","serviceId":"1","meta":{"a":1}})").error,
              "meta must be an object of strings");
    EXPECT_NE(decode_instance(std::string(100'000, '[')).error, "");
}

TEST(InstanceJson, fits_a_znode_and_is_valid_whatever_the_checks_print) {
    auto record = web();
    record.checks.assign(checks_per_service_max, record.checks[0]);
    for (auto& check : record.checks) check.status.output.assign(1U << 20U, '\xff');

    const auto text = encode(record);

    EXPECT_LT(text.size(), 1'000'000U);
    const auto back = decode_instance(text);
    ASSERT_TRUE(back.value) << back.error;
    EXPECT_TRUE(back.value->checks[0].status.output.starts_with("\uFFFD\uFFFD"));
}

TEST(NodeJson, comes_back_as_it_was) {
    NodeRecord record;
    record.name = "host1";
    record.id = "0b0c6a52-5a0c-4bf4-8a9e-0d7e1c2b3a4f";
    record.address = "10.0.0.1";
    record.datacenter = "dc1";
    record.zone = "a";
    record.tagged_addresses = {{"lan", "10.0.0.1"}};
    record.meta = {{"rack", "7"}};
    auto check = every_field();
    check.service_id.clear();
    record.checks = {{check, {Health::passing, "fine"}}};
    record.maintenance = Maintenance{"kernel"};
    record.version = "1.0";
    record.external = true;

    const auto back = decode_node(encode(record));

    ASSERT_TRUE(back.value) << back.error;
    EXPECT_EQ(*back.value, record);
}

TEST(NodeJson, that_is_malformed_is_refused_with_a_sentence) {
    EXPECT_NE(decode_node("x").error.find("not JSON"), std::string::npos);
    EXPECT_EQ(decode_node("{}").error, "name is missing");
    EXPECT_EQ(decode_node(R"({"name":"h","meta":[]})").error, "meta must be an object");
}

TEST(ValidUtf8, replaces_what_is_not_and_keeps_what_is) {
    EXPECT_EQ(valid_utf8("grün €\U0001F600"), "grün €\U0001F600");
    EXPECT_EQ(valid_utf8("a\xff"), "a\uFFFD");
    EXPECT_EQ(valid_utf8("\xc0\xaf"), "\uFFFD\uFFFD") << "overlong";
    EXPECT_EQ(valid_utf8("\xed\xa0\x80"), "\uFFFD\uFFFD\uFFFD") << "a surrogate";
    EXPECT_EQ(valid_utf8("\xf4\x90\x80\x80"), "\uFFFD\uFFFD\uFFFD\uFFFD") << "beyond Unicode";
    EXPECT_EQ(valid_utf8("\xe2\x82"), "\uFFFD\uFFFD") << "cut short";
    EXPECT_EQ(valid_utf8("ab€", 4), "ab") << "what does not fit whole is left out";
    EXPECT_EQ(valid_utf8("ab€", 5), "ab€");
}

}  // namespace
}  // namespace agent
