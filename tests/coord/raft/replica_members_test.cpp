#include "coord/raft/replica.hpp"
#include "tests/support/list_cluster.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using enum MemberChange::Kind;
namespace errc = boost::system::errc;

std::size_t count_voters(const std::vector<MemberStatus>& members) {
    std::size_t voters = 0;
    for (const auto& status : members) voters += status.member.role == MemberRole::voter ? 1 : 0;
    return voters;
}

struct ReplicaMembersTest : testing::Test {
    // One more voter.
    std::size_t grow(ListCluster& cluster) {
        const auto i = cluster.add_empty();
        auto& seat = cluster.at(i);
        EXPECT_TRUE(cluster.change({add, seat.id, seat.address}));
        EXPECT_TRUE(cluster.change({promote, seat.id}));
        return i;
    }
};

TEST_F(ReplicaMembersTest, a_cluster_grows_from_one_to_five_and_shrinks_to_three) {
    ListCluster cluster(1);
    std::vector<std::string> items;
    const auto write = [&](const std::string& item) {
        cluster.propose(item);
        items.push_back(item);
        ASSERT_TRUE(cluster.all_have(items)) << item;
    };

    write("alone");
    for (int i = 0; i < 4; ++i) {
        grow(cluster);
        write("grown by " + std::to_string(i));
    }
    EXPECT_EQ(count_voters(cluster.at(cluster.elect()).node->members()), 5U);
    cluster.kill(4);
    EXPECT_TRUE(cluster.change({remove, cluster.at(4).id})) << "a dead member";
    const auto killed = cluster.elect();
    cluster.kill(killed);
    write("four of which one is dead");
    EXPECT_TRUE(cluster.change({remove, cluster.at(killed).id}));
    write("the end");
    EXPECT_EQ(count_voters(cluster.at(cluster.elect()).node->members()), 3U);
}

TEST_F(ReplicaMembersTest, a_stand_by_follows_and_does_not_vote) {
    ListCluster cluster(1);
    for (const auto& item : numbered(300)) cluster.propose(item);
    const auto added = cluster.add_empty();
    ASSERT_TRUE(cluster.change({add, cluster.at(added).id, "elsewhere"}));
    EXPECT_TRUE(cluster.has(added, numbered(300)));

    cluster.kill(0);
    EXPECT_TRUE(cluster.until([&] { return cluster.at(added).standing.leader == MemberId{0}; }));
    EXPECT_EQ(cluster.at(added).standing.role, Role::follower);
    cluster.start(0);

    EXPECT_TRUE(cluster.until([&] { return cluster.at(added).standing.is_current; }));
}

TEST_F(ReplicaMembersTest, a_voter_that_is_demoted_is_not_needed_for_a_majority) {
    ListCluster cluster(2);
    cluster.elect();
    const auto other = cluster.follower();
    ASSERT_TRUE(cluster.change({demote, cluster.at(other).id}));

    cluster.kill(other);
    cluster.propose("alone");

    EXPECT_TRUE(cluster.all_have({"alone"}));
}

TEST_F(ReplicaMembersTest, a_leader_can_be_removed_and_another_goes_on) {
    ListCluster cluster(3);
    const auto old = cluster.elect();
    cluster.propose("a");

    ASSERT_TRUE(cluster.change({remove, cluster.at(old).id}));
    ASSERT_TRUE(cluster.until([&] {
        const auto leader = cluster.leader();
        return leader && *leader != old;
    }));
    const auto young = cluster.leader().value();
    EXPECT_TRUE(cluster.at(young).node->propose("b"));

    EXPECT_TRUE(cluster.has(young, {"a", "b"}));
    EXPECT_EQ(cluster.at(young).node->members().size(), 2U);
}

TEST_F(ReplicaMembersTest, the_address_of_a_member_can_change) {
    ListCluster cluster(3);
    ASSERT_TRUE(cluster.change({relocate, cluster.at(1).id, "moved"}));

    for (const auto& status : cluster.at(cluster.elect()).node->members()) {
        EXPECT_EQ(status.member.address == "moved", status.member.id == cluster.at(1).id);
    }
}

