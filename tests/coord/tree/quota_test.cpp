#include "coord/tree/quota.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coord {
namespace {

struct QuotaTest : testing::Test {
    QuotaTest() {
        create("/q", "1234");
        create("/q/a", "56");
    }

    Errc create(std::string_view path, std::string_view data = "") {
        return machine.create(path, CreateMode::persistent, data).error;
    }
    // What zkCli's setquota does: the limits, then the stats.
    void set_quota(const std::string& path, std::string_view limits) {
        const std::string place = "/zookeeper/quota" + path;
        create(place);
        EXPECT_EQ(create(place + "/zookeeper_limits", limits), Errc::ok);
        EXPECT_EQ(create(place + "/zookeeper_stats", "count=-1,bytes=-1"), Errc::ok);
    }
    std::string usage(const std::string& path = "/q") {
        return machine.data("/zookeeper/quota" + path + "/zookeeper_stats").value_or("null");
    }
    Outcome enforced(OpCode op, std::string body) {
        Command command;
        command.op = op;
        command.session = machine.session;
        command.ids = machine.ids;
        command.enforces_quota = true;
        command.body = body;
        return machine.tree.apply(command);
    }
    Errc create_enforced(std::string_view path, std::string_view data = "") {
        return enforced(OpCode::create, Machine::create_body({path, data, open_acl_unsafe, 0, 0}))
            .error;
    }
    Errc set_enforced(std::string_view path, std::string_view data, std::int32_t version = -1) {
        return enforced(OpCode::set_data, Machine::body_of(SetDataRequest{path, data, version}))
            .error;
    }

