#include "coord/raft/replica.hpp"

#include "tests/support/list_cluster.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono_literals::operator""ms;

TEST(Replica, three_members_apply_what_the_leader_proposes) {
    ListCluster cluster(3);

    for (const auto& item : numbered(200)) cluster.propose(item);

    EXPECT_TRUE(cluster.all_have(numbered(200)));
}

TEST(Replica, everybody_learns_who_leads_and_when_he_has_all_that_was_committed_before) {
    ListCluster cluster(3);
    const auto leader = cluster.elect();

    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_TRUE(cluster.until([&] { return cluster.at(i).standing.is_current; }));
        EXPECT_EQ(cluster.at(i).standing.leader, cluster.at(leader).id);
        EXPECT_EQ(cluster.at(i).standing.term, cluster.at(leader).standing.term);
    }
}

TEST(Replica, a_follower_hears_of_a_commit_before_the_next_heartbeat) {
    auto options = ListCluster::quick();
    options.heartbeat = 1500ms;
    options.election_timeout = 1600ms;
    ListCluster cluster(3, options);
    for (const auto& item : numbered(5)) cluster.propose(item);
    ASSERT_TRUE(cluster.all_have(numbered(5)));

    const auto begin = std::chrono::steady_clock::now();
    cluster.propose("last");
    ASSERT_TRUE(cluster.until([&] { return cluster.at(cluster.follower()).items.size() == 6; }));

    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1000ms);
}

TEST(Replica, a_leader_whose_links_close_is_replaced_long_before_the_election_timeout) {
    auto options = ListCluster::quick();
    options.election_timeout = 1500ms;
    ListCluster cluster(3, options);
    const auto old = cluster.elect();
    cluster.propose("a");
    ASSERT_TRUE(cluster.all_have({"a"}));

    const auto begin = std::chrono::steady_clock::now();
    cluster.kill(old);
    const auto young = cluster.elect();
    cluster.propose("b");

    EXPECT_LT(std::chrono::steady_clock::now() - begin, 1400ms);
    EXPECT_GE(cluster.metric(young, "roster_raft_suspicions_total"), 1);
    EXPECT_TRUE(cluster.all_have({"a", "b"}));
}

TEST(Replica, a_follower_that_alone_loses_the_link_does_not_unseat_the_leader) {
    ListCluster cluster(3);
    const auto leader = cluster.elect();
    const auto term = cluster.at(leader).standing.term;
    const auto lonely = cluster.follower();
    ASSERT_TRUE(cluster.until([&] { return cluster.at(lonely).standing.is_current; }));

    cluster.network.part(cluster.at(leader).id, cluster.at(lonely).id);
    ASSERT_TRUE(cluster.until([&] { return cluster.at(lonely).standing.leader == MemberId{0}; }));
    cluster.network.join();

    ASSERT_TRUE(cluster.until([&] { return cluster.at(lonely).standing.is_current; }));
    EXPECT_EQ(cluster.leader(), leader);
    EXPECT_EQ(cluster.at(leader).standing.term, term);
}

TEST(Replica, a_leader_that_is_silently_cut_off_steps_down_and_what_it_alone_had_is_gone) {
    ListCluster cluster(3);
    const auto old = cluster.elect();
    cluster.propose("a");
    ASSERT_TRUE(cluster.all_have({"a"}));

    cluster.network.isolate(cluster.at(old).id);
    ASSERT_TRUE(cluster.at(old).node->propose("lost"));
    ASSERT_TRUE(cluster.until([&] { return cluster.at(old).standing.role != Role::leader; }));
    ASSERT_TRUE(cluster.until([&] { return cluster.leader().has_value(); }));
    cluster.propose("b");
    cluster.network.heal();

    EXPECT_TRUE(cluster.all_have({"a", "b"}));
}

TEST(Replica, a_member_that_was_away_catches_up) {
    ListCluster cluster(3);
    cluster.elect();
    const auto away = cluster.follower();
    cluster.kill(away);

    for (const auto& item : numbered(500)) cluster.propose(item);
    cluster.start(away);

    EXPECT_TRUE(cluster.has(away, numbered(500)));
}

TEST(Replica, five_members_go_on_without_two) {
    ListCluster cluster(5);
    std::vector<std::string> items;
    for (const auto* item : {"0", "1"}) {
        cluster.kill(cluster.elect());
        cluster.propose(item);
        items.emplace_back(item);
        EXPECT_TRUE(cluster.all_have(items));
    }
}

TEST(Replica, letters_reach_the_application_of_a_peer) {
    ListCluster cluster(3);
    cluster.elect();
    auto& node = *cluster.at(0).node;
    ASSERT_TRUE(cluster.until([&] { return node.members().at(1).connected; }));

    EXPECT_TRUE(node.send_letter(cluster.at(1).id, "hello"));
    EXPECT_FALSE(node.send_letter(MemberId{77}, "nobody"));

    EXPECT_TRUE(cluster.until([&] { return cluster.at(1).letters.size() == 1; }));
    EXPECT_EQ(cluster.at(1).letters.front(), "hello");
}

}  // namespace
}  // namespace coord
