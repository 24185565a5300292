#include "agent/dynamic_entries.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace agent {
namespace {

using coord::run_task;
using coord::run_until;

class DynamicEntriesTest : public testing::Test {
protected:
    DynamicEntriesTest()
        : agent_(io_, {.connect = address_of(core_), .session_timeout = std::chrono::seconds(1)}) {
        names_.start();
        agent_.start();
        EXPECT_TRUE(agent_.await_settled());
    }
    ~DynamicEntriesTest() override { names_.stop(); }

    static InstanceRecord instance(const std::string& id, std::int64_t expires_ms = 0) {
        InstanceRecord record;
        record.service = test_service("web", id);
        record.service.checks.clear();
        record.node = "10.0.0.5";
        record.external = true;
        record.dns = DnsOrigin{"dhcp.", expires_ms, true};
        return record;
    }
    DynamicView read(const DynamicWanted& wanted = {{"web"}, {"a.dyn"}}) {
        return run_task(io_, entries_.read(wanted)).value();
    }
    coord::Error commit(const DynamicView& view, const DynamicChange& change) {
        const auto done = run_task(io_, entries_.commit(view, change));
        return done ? coord::Error{} : done.error();
    }
    bool expire(const std::string& path, std::int64_t now_ms) {
        return run_task(io_, expire_dynamic(agent_.client(), path, now_ms)).value();
    }

    coord::RunningCore core_{quick_core()};
    boost::asio::io_context io_;
    RunningAgent agent_;
    DynamicNames names_{agent_.client()};
    DynamicEntries entries_{agent_.client(), agent_.catalog(), names_};
};

TEST_F(DynamicEntriesTest, are_in_the_catalog_when_they_are_committed) {
    DynamicChange change;
    change.put = {instance("w1")};
    change.names = {{"a.dyn", {{1, 60, "\1\2\3\4"}}}};

    EXPECT_FALSE(commit(read(), change));

    const auto service = agent_.catalog().find_service("web");
    ASSERT_TRUE(service);
    ASSERT_EQ(service->instances.size(), 1U);
    EXPECT_EQ(service->instances[0].record.dns(), change.put[0].dns);
    EXPECT_EQ(service->instances[0].health, Health::passing);
    const auto view = read();
    ASSERT_EQ(view.services.at("web").size(), 1U);
    EXPECT_TRUE(view.services.at("web")[0].persistent);
    EXPECT_EQ(view.services.at("web")[0].record, change.put[0]);
    EXPECT_EQ(view.names.at("a.dyn").name, change.names[0]);
}

TEST_F(DynamicEntriesTest, that_were_decided_on_an_old_view_are_not_committed) {
    const auto old = read();
    DynamicChange first;
    first.names = {{"a.dyn", {{1, 60, "\1\2\3\4"}}}};
    DynamicChange second;
    second.put = {instance("w1")};
    ASSERT_FALSE(commit(old, first));

    EXPECT_TRUE(is_conflict(commit(old, second)));

    EXPECT_TRUE(read().services.empty());
    EXPECT_FALSE(commit(read(), second));
}

TEST_F(DynamicEntriesTest, that_another_has_changed_meanwhile_are_not_overwritten) {
    DynamicChange change;
    change.put = {instance("w1")};
    ASSERT_FALSE(commit(read(), change));
    const auto view = read();
    const auto path = view.services.at("web")[0].path;
    ASSERT_TRUE(run_task(io_, agent_.client().set_data(path, encode(instance("w1", 7)))));

    DynamicChange removal;
    removal.remove = {path};

    EXPECT_TRUE(is_conflict(commit(view, removal)));
    EXPECT_EQ(read().services.at("web")[0].record.dns->expires_ms, 7);
}

TEST_F(DynamicEntriesTest, show_what_an_agent_holds_as_such) {
    ASSERT_FALSE(agent_.add(test_service("web", "held")));

    const auto view = read();

    ASSERT_EQ(view.services.at("web").size(), 1U);
    EXPECT_FALSE(view.services.at("web")[0].persistent);
}

TEST_F(DynamicEntriesTest, expire_once_and_not_before_their_time) {
    DynamicChange change;
    change.put = {instance("w1", 5000), instance("w2")};
    change.names = {{"a.dyn", {{1, 60, "\1\2\3\4", "", 5000}, {16, 60, "\1a", "", 6000}}}};
    ASSERT_FALSE(commit(read(), change));
    const auto path = instance_path("web", "w1", "10.0.0.5");
    const auto name = dynamic_path("a.dyn");

    EXPECT_FALSE(expire(path, 4999));
    EXPECT_TRUE(expire(path, 5000));
    EXPECT_FALSE(expire(path, 5000));
    EXPECT_FALSE(expire(instance_path("web", "w2", "10.0.0.5"), 5000));
    EXPECT_TRUE(expire(name, 5000));
    EXPECT_FALSE(expire(name, 5000));
    EXPECT_EQ(read().names.at("a.dyn").name.records.size(), 1U);
    EXPECT_TRUE(expire(name, 6000));
    EXPECT_TRUE(read().names.empty());
    EXPECT_EQ(read().services.at("web").size(), 1U);
}

}  // namespace
}  // namespace agent
