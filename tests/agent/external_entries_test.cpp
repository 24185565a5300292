#include "agent/external_entries.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::CreateMode;
using coord::run_task;
using coord::run_until;

class ExternalEntriesTest : public testing::Test {
protected:
    ExternalEntriesTest()
        : agent_(io_, {.connect = address_of(core_), .session_timeout = std::chrono::seconds(1)}) {
        agent_.start();
        EXPECT_TRUE(agent_.await_settled());
    }

    static InstanceRecord redis() {
        InstanceRecord record;
        record.service = test_service("redis", "redis-1");
        record.node = "cloud";
        record.node_address = "192.0.2.1";
        return record;
    }
    static NodeRecord cloud() {
        auto node = test_node("cloud");
        node.address = "192.0.2.1";
        return node;
    }
    static Check check(const std::string& id, const std::string& service_id, Health health) {
        auto definition = test_ttl_check(id);
        definition.service_id = service_id;
        return {definition, {health, ""}};
    }
    Verdict put(std::optional<NodeRecord> node,
                std::optional<InstanceRecord> instance,
                std::vector<Check> checks = {}) {
        return run_task(io_, agent_.registrar().register_external(node, instance, checks));
    }
    Verdict remove(const std::string& node,
                   const std::string& service_id = "",
                   const std::string& check_id = "") {
        return run_task(io_, agent_.registrar().deregister_external(node, service_id, check_id));
    }
    std::optional<NodeRecord> node(const std::string& name) {
        const auto znode = agent_.read(node_path(name));
        return znode ? decode_node(znode->data).value : std::nullopt;
    }
    auto instance() { return agent_.read_instance("redis", "redis-1", "cloud"); }

    coord::RunningCore core_{quick_core()};
    boost::asio::io_context io_;
    RunningAgent agent_;
};

TEST_F(ExternalEntriesTest, are_persistent_and_outlive_whoever_registered_them) {
    ASSERT_FALSE(put(cloud(), redis()));

    const auto znode = agent_.read("/services/redis/redis-1@cloud");
    ASSERT_TRUE(znode);
    EXPECT_EQ(znode->stat.ephemeral_owner, coord::SessionId{});
    EXPECT_TRUE(instance()->external);
    EXPECT_EQ(instance()->registered_ms, 1'769'000'000'000);
    EXPECT_TRUE(node("cloud")->external);
    ASSERT_TRUE(run_until(io_, [&] {
        const auto view = agent_.catalog().find_service("redis");
        return view && view->instances.size() == 1 && view->instances[0].node;
    }));
}

TEST_F(ExternalEntriesTest, keep_the_checks_that_are_not_given_again) {
    ASSERT_FALSE(put(cloud(),
                     redis(),
                     {check("a", "redis-1", Health::passing), check("n", "", Health::passing)}));

    ASSERT_FALSE(put(cloud(), redis(), {check("b", "redis-1", Health::warning)}));
    EXPECT_EQ(instance()->checks.size(), 2U);
    EXPECT_EQ(node("cloud")->checks.size(), 1U);

    ASSERT_FALSE(put(cloud(), redis(), {check("a", "redis-1", Health::critical)}));
    EXPECT_EQ(instance()->checks.size(), 2U);
    EXPECT_EQ(instance()->checks[0].status.health, Health::critical);
}

TEST_F(ExternalEntriesTest, take_checks_for_an_instance_or_node_that_is_there) {
    ASSERT_FALSE(put(cloud(), redis()));
    NodeRecord named;
    named.name = "cloud";

    ASSERT_FALSE(put(named,
                     std::nullopt,
                     {check("a", "redis-1", Health::critical), check("n", "", Health::warning)}));

    EXPECT_EQ(instance()->checks.at(0).status.health, Health::critical);
    EXPECT_EQ(node("cloud")->checks.at(0).status.health, Health::warning);
    EXPECT_EQ(node("cloud")->address, "192.0.2.1") << "the node is only named";
    const auto missing = put(named, std::nullopt, {check("a", "mysql", Health::passing)});
    ASSERT_TRUE(missing);
    EXPECT_EQ(missing->kind, Rejection::Kind::not_found);
    EXPECT_EQ(missing->message, "Missing service 'mysql' registration");
    EXPECT_EQ(put(std::nullopt, std::nullopt)->message, "Must provide node");
}