TEST_F(ReplicaMembersTest, a_member_that_was_removed_is_added_again_with_what_it_has) {
    ListCluster cluster(3);
    const auto leader = cluster.elect();
    const auto gone = cluster.follower();
    cluster.propose("before");
    ASSERT_TRUE(cluster.has(gone, {"before"}));
    ASSERT_TRUE(cluster.change({remove, cluster.at(gone).id}));
    cluster.propose("meanwhile");

    ASSERT_TRUE(cluster.change({add, cluster.at(gone).id, cluster.at(gone).address}));
    ASSERT_TRUE(cluster.change({promote, cluster.at(gone).id}));
    cluster.propose("after");

    EXPECT_TRUE(cluster.all_have({"before", "meanwhile", "after"}));
    EXPECT_EQ(count_voters(cluster.at(leader).node->members()), 3U);
}

TEST_F(ReplicaMembersTest, a_leader_hands_over_to_the_voter_that_has_most_and_stays_a_member) {
    ListCluster cluster(3);
    const auto old = cluster.elect();
    const auto dead = cluster.follower();
    cluster.propose("before");
    ASSERT_TRUE(cluster.all_have({"before"}));
    cluster.kill(dead);
    const auto term = cluster.at(old).standing.term;

    ASSERT_TRUE(cluster.at(old).node->hand_over());
    EXPECT_FALSE(cluster.at(old).node->hand_over());
    const auto young = 3 - old - dead;
    ASSERT_TRUE(cluster.until([&] {
        return cluster.at(young).standing.role == Role::leader &&
               cluster.at(old).standing.leader == cluster.at(young).id;
    }));

    EXPECT_EQ(number(cluster.at(young).standing.term), number(term) + 1);
    EXPECT_EQ(cluster.metric(young, "roster_raft_suspicions_total"), 0);
    EXPECT_TRUE(cluster.at(young).node->propose("after"));
    EXPECT_TRUE(cluster.all_have({"before", "after"}));
}

TEST_F(ReplicaMembersTest, nobody_hands_over_who_does_not_lead_or_is_alone) {
    ListCluster cluster(2);
    const auto leader = cluster.elect();
    EXPECT_FALSE(cluster.at(cluster.follower()).node->hand_over());

    cluster.kill(cluster.follower());

    EXPECT_FALSE(cluster.at(leader).node->hand_over());
}

TEST_F(ReplicaMembersTest, what_makes_no_sense_is_refused_by_name) {
    ListCluster cluster(1);
    const auto self = cluster.at(0).id;
    cluster.elect();

    EXPECT_EQ(cluster.change({add, self, "x"}).error(), make_error_code(errc::file_exists));
    EXPECT_EQ(cluster.change({add, MemberId{7}, "member0"}).error(),
              make_error_code(errc::file_exists));
    EXPECT_EQ(cluster.change({add, MemberId{7}, ""}).error(),
              make_error_code(errc::invalid_argument));
    EXPECT_EQ(cluster.change({promote, MemberId{7}}).error(),
              make_error_code(errc::no_such_device_or_address));
    EXPECT_EQ(cluster.change({demote, self}).error(),
              make_error_code(errc::operation_not_permitted));
    EXPECT_EQ(cluster.change({remove, self}).error(),
              make_error_code(errc::operation_not_permitted));
}

TEST_F(ReplicaMembersTest, only_the_leader_changes_members_and_one_change_at_a_time) {
    ListCluster cluster(3);
    cluster.elect();
    std::optional<Result<void>> follower;
    std::optional<Result<void>> second;
    cluster.at(cluster.follower()).node->change_members({remove, cluster.at(0).id}, [&](auto r) {
        follower = r;
    });
    EXPECT_EQ(follower->error(), make_error_code(errc::not_connected));

    auto& leader = *cluster.at(cluster.elect()).node;
    leader.change_members({add, MemberId{7}, "x"}, [](auto) {});
    leader.change_members({add, MemberId{8}, "y"}, [&](auto r) { second = r; });
    EXPECT_EQ(second->error(), make_error_code(errc::device_or_resource_busy));
}

TEST_F(ReplicaMembersTest, a_member_that_never_catches_up_is_not_promoted_and_writes_go_on) {
    ListCluster cluster(1);
    cluster.elect();
    ASSERT_TRUE(cluster.change({add, MemberId{7}, "nobody there"}));

    cluster.at(0).node->change_members({promote, MemberId{7}}, [](auto) {});
    cluster.propose("a");

    EXPECT_TRUE(cluster.all_have({"a"}));
}

}  // namespace
}  // namespace coord
