#include "coord/raft/replica.hpp"
#include "tests/support/list_cluster.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono_literals::operator""ms;

NodeOptions with_small_memory() {
    auto options = ListCluster::quick();
    options.memory_bytes = 1000;
    return options;
}

NodeOptions with_small_logs() {
    auto options = with_small_memory();
    options.snapshot_log_bytes = std::size_t{64} << 10U;
    options.trailing_entries = 10;
    return options;
}

std::vector<std::string> propose_all(ListCluster& cluster, std::vector<std::string> items) {
    for (const auto& item : items) {
        cluster.propose(item);
        cluster.io.poll();
    }
    return items;
}

// So many that the log no longer has the first of them.
std::vector<std::string> outgrow_log(ListCluster& cluster) {
    std::vector<std::string> items;
    const auto write = [&](std::size_t count) {
        for (std::size_t i = 0; i < count; ++i) {
            items.push_back("x" + std::to_string(items.size()) + std::string(300, '.'));
            cluster.propose(items.back());
        }
        auto& node = *cluster.at(cluster.elect()).node;
        EXPECT_TRUE(cluster.until([&] { return node.applied() == node.last(); }));
    };
    const auto snapshots = [&] {
        return cluster.metric(cluster.elect(), "roster_raft_snapshots_total");
    };
    write(500);
    for (const auto enough = snapshots() + 2; snapshots() < enough;) write(50);
    return items;
}

TEST(ReplicaPeers, entries_that_are_no_longer_in_memory_are_read_from_the_log) {
    ListCluster cluster(3, with_small_memory());
    cluster.elect();
    const auto away = cluster.follower();
    cluster.kill(away);

    const auto items = propose_all(cluster, numbered(3000, "x", 300));
    cluster.start(away);

    EXPECT_TRUE(cluster.has(away, items));
    EXPECT_EQ(cluster.at(away).swaps, 0U);
}

TEST(ReplicaPeers, a_large_entry_reaches_a_member_that_was_away) {
    ListCluster cluster(3, with_small_memory());
    cluster.elect();
    const auto away = cluster.follower();
    cluster.kill(away);

    const auto items = propose_all(cluster, numbered(6, "large", 3'000'000));
    cluster.start(away);

    EXPECT_TRUE(cluster.has(away, items));
}

TEST(ReplicaPeers, who_lags_behind_the_log_gets_the_snapshot_while_the_others_write) {
    ListCluster cluster(3, with_small_logs());
    cluster.elect();
    const auto away = cluster.follower();
    cluster.kill(away);
    auto items = outgrow_log(cluster);

    cluster.start(away);
    for (const auto& item : propose_all(cluster, numbered(500, "y", 300))) items.push_back(item);

    EXPECT_TRUE(cluster.all_have(items));
    EXPECT_GE(cluster.metric(away, "roster_raft_installs_total"), 1);
    cluster.kill(away);
    cluster.start(away);
    EXPECT_TRUE(cluster.has(away, items)) << "what was installed is on disk";
}

TEST(ReplicaPeers, a_snapshot_that_cannot_be_fetched_is_tried_again) {
    ListCluster cluster(3, with_small_logs());
    cluster.elect();
    const auto away = cluster.follower();
    cluster.propose("kept");
    ASSERT_TRUE(cluster.all_have({"kept"}));
    cluster.kill(away);
    std::vector<std::string> items{"kept"};
    for (const auto& item : outgrow_log(cluster)) items.push_back(item);
    cluster.network.lose_snapshots(true);

    cluster.start(away);
    ASSERT_TRUE(cluster.until(
        [&] { return cluster.metric(away, "roster_raft_failed_installs_total") >= 2; }));
    EXPECT_LE(cluster.at(away).items.size(), 1U) << "applied once, if it heard of the commit";
    cluster.network.lose_snapshots(false);

    EXPECT_TRUE(cluster.has(away, items));
}

TEST(ReplicaPeers, a_snapshot_that_the_application_refuses_changes_nothing) {
    ListCluster cluster(3, with_small_logs());
    cluster.elect();
    const auto away = cluster.follower();
    cluster.kill(away);
    const auto items = outgrow_log(cluster);

    cluster.at(away).refuses_snapshots = true;
    cluster.start(away);
    ASSERT_TRUE(cluster.until(
        [&] { return cluster.metric(away, "roster_raft_failed_installs_total") >= 1; }));
    EXPECT_EQ(cluster.at(away).swaps, 0U);
    cluster.at(away).refuses_snapshots = false;

    EXPECT_TRUE(cluster.has(away, items));
}

}  // namespace
}  // namespace coord
