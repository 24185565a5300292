#include "http/registration.hpp"

#include <gtest/gtest.h>

namespace http {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

TEST(ServiceRegistration, is_read_with_all_its_fields) {
    const auto decoded = decode_service(R"({
        "ID": "web-1", "Name": "web", "Address": "10.0.0.7", "Port": 8080, "Tags": ["a", "b"],
        "Meta": {"version": "1.2"}, "EnableTagOverride": true, "Weights": {"Passing": 5, "Warning": 0},
        "TaggedAddresses": {"lan": {"Address": "10.0.0.7", "Port": 80}, "wan": "198.51.100.1"},
        "Locality": {"Region": "eu", "Zone": "eu-a"},
        "Checks": [{"HTTP": "http://10.0.0.7/health", "Interval": "10s", "Timeout": "1s",
                    "Method": "HEAD", "Header": {"X-A": ["1", "2"]}, "TLSSkipVerify": true},
                   {"TTL": "30s", "Status": "passing", "DeregisterCriticalServiceAfter": "1m"}]})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    const auto& service = *decoded.value;
    EXPECT_EQ(service.id, "web-1");
    EXPECT_EQ(service.name, "web");
    EXPECT_EQ(service.port, 8080);
    EXPECT_EQ(service.tags, (std::vector<std::string>{"a", "b"}));
    EXPECT_EQ(service.meta.at("version"), "1.2");
    EXPECT_TRUE(service.enable_tag_override);
    EXPECT_EQ(service.weights, (agent::Weights{5, 0}));
    EXPECT_EQ(service.tagged_addresses.at("lan"), (agent::TaggedAddress{"10.0.0.7", 80}));
    EXPECT_EQ(service.tagged_addresses.at("wan").address, "198.51.100.1");
    EXPECT_EQ(service.zone, "eu-a");
    ASSERT_EQ(service.checks.size(), 2U);
    EXPECT_EQ(service.checks[0].kind, agent::CheckKind::http);
    EXPECT_EQ(service.checks[0].interval, seconds(10));
    EXPECT_EQ(service.checks[0].method, "HEAD");
    EXPECT_EQ(service.checks[0].header.size(), 2U);
    EXPECT_EQ(service.checks[1].kind, agent::CheckKind::ttl);
    EXPECT_EQ(service.checks[1].initial_status, agent::Health::passing);
    EXPECT_EQ(service.checks[1].deregister_critical_after, seconds(60));
    EXPECT_TRUE(decoded.ignored.empty());
}

TEST(ServiceRegistration, matches_names_whatever_their_case_and_in_snake_case) {
    const auto decoded = decode_service(R"({"name": "web", "TAGS": ["x"],
        "enable_tag_override": true, "tagged_addresses": {"lan": {"address": "10.0.0.1"}},
        "check": {"tcp": "10.0.0.1:80", "interval": "1s", "deregister_critical_service_after": "2m",
                  "tls_skip_verify": true}})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.value->name, "web");
    EXPECT_EQ(decoded.value->tags.size(), 1U);
    EXPECT_TRUE(decoded.value->enable_tag_override);
    EXPECT_EQ(decoded.value->tagged_addresses.at("lan").address, "10.0.0.1");
    ASSERT_EQ(decoded.value->checks.size(), 1U);
    EXPECT_EQ(decoded.value->checks[0].kind, agent::CheckKind::tcp);
    EXPECT_EQ(decoded.value->checks[0].deregister_critical_after, seconds(120));
    EXPECT_TRUE(decoded.value->checks[0].tls_skip_verify);
}