    Machine machine;
};

TEST_F(QuotaTest, the_znode_of_the_stats_is_filled_with_what_is_there_whatever_was_written) {
    create("/zookeeper/quota/q");

    create("/zookeeper/quota/q/zookeeper_stats", "whatever");

    EXPECT_EQ(usage(), "count=2,bytes=6");
    create("/q/no-limits-so-nobody-counts", "x");
    EXPECT_EQ(usage(), "count=2,bytes=6");
}

TEST_F(QuotaTest, every_change_below_counts_and_the_stats_get_no_version_for_it) {
    set_quota("/q", "count=-1,bytes=-1");

    create("/q/b", "123");
    EXPECT_EQ(usage(), "count=3,bytes=9");
    machine.set("/q/b", "1234567");
    EXPECT_EQ(usage(), "count=3,bytes=13");
    machine.set("/q/b", std::nullopt);
    EXPECT_EQ(usage(), "count=3,bytes=6");
    machine.remove("/q/a");
    EXPECT_EQ(usage(), "count=2,bytes=4");
    machine.set("/q", "");
    EXPECT_EQ(usage(), "count=2,bytes=0");

    const auto stat = machine.stat("/zookeeper/quota/q/zookeeper_stats");
    EXPECT_EQ(stat.version, 0);
    EXPECT_EQ(stat.mzxid, stat.czxid);
    EXPECT_EQ(stat.data_length, 15);
}

TEST_F(QuotaTest, what_goes_without_a_delete_counts_too) {
    set_quota("/q", "count=-1,bytes=-1");
    machine.open(bob);
    machine.session = bob;
    machine.create("/q/e", CreateMode::ephemeral, "eeee");
    machine.session = alice;
    machine.create_ttl("/q/t", 1000);
    machine.apply(OpCode::create_container,
                  Machine::create_body({"/q/c", "", open_acl_unsafe, 4, 0}));
    EXPECT_EQ(usage(), "count=5,bytes=10");

    machine.close(bob);
    EXPECT_EQ(usage(), "count=4,bytes=6");
    machine.now_ms += 1'000'000;
    EXPECT_EQ(machine.remove_container("/q/t").error, Errc::ok);
    EXPECT_EQ(machine.remove_container("/q/c").error, Errc::ok);
    EXPECT_EQ(usage(), "count=2,bytes=6");
}

TEST_F(QuotaTest, a_multi_counts_as_a_whole_or_not_at_all) {
    set_quota("/q", "count=-1,bytes=-1");

    machine.apply(OpCode::multi,
                  MultiBody().create("/q/m").set("/q/m", "333").remove("/q/a").done());
    EXPECT_EQ(usage(), "count=2,bytes=7");
    machine.apply(OpCode::multi, MultiBody().create("/q/n").remove("/none").done());
    EXPECT_EQ(usage(), "count=2,bytes=7");
}

TEST_F(QuotaTest, only_the_deepest_quota_counts) {
    set_quota("/q", "count=-1,bytes=-1");
    create("/q/in", "zz");
    set_quota("/q/in", "count=-1,bytes=-1");

    create("/q/in/x", "12");

    EXPECT_EQ(usage("/q"), "count=3,bytes=8");
    EXPECT_EQ(usage("/q/in"), "count=2,bytes=4");
    machine.remove("/zookeeper/quota/q/in/zookeeper_limits");
    create("/q/in/y", "1");
    EXPECT_EQ(usage("/q"), "count=4,bytes=9");
    EXPECT_EQ(usage("/q/in"), "count=2,bytes=4");
}

TEST_F(QuotaTest, a_quota_on_app_says_nothing_of_application) {
    create("/app");
    create("/application");
    set_quota("/app", "count=-1,bytes=-1");

    create("/application/x", "12");

    EXPECT_EQ(usage("/app"), "count=1,bytes=0");
}

TEST_F(QuotaTest, a_quota_on_what_is_not_there_yet_counts_from_nothing) {
    set_quota("/later", "count=-1,bytes=-1");
    EXPECT_EQ(usage("/later"), "count=0,bytes=0");

    create("/later", "12");

    EXPECT_EQ(usage("/later"), "count=1,bytes=2");
}

TEST_F(QuotaTest, a_hard_limit_refuses_what_goes_beyond_it) {
    set_quota("/q", "count=-1,bytes=-1=;byteHardLimit=20;countHardLimit=3");

    EXPECT_EQ(create_enforced("/q/b", "x"), Errc::ok);
    EXPECT_EQ(create_enforced("/q/c"), Errc::quota_exceeded);
    EXPECT_EQ(set_enforced("/q/b", std::string(14, 'x')), Errc::ok);
    EXPECT_EQ(set_enforced("/q/b", std::string(15, 'x')), Errc::quota_exceeded);
    EXPECT_EQ(usage(), "count=3,bytes=20");
    EXPECT_FALSE(machine.has("/q/c"));
}

TEST_F(QuotaTest, a_quota_is_looked_at_before_the_version) {
    set_quota("/q", "count=-1,bytes=-1=;byteHardLimit=7");

    EXPECT_EQ(set_enforced("/q/a", "123456", 77), Errc::quota_exceeded);
}

TEST_F(QuotaTest, within_a_multi_the_figures_are_those_of_the_moment) {
    set_quota("/q", "count=-1,bytes=-1=;countHardLimit=3");

    const auto refused = enforced(OpCode::multi, MultiBody().create("/q/m").create("/q/n").done());
    EXPECT_FALSE(machine.has("/q/m"));
    EXPECT_EQ(refused.quota_excesses.size(), 1U);
    enforced(OpCode::multi, MultiBody().remove("/q/a").create("/q/m").create("/q/n").done());
    EXPECT_TRUE(machine.has("/q/n"));
    EXPECT_EQ(usage(), "count=3,bytes=4");
}

TEST_F(QuotaTest, whether_a_limit_is_enforced_stands_in_the_command) {
    set_quota("/q", "count=-1,bytes=-1=;countHardLimit=2");

    const auto let_through = machine.create("/q/b");

    EXPECT_EQ(let_through.error, Errc::ok);
    ASSERT_EQ(let_through.quota_excesses.size(), 1U);
    EXPECT_TRUE(let_through.quota_excesses[0].is_hard);
}

TEST_F(QuotaTest, a_soft_limit_is_told_of_and_no_more) {
    set_quota("/q", "count=2,bytes=6");

    const auto outcome =
        enforced(OpCode::create, Machine::create_body({"/q/b", "123", open_acl_unsafe, 0, 0}));

    EXPECT_EQ(outcome.error, Errc::ok);
    ASSERT_EQ(outcome.quota_excesses.size(), 2U);
    const auto& [path, what, is_hard, would_be, limit] = outcome.quota_excesses[1];
    EXPECT_EQ(path, "/q");
    EXPECT_STREQ(what, "bytes");
    EXPECT_FALSE(is_hard);
    EXPECT_EQ(would_be, 9);
    EXPECT_EQ(limit, 6);
}

TEST_F(QuotaTest, limits_without_stats_and_texts_that_are_none_harm_nobody) {
    create("/zookeeper/quota/q");
    create("/zookeeper/quota/q/zookeeper_limits", "\xff,countHardLimit=0");
    EXPECT_EQ(create_enforced("/q/b"), Errc::ok);
    EXPECT_EQ(create("/zookeeper/quota/zookeeper_limits", "countHardLimit=0"), Errc::ok);
    EXPECT_EQ(create("/zookeeper/quota/zookeeper_stats"), Errc::ok);
    EXPECT_EQ(create_enforced("/free"), Errc::ok);
    create("/zookeeper/quota/q/zookeeper_stats");
    EXPECT_EQ(create_enforced("/q/c"), Errc::quota_exceeded);
}

TEST_F(QuotaTest, a_snapshot_has_the_quota_and_its_stats) {
    set_quota("/q", "count=-1,bytes=-1=;countHardLimit=3");
    const auto cut = machine.tree.cut_snapshot();
    create("/q/after-the-cut", "x");
    std::string bytes;
    while (cut(bytes, 1)) {
    }

    auto restored = StateMachine::restore([&](std::string& chunk) {
        chunk = std::exchange(bytes, {});
        return false;
    });

    ASSERT_TRUE(restored);
    machine.tree = std::move(restored.value());
    EXPECT_EQ(usage(), "count=2,bytes=6");
    EXPECT_EQ(create_enforced("/q/b"), Errc::ok);
    EXPECT_EQ(create_enforced("/q/c"), Errc::quota_exceeded);
}

TEST_F(QuotaTest, all_quotas_are_listed_up_to_a_limit) {
    set_quota("/q", "count=5,bytes=-1=;countHardLimit=3");
    set_quota("/other", "count=5,bytes=7");

    const auto quotas = machine.tree.quotas(10);

    ASSERT_EQ(quotas.size(), 2U);
    EXPECT_EQ(quotas[0].path, "/q");
    EXPECT_EQ(quotas[0].count_limit, 3);
    EXPECT_EQ(quotas[0].byte_limit, -1);
    EXPECT_EQ(quotas[0].count, 2);
    EXPECT_EQ(quotas[0].bytes, 6);
    EXPECT_EQ(quotas[1].byte_limit, 7);
    EXPECT_EQ(machine.tree.quotas(1).size(), 1U);
}

}  // namespace
}  // namespace coord