TEST_F(ExternalEntriesTest, lose_none_of_two_changes_at_once) {
    ASSERT_FALSE(put(cloud(), redis()));
    NodeRecord named;
    named.name = "cloud";
    int done = 0;
    for (int i = 0; i < 10; ++i) {
        coord::spawn(io_, "put", [&, i]() -> coord::Task<void> {
            std::vector<Check> checks;
            checks.push_back(check(std::to_string(i), "redis-1", Health::passing));
            const auto refused = co_await agent_.registrar().register_external(
                named, std::nullopt, std::move(checks));
            if (!refused) ++done;
        });
    }

    ASSERT_TRUE(run_until(io_, [&] { return done == 10; }));

    EXPECT_EQ(instance()->checks.size(), 10U);
}

TEST_F(ExternalEntriesTest, go_check_by_check_instance_by_instance_and_as_a_whole) {
    auto second = redis();
    second.service.id = "redis-2";
    ASSERT_FALSE(put(cloud(),
                     redis(),
                     {check("a", "redis-1", Health::passing), check("n", "", Health::passing)}));
    ASSERT_FALSE(put(cloud(), second));

    ASSERT_FALSE(remove("cloud", "", "a"));
    ASSERT_FALSE(remove("cloud", "", "n"));
    EXPECT_TRUE(instance()->checks.empty());
    EXPECT_TRUE(node("cloud")->checks.empty());

    ASSERT_FALSE(remove("cloud", "redis-1"));
    EXPECT_FALSE(instance());
    EXPECT_TRUE(agent_.read("/services/redis/redis-2@cloud"));

    ASSERT_FALSE(remove("cloud"));
    EXPECT_FALSE(agent_.read("/services/redis/redis-2@cloud"));
    EXPECT_FALSE(node("cloud"));
    EXPECT_FALSE(remove("cloud")) << "what is not there is gone";
}

TEST_F(ExternalEntriesTest, never_replace_or_remove_what_an_agent_holds) {
    ASSERT_FALSE(agent_.add(test_service("web", "web-1")));
    InstanceRecord theirs;
    theirs.service = test_service("web", "web-1");
    theirs.service.port = 1;
    theirs.node = "host1";

    EXPECT_FALSE(put(test_node("host1"), theirs));
    EXPECT_EQ(agent_.read_instance("web", "web-1", "host1")->service.port, 8080);
    EXPECT_FALSE(node("host1")->external);

    EXPECT_FALSE(remove("host1"));
    EXPECT_TRUE(agent_.read_instance("web", "web-1", "host1"));
    EXPECT_TRUE(node("host1"));
}

TEST_F(ExternalEntriesTest, may_be_removed_when_another_program_holds_them) {
    run_task(io_, agent_.client().ensure_path("/services/web")).value();
    const auto bare = [&](const std::string& id, const std::string& address) {
        const auto json = R"({"name":"web","id":")" + id + R"(","address":")" + address + "\"}";
        run_task(io_, agent_.client().create("/services/web/" + id, json, CreateMode::ephemeral))
            .value();
    };
    bare("8f2c", "10.0.0.7");
    bare("9a1b", "10.0.0.7");
    bare("77aa", "10.0.0.8");

    ASSERT_FALSE(remove("10.0.0.7", "8f2c"));
    EXPECT_FALSE(agent_.read("/services/web/8f2c"));
    EXPECT_TRUE(agent_.read("/services/web/9a1b"));

    ASSERT_FALSE(remove("10.0.0.7"));
    EXPECT_FALSE(agent_.read("/services/web/9a1b"));
    EXPECT_TRUE(agent_.read("/services/web/77aa"));
}

TEST_F(ExternalEntriesTest, are_unavailable_when_the_core_is) {
    core_.stop();
    ASSERT_TRUE(
        run_until(io_, [&] { return agent_.client().state() != coord::SessionState::connected; }));

    const auto refused = put(cloud(), redis());

    ASSERT_TRUE(refused);
    EXPECT_EQ(refused->kind, Rejection::Kind::unavailable);
    EXPECT_EQ(remove("cloud")->kind, Rejection::Kind::unavailable);
}

}  // namespace
}  // namespace agent
