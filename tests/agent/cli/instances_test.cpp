#include "agent/cli/instances.hpp"

#include "tests/support/fake_agent.hpp"

#include <gtest/gtest.h>

namespace {

using Kind = agent::InstanceChange::Kind;

agent::Instance instance(const std::string& id, const std::string& health) {
    return {"host1", id, "10.0.0.1", 80, health, {}, {}};
}

TEST(Instances, they_are_read_from_the_api) {
    const auto instances = agent::parse_instances(tests::two_instances).value();

    ASSERT_EQ(instances.size(), 2U);
    EXPECT_EQ(instances[0],
              (agent::Instance{"host1", "web-1", "10.0.0.1", 80, "passing", {"a", "b"}, {}}));
    EXPECT_EQ(instances[1].address, "10.9.9.9");
    EXPECT_EQ(instances[1].health, "critical");
}

TEST(Instances, maintenance_comes_before_any_status) {
    const auto instances = agent::parse_instances(R"([{"Node": {}, "Service": {}, "Checks": [
        {"CheckID": "_service_maintenance:a", "Status": "critical"},
        {"CheckID": "b", "Status": "warning"}]}])");

    EXPECT_EQ(instances.value().at(0).health, "maintenance");
}

TEST(Instances, what_the_api_does_not_say_is_refused) {
    EXPECT_FALSE(agent::parse_instances("{}"));
    EXPECT_FALSE(agent::parse_instances("nonsense"));
    EXPECT_FALSE(agent::parse_instances("[1]"));
    EXPECT_TRUE(agent::parse_instances("[]"));
}

TEST(Instances, what_came_went_and_changed_is_told) {
    auto moved = instance("b", "critical");
    moved.port = 81;

    const auto changes = agent::compare({instance("a", "passing"), instance("b", "passing")},
                                        {moved, instance("c", "passing")});

    ASSERT_EQ(changes.size(), 3U);
    EXPECT_EQ(changes[0].kind, Kind::removed);
    EXPECT_EQ(changes[0].instance.id, "a");
    EXPECT_EQ(changes[1].kind, Kind::changed);
    EXPECT_EQ(changes[1].what, "passing -> critical, address");
    EXPECT_EQ(changes[2].kind, Kind::added);
    EXPECT_TRUE(agent::compare({moved}, {moved}).empty());
}

}  // namespace