TEST(ServiceRegistration, takes_durations_as_text_or_as_nanoseconds) {
    const auto decoded = decode_service(
        R"({"Name": "web", "Check": {"HTTP": "http://a/", "Interval": 1500000000, "Timeout": "1.5s"}})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.value->checks[0].interval, milliseconds(1500));
    EXPECT_EQ(decoded.value->checks[0].timeout, milliseconds(1500));
}

TEST(ServiceRegistration, takes_null_as_absent_and_the_last_of_duplicates) {
    const auto decoded = decode_service(
        R"({"Name": "first", "name": "second", "Tags": null, "Meta": null, "Check": null})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.value->name, "second");
    EXPECT_TRUE(decoded.value->checks.empty());
}

TEST(ServiceRegistration, takes_a_check_that_says_nothing_as_absent) {
    for (const auto* const blank : {"{}", R"({"HTTP": "", "TTL": null})"}) {
        const auto decoded =
            decode_service(R"({"Name": "web", "Check": )" + std::string(blank) + "}");
        ASSERT_TRUE(decoded.value) << decoded.error;
        EXPECT_TRUE(decoded.value->checks.empty()) << blank;
    }
    EXPECT_EQ(decode_service(R"({"Name": "web", "Checks": [{}]})").value->checks.size(), 1U);
}

TEST(ServiceRegistration, names_the_fields_it_ignores) {
    const auto decoded =
        decode_service(R"({"Name": "web", "Colour": 1, "Check": {"TTL": "1s", "Script": "x"}})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.ignored, (std::vector<std::string>{"Check.Script", "Colour"}));
}

TEST(ServiceRegistration, of_a_wrong_type_is_refused_with_the_name_of_the_field) {
    EXPECT_EQ(decode_service(R"({"Name": 1})").error,
              "Request decode failed: Name must be a string");
    EXPECT_EQ(decode_service(R"({"Name": "web", "Port": "80"})").error,
              "Request decode failed: Port must be a whole number of its range");
    EXPECT_EQ(decode_service(R"({"Name": "web", "Port": 70000})").error,
              "Request decode failed: Port must be a whole number of its range");
    EXPECT_EQ(decode_service(R"({"Name": "web", "Tags": "a"})").error,
              "Request decode failed: Tags must be a list of strings");
    EXPECT_EQ(decode_service(R"({"Name": "web", "Checks": [{"TTL": "soon"}]})").error,
              "Request decode failed: Checks[0].TTL must be a duration such as \"10s\"");
    EXPECT_EQ(decode_service("[]").error, "Request decode failed: the body must be an object");
}

TEST(ServiceRegistration, that_is_not_json_is_refused) {
    for (const auto* body : {"", "{", "{\"Name\": }", "nonsense", "{} {}"}) {
        const auto decoded = decode_service(body);

        EXPECT_FALSE(decoded.value) << body;
        EXPECT_TRUE(decoded.error.starts_with("Request decode failed: the body is not JSON"))
            << decoded.error;
    }
}

TEST(ServiceRegistration, nested_too_deeply_is_refused) {
    const std::string deep = std::string(10'000, '[') + std::string(10'000, ']');

    EXPECT_FALSE(decode_service("{\"Name\": " + deep + "}").value);
}

TEST(ServiceRegistration, with_a_status_that_is_none_is_refused) {
    const auto decoded = decode_service(R"({"Name": "w", "Check": {"TTL": "1s", "Status": "ok"}})");

    EXPECT_TRUE(
        decoded.error.starts_with("Status for checks must 'passing', 'warning', 'critical'"));
}

TEST(CheckRegistration, tells_its_kind_by_the_field_that_is_there) {
    EXPECT_EQ(decode_check(R"({"Name": "c", "Args": ["true"], "Interval": "1s"})").value->kind,
              agent::CheckKind::script);
    EXPECT_EQ(decode_check(R"({"Name": "c", "script_args": ["true"]})").value->kind,
              agent::CheckKind::script);
    EXPECT_EQ(decode_check(R"({"Name": "c", "TTL": "1s"})").value->kind, agent::CheckKind::ttl);
}

TEST(CheckRegistration, of_a_kind_this_agent_does_not_run_is_refused) {
    const auto decoded = decode_check(R"({"Name": "c", "GRPC": "127.0.0.1:1", "Interval": "1s"})");

    EXPECT_EQ(decoded.error, "Invalid check: GRPC checks are not supported by this agent");
}

TEST(CheckRegistration, holds_what_a_reply_must_be) {
    const auto decoded = decode_check(R"({"Name": "c", "HTTP": "http://127.0.0.1/",
        "Interval": "1s", "ExpectedStatus": [204, 301], "BodyMatch": "^ok"})");
    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.value->expected_status, (std::vector<int>{204, 301}));
    EXPECT_EQ(decoded.value->body_match, "^ok");
    EXPECT_TRUE(decoded.ignored.empty());

    EXPECT_EQ(decode_check(R"({"Name": "c", "expected_status": 204})").value->expected_status,
              std::vector<int>{204});
    for (const auto* const wrong : {"99", "600", "[200, \"x\"]", "{}"}) {
        const auto refused =
            decode_check(R"({"Name": "c", "ExpectedStatus": )" + std::string(wrong) + "}");
        EXPECT_EQ(refused.error,
                  "Request decode failed: ExpectedStatus must be an HTTP status or a list of them")
            << wrong;
    }
}

TEST(CatalogRegistration, holds_node_service_and_checks) {
    const auto decoded = decode_catalog_registration(R"({
        "Datacenter": "dc1", "Node": "db1", "Address": "10.1.0.1", "NodeMeta": {"rack": "b"},
        "Service": {"ID": "pg", "Service": "postgres", "Port": 5432},
        "Check": {"CheckID": "pg-up", "Name": "up", "Status": "passing", "ServiceID": "pg",
                  "Output": "fine", "Definition": {"TCP": "10.1.0.1:5432", "Interval": "5s"}}})");

    ASSERT_TRUE(decoded.value) << decoded.error;
    EXPECT_EQ(decoded.value->node.name, "db1");
    EXPECT_EQ(decoded.value->node.meta.at("rack"), "b");
    EXPECT_TRUE(decoded.value->node.external);
    EXPECT_EQ(decoded.value->service->name, "postgres");
    ASSERT_EQ(decoded.value->checks.size(), 1U);
    EXPECT_EQ(decoded.value->checks[0].definition.id, "pg-up");
    EXPECT_EQ(decoded.value->checks[0].definition.tcp, "10.1.0.1:5432");
    EXPECT_EQ(decoded.value->checks[0].status,
              (agent::CheckStatus{agent::Health::passing, "fine"}));
}

TEST(CatalogDeregistration, names_node_service_and_check) {
    const auto decoded =
        decode_catalog_deregistration(R"({"Node": "db1", "ServiceID": "pg", "CheckID": "up"})");

    ASSERT_TRUE(decoded.value);
    EXPECT_EQ(decoded.value->node, "db1");
    EXPECT_EQ(decoded.value->service_id, "pg");
    EXPECT_EQ(decoded.value->check_id, "up");
}

TEST(TtlReport, has_a_status_and_an_output) {
    const auto decoded = decode_ttl_report(R"({"Status": "warning", "Output": "slow"})");

    ASSERT_TRUE(decoded.value);
    EXPECT_EQ(decoded.value->status, "warning");
    EXPECT_EQ(decoded.value->output, "slow");
}

}  // namespace
}  // namespace http
