#include "agent/service.hpp"

#include <gtest/gtest.h>

#include <string>

namespace agent {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;

ServiceDefinition web() {
    ServiceDefinition service;
    service.id = "web-1";
    service.name = "web";
    service.port = 8080;
    return service;
}

CheckDefinition ttl_check() {
    CheckDefinition check;
    check.name = "alive";
    check.ttl = 10s;
    return check;
}

TEST(Health, is_spelt_as_consul_does) {
    EXPECT_EQ(format(Health::warning), "warning");
    EXPECT_EQ(parse_health("critical"), Health::critical);
    EXPECT_EQ(parse_health("Critical"), std::nullopt);
    EXPECT_EQ(format(CheckKind::script), "script");
    EXPECT_EQ(parse_check_kind("tcp"), CheckKind::tcp);
    EXPECT_EQ(parse_check_kind("grpc"), std::nullopt);
}

TEST(Health, of_an_instance_is_the_worst_of_its_own_and_its_nodes_checks) {
    InstanceRecord instance;
    NodeRecord node;
    EXPECT_EQ(aggregate(instance, nullptr), Health::passing);

    instance.checks = {{ttl_check(), {Health::passing, ""}}, {ttl_check(), {Health::warning, ""}}};
    EXPECT_EQ(aggregate(instance, &node), Health::warning);

    node.checks = {{ttl_check(), {Health::critical, ""}}};
    EXPECT_EQ(aggregate(instance, &node), Health::critical);
    EXPECT_EQ(aggregate(instance, nullptr), Health::warning);
}

TEST(Health, is_critical_in_maintenance) {
    InstanceRecord instance;
    NodeRecord node;
    node.maintenance = Maintenance{"kernel"};

    EXPECT_EQ(aggregate(instance, &node), Health::critical);

    node.maintenance.reset();
    instance.maintenance = Maintenance{};
    EXPECT_EQ(aggregate(instance, &node), Health::critical);
}

TEST(ZnodeNames, carry_any_bytes_and_give_them_back) {
    std::string every;
    for (int i = 0; i < 256; ++i) every += static_cast<char>(i);
    for (const std::string& text :
         {std::string("web"), std::string("a/b%c"), std::string("."), std::string(".."), every}) {
        const auto component = escape_component(text);

        EXPECT_EQ(unescape_component(component), text);
        EXPECT_EQ(component.find('/'), std::string::npos);
        EXPECT_NE(component, ".");
        EXPECT_NE(component, "..");
        for (const char c : component) EXPECT_TRUE(c > ' ' && c < '\x7f');
    }
}

TEST(ZnodeNames, that_were_never_escaped_are_left_as_they_are) {
    EXPECT_EQ(unescape_component("50%"), "50%");
    EXPECT_EQ(unescape_component("%zz%2"), "%zz%2");
    EXPECT_EQ(unescape_component("%2"), "%2");
}

TEST(ZnodeNames, of_instances_are_unique_per_id_and_node) {
    EXPECT_EQ(instance_path("web", "web-1", "host1"), "/services/web/web-1@host1");
    EXPECT_EQ(node_path("host1"), "/roster/nodes/host1");
    EXPECT_NE(instance_name("a@b", "c"), instance_name("a", "b@c"));
}

TEST(DnsLabel, is_letters_digits_and_inner_hyphens) {
    EXPECT_TRUE(is_dns_label("web-1"));
    EXPECT_TRUE(is_dns_label(std::string(63, 'a')));
    EXPECT_FALSE(is_dns_label(std::string(64, 'a')));
    EXPECT_FALSE(is_dns_label(""));
    EXPECT_FALSE(is_dns_label("-web"));
    EXPECT_FALSE(is_dns_label("web-"));
    EXPECT_FALSE(is_dns_label("web_1"));
    EXPECT_FALSE(is_dns_label("web.one"));
}

TEST(Duration, is_read_as_go_reads_it) {
    EXPECT_EQ(parse_duration("10s"), 10s);
    EXPECT_EQ(parse_duration("1m30s"), 90s);
    EXPECT_EQ(parse_duration("500ms"), 500ms);
    EXPECT_EQ(parse_duration("1.5h"), 90min);
    EXPECT_EQ(parse_duration(".5s"), 500ms);
    EXPECT_EQ(parse_duration("+2s"), 2s);
    EXPECT_EQ(parse_duration("0"), 0ms);
    EXPECT_EQ(parse_duration("0s"), 0ms);
    EXPECT_EQ(parse_duration("1500us"), 2ms);
    EXPECT_EQ(parse_duration("3000\u00b5s"), 3ms);
    EXPECT_EQ(parse_duration("1ns"), 1ms) << "something is not nothing";
}

TEST(Duration, that_is_none_is_refused) {
    for (const auto* text : {"",
                             "10",
                             "s",
                             "-1s",
                             "1 s",
                             "1x",
                             "1s2",
                             "..s",
                             ".s",
                             "nan",
                             "infs",
                             "1e3s",
                             "+",
                             "1d",
                             "9999999h",
                             "1.2.3s",
                             "0x1s"}) {
        EXPECT_EQ(parse_duration(text), std::nullopt) << text;
    }
}

TEST(Duration, is_printed_as_go_prints_it) {
    EXPECT_EQ(format_duration(0ms), "0s");
    EXPECT_EQ(format_duration(500ms), "500ms");
    EXPECT_EQ(format_duration(10s), "10s");
    EXPECT_EQ(format_duration(1500ms), "1.5s");
    EXPECT_EQ(format_duration(90s), "1m30s");
    EXPECT_EQ(format_duration(1min), "1m0s");
    EXPECT_EQ(format_duration(1h), "1h0m0s");
    EXPECT_EQ(format_duration(1h + 1s + 5ms), "1h0m1.005s");
}

TEST(Definition, gets_the_ids_and_names_that_were_left_out) {
    auto one = web();
    one.id.clear();
    one.checks = {ttl_check()};
    one.checks[0].name.clear();
    auto three = web();
    three.checks = {ttl_check(), ttl_check(), ttl_check()};
    three.checks[1].id = "mine";

    complete(one);
    complete(three);

    EXPECT_EQ(one.id, "web");
    EXPECT_EQ(one.checks[0].id, "service:web");
    EXPECT_EQ(one.checks[0].name, "Service 'web' check");
    EXPECT_EQ(one.checks[0].service_id, "web");
    EXPECT_EQ(three.checks[0].id, "service:web-1:1");
    EXPECT_EQ(three.checks[1].id, "mine");
    EXPECT_EQ(three.checks[2].id, "service:web-1:3");
    EXPECT_EQ(three.checks[2].name, "alive");
}

TEST(Definition, of_a_service_is_validated_in_consuls_words) {
    EXPECT_EQ(validate(web()), "");
    EXPECT_EQ(validate(ServiceDefinition{}), "Missing service name");
    for (const auto* address : {"0.0.0.0", "::", "[::]"}) {
        auto service = web();
        service.address = address;
        EXPECT_EQ(validate(service), "Invalid service address");
    }
    auto weightless = web();
    weightless.weights.passing = 0;
    EXPECT_EQ(validate(weightless), "Invalid Weights: Passing must be greater than 0");
    auto crowded = web();
    crowded.checks.assign(65, ttl_check());
    EXPECT_EQ(validate(crowded), "Validation failed: a service may have at most 64 checks");
    auto endless = web();
    endless.name.assign(1025, 'a');
    EXPECT_EQ(validate(endless), "Invalid service name: Name and ID are limited to 1024 bytes");
}

TEST(Definition, of_meta_is_bounded) {
    const auto wrong = [](const std::string& key, const std::string& value) {
        auto service = web();
        service.meta[key] = value;
        return validate(service);
    };
    EXPECT_EQ(wrong("version_1-a", "1.2"), "");
    EXPECT_EQ(wrong("", "x"),
              "Invalid Service Meta: Couldn't load metadata pair ('', 'x'): Key cannot be blank");
    EXPECT_NE(wrong("a b", "").find("Key contains invalid characters"), std::string::npos);
    EXPECT_NE(wrong(std::string(129, 'k'), "").find("Key is too long"), std::string::npos);
    EXPECT_NE(wrong("k", std::string(513, 'v')).find("Value is too long"), std::string::npos);
    EXPECT_NE(wrong("consul-x", "").find("reserved for internal use"), std::string::npos);
    auto crowded = web();
    for (int i = 0; i < 65; ++i) crowded.meta["k" + std::to_string(i)] = "";
    EXPECT_EQ(validate(crowded),
              "Invalid Service Meta: cannot contain more than 64 key/value pairs");
}

TEST(Definition, of_a_check_is_validated_in_consuls_words) {
    EXPECT_EQ(validate(ttl_check()), "");
    auto check = ttl_check();
    check.name.clear();
    EXPECT_EQ(validate(check), "Missing check name");
    check = ttl_check();
    check.interval = 1s;
    EXPECT_EQ(validate(check), "Invalid check: Interval and TTL cannot both be specified");
    check = ttl_check();
    check.ttl = 0s;
    EXPECT_EQ(validate(check), "Invalid check: TTL must be > 0 for TTL checks");
    check.kind = CheckKind::http;
    EXPECT_EQ(validate(check),
              "Invalid check: Interval must be > 0 for Script, HTTP or TCP checks");
    check.interval = 1s;
    EXPECT_EQ(validate(check), "Invalid check: HTTP URL is missing");
    check.kind = CheckKind::tcp;
    EXPECT_EQ(validate(check), "Invalid check: TCP address is missing");
    check.kind = CheckKind::script;
    EXPECT_EQ(validate(check), "Invalid check: ScriptArgs is empty");
    check = ttl_check();
    check.body_match = "(";
    EXPECT_EQ(validate(check), "Invalid check: BodyMatch is not a regular expression");
    check = ttl_check();
    check.failures_before_warning = 3;
    check.failures_before_critical = 2;
    EXPECT_EQ(validate(check),
              "Invalid check: FailuresBeforeWarning can't be higher than FailuresBeforeCritical");
    check = ttl_check();
    check.success_before_passing = -1;
    EXPECT_EQ(validate(check), "Invalid check: thresholds must not be negative");
    auto service = web();
    service.checks = {ttl_check()};
    service.checks[0].ttl = 0s;
    EXPECT_EQ(validate(service), "Invalid check: TTL must be > 0 for TTL checks");
}

}  // namespace
}  // namespace agent
