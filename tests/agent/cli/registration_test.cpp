#include "agent/cli/registration.hpp"

#include <gtest/gtest.h>

namespace {

TEST(Registration, what_is_not_given_is_left_out) {
    agent::ServiceDefinition service;
    service.name = "web";

    EXPECT_EQ(agent::encode_registration(service), "{\"Name\":\"web\"}");
}

TEST(Registration, everything_has_its_name_of_the_api) {
    agent::ServiceDefinition service;
    service.id = "web-1";
    service.name = "web";
    service.port = 80;
    service.tags = {"a"};
    service.meta = {{"k", "v"}};
    service.weights = {2, 0};
    auto& check = service.checks.emplace_back();
    check.kind = agent::CheckKind::http;
    check.http = "http://a/";
    check.method = "POST";
    check.header = {{"X", "1"}, {"X", "2"}};
    check.interval = std::chrono::seconds(90);
    check.success_before_passing = 2;
    auto& script = service.checks.emplace_back();
    script.kind = agent::CheckKind::script;
    script.args = {"true"};

    EXPECT_EQ(agent::encode_registration(service),
              R"({"ID":"web-1","Name":"web","Port":80,"Tags":["a"],"Meta":{"k":"v"},)"
              R"("Weights":{"Passing":2,"Warning":0},"Checks":[{"HTTP":"http://a/",)"
              R"("Method":"POST","Header":{"X":["1","2"]},"Interval":"1m30s",)"
              R"("SuccessBeforePassing":2},{"ScriptArgs":["true"]}]})");
}

}  // namespace
