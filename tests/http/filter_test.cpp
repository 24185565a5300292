#include "http/filter.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <chrono>

namespace http {
namespace {

namespace json = boost::json;

const json::object entry = json::parse(R"({
        "Node": {"Node": "host1", "Address": "10.0.0.1", "Meta": {"rack": "a", "a.b/c": "odd"}},
        "Service": {"ID": "web-1", "Service": "web", "Tags": ["primary", "v1"], "Port": 8080,
                    "Address": "", "Meta": {}, "EnableTagOverride": false},
        "Checks": [{"CheckID": "serfHealth", "Status": "passing", "ServiceTags": []},
                   {"CheckID": "c", "Status": "warning", "ServiceTags": ["primary"]}]})")
                               .as_object();

bool matches(std::string_view text) {
    const auto parsed = parse_filter(text, Filtered::service_entry);
    EXPECT_EQ(parsed.error, "") << text;
    return parsed.filter.matches(entry);
}

std::string error_of(std::string_view text) {
    return parse_filter(text, Filtered::service_entry).error;
}

TEST(Filter, compares_texts_numbers_and_booleans) {
    EXPECT_TRUE(matches(R"(Service.Service == "web")"));
    EXPECT_TRUE(matches("Service.Service == web"));
    EXPECT_TRUE(matches("Service.Service == `web`"));
    EXPECT_FALSE(matches(R"(Service.Service != "web")"));
    EXPECT_TRUE(matches("Service.Port == 8080"));
    EXPECT_FALSE(matches("Service.Port == 80"));
    EXPECT_TRUE(matches("Service.EnableTagOverride == false"));
}

TEST(Filter, looks_into_lists_maps_and_texts) {
    EXPECT_TRUE(matches("primary in Service.Tags"));
    EXPECT_TRUE(matches(R"("v2" not in Service.Tags)"));
    EXPECT_TRUE(matches(R"(Service.Tags contains "v1")"));
    EXPECT_TRUE(matches(R"(Service.Tags not contains "v2")"));
    EXPECT_TRUE(matches("rack in Node.Meta"));
    EXPECT_TRUE(matches(R"(Node.Address contains "10.0")"));
    EXPECT_TRUE(matches("Service.Address is empty"));
    EXPECT_TRUE(matches("Service.Tags is not empty"));
}

TEST(Filter, takes_any_key_of_a_map) {
    EXPECT_TRUE(matches("Node.Meta.rack == a"));
    EXPECT_TRUE(matches(R"(Node.Meta["a.b/c"] == "odd")"));
    EXPECT_FALSE(matches("Node.Meta.zone == a"));
    EXPECT_TRUE(matches("Node.Meta.zone != a"));
    EXPECT_TRUE(matches("Node.Meta.zone is empty"));
}

TEST(Filter, matches_regular_expressions_anywhere_in_the_text) {
    EXPECT_TRUE(matches(R"(Node.Node matches "ost[0-9]")"));
    EXPECT_TRUE(matches(R"(Node.Node not matches "^ost")"));
}

TEST(Filter, is_not_held_up_by_an_evil_regular_expression) {
    const json::object node{{"Node", std::string(3000, 'a') + "b"}};
    const auto parsed = parse_filter(R"(Node matches "^(a+)+$")", Filtered::node);
    ASSERT_EQ(parsed.error, "");
    const auto start = std::chrono::steady_clock::now();

    EXPECT_FALSE(parsed.filter.matches(node));

    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(5));
}

TEST(Filter, through_a_list_of_objects_matches_if_any_element_does) {
    EXPECT_TRUE(matches("Checks.Status == warning"));
    EXPECT_TRUE(matches("Checks.Status == passing"));
    EXPECT_FALSE(matches("Checks.Status == critical"));
    EXPECT_TRUE(matches("primary in Checks.ServiceTags"));
}

TEST(Filter, combines_with_and_or_not_and_parentheses) {
    EXPECT_TRUE(matches("Service.Port == 1 or Service.Port == 8080 and Node.Node == host1"));
    EXPECT_FALSE(matches("(Service.Port == 1 or Service.Port == 8080) and Node.Node == host2"));
    EXPECT_TRUE(matches("not Node.Node == host2 and not (Service.Port == 1)"));
}

TEST(Filter, that_is_empty_matches_everything) {
    EXPECT_TRUE(matches(""));
    EXPECT_TRUE(matches("  "));
}

TEST(Filter, that_is_wrong_is_refused_with_a_sentence) {
    EXPECT_NE(error_of("Colour == 1").find("Selector \"Colour\" is not valid"), std::string::npos);
    EXPECT_NE(error_of("Node.Colour == 1").find("is not valid"), std::string::npos);
    for (const auto* wrong : {"Service.Port == many",
                              "Service.Port contains 8",
                              "Service.Tags == a",
                              "Service.EnableTagOverride == maybe",
                              "Service.Service ==",
                              "Service.Service",
                              "Service.Service is full",
                              "(Service.Port == 1",
                              "Service.Port == 1)",
                              "Service.Port == 1 Service.Port",
                              "\"open",
                              "and",
                              "not",
                              "Node.Meta[rack] == a",
                              "Node.Meta[\"rack\" == a",
                              "Node.Node matches \"[\"",
                              "Service.Port = 1",
                              "Service.Port.",
                              ".",
                              "==",
                              "web in",
                              "web in \"x\"",
                              "web not in 8"}) {
        EXPECT_NE(error_of(wrong), "") << wrong;
    }
}

TEST(Filter, has_limits) {
    EXPECT_NE(error_of(std::string(5000, ' ') + "x"), "");
    EXPECT_NE(error_of(std::string(100, '(') + "Service.Port == 1" + std::string(100, ')')), "");
    EXPECT_NE(error_of("Node.Node matches \"" + std::string(300, 'a') + "\""), "");
}

TEST(Filter, knows_the_selectors_of_each_endpoint) {
    EXPECT_EQ(parse_filter("Meta.rack == a", Filtered::node).error, "");
    EXPECT_EQ(parse_filter("Tags contains a", Filtered::service).error, "");
    EXPECT_EQ(parse_filter("Status == passing", Filtered::check).error, "");
    EXPECT_EQ(parse_filter("ServiceMeta.v == 1", Filtered::catalog_service).error, "");
    EXPECT_EQ(parse_filter("ServiceName == web", Filtered::service_name).error, "");
    EXPECT_NE(parse_filter("ServiceName == web", Filtered::node).error, "");
}

}  // namespace
}  // namespace http
