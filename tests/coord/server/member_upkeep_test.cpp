#include "coord/server/member_upkeep.hpp"

#include <gtest/gtest.h>

#include <optional>

namespace coord {
namespace {

using Kind = MembershipOrder::Kind;
using Verdict = MembershipAnswer::Verdict;
using std::chrono_literals::operator""s;

MemberStatus status(std::uint64_t id, MemberRole role, bool connected) {
    return {{MemberId{id}, "10.0.0." + std::to_string(id) + ":2888", role}, connected, Index{9}};
}

// Three servers, of which this is the first, and leads.
struct MemberUpkeepTest : testing::Test {
    void tick_at(std::chrono::seconds at) { upkeep.tick(MemberOrders::Time(at)); }
    void answer(Verdict verdict) {
        MembershipAnswer given;
        given.verdict = verdict;
        std::exchange(done, nullptr)(given);
    }
    MembershipOrder take_order() {
        EXPECT_EQ(orders.size(), 1U);
        auto taken = orders.empty() ? MembershipOrder() : orders.front();
        orders.clear();
        return taken;
    }

    Standing standing{Role::leader, Term{1}, MemberId{1}, true};
    Member self{MemberId{1}, "10.0.0.1:2888", MemberRole::voter};
    std::vector<MemberStatus> members{status(1, MemberRole::voter, true),
                                      status(2, MemberRole::voter, true),
                                      status(3, MemberRole::voter, true)};
    std::vector<Member> waiting;
    std::vector<MembershipOrder> orders;
    MemberOrders::Done done;
    MemberUpkeep upkeep{{[this] { return standing; },
                         [this] { return members; },
                         [this] { return waiting; },
                         [this] { return self; },
                         [this](MembershipOrder order, MemberOrders::Done given) {
                             orders.push_back(std::move(order));
                             done = std::move(given);
                         }}};
};

TEST_F(MemberUpkeepTest, a_server_where_it_always_was_asks_for_nothing) {
    for (const auto role : {Role::leader, Role::follower}) {
        standing.role = role;
        tick_at(10s);
    }
    self.address.clear();  // it has no links of its own
    tick_at(20s);

    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, a_server_that_has_moved_says_so_until_it_is_heard) {
    standing.role = Role::follower;
    standing.leader = MemberId{2};
    standing.is_current = false;
    self.address = "10.0.0.1:2999";
    tick_at(1s);
    EXPECT_TRUE(orders.empty()) << "what it knows may be old";

    standing.is_current = true;
    tick_at(10s);
    const auto order = take_order();
    EXPECT_EQ(order.kind, Kind::relocate);
    EXPECT_EQ(order.member, 1U);
    EXPECT_EQ(order.address, "10.0.0.1:2999");
    tick_at(20s);
    EXPECT_TRUE(orders.empty()) << "one at a time";
    answer(Verdict::refused);
    tick_at(30s);
    EXPECT_EQ(take_order().kind, Kind::relocate);
    members[0].member.address = self.address;
    answer(Verdict::done);
    tick_at(40s);
    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, who_waits_where_a_voter_was_takes_its_place_and_its_vote) {
    members[2].connected = false;
    waiting = {{MemberId{9}, members[2].member.address, MemberRole::spare}};
    tick_at(10s);
    EXPECT_TRUE(orders.empty()) << "it may be about to be reached";
    tick_at(10s + MemberUpkeep::settled);
    const auto removal = take_order();
    EXPECT_EQ(removal.kind, Kind::remove);
    EXPECT_EQ(removal.member, 3U);

    members.pop_back();
    answer(Verdict::done);
    tick_at(20s);
    const auto addition = take_order();
    EXPECT_EQ(addition.kind, Kind::add);
    EXPECT_EQ(addition.member, 9U);
    EXPECT_EQ(addition.address, "10.0.0.3:2888");
    members.push_back({{MemberId{9}, addition.address, MemberRole::standby}, true, Index{1}});
    waiting.clear();
    answer(Verdict::done);
    tick_at(21s);
    EXPECT_EQ(take_order().kind, Kind::promote);
    answer(Verdict::refused);  // it has not caught up
    tick_at(22s);
    EXPECT_EQ(take_order().kind, Kind::promote);
    members[2].member.role = MemberRole::voter;
    answer(Verdict::done);
    tick_at(23s);
    tick_at(24s);
    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, in_the_place_of_a_stand_by_it_gets_no_vote) {
    members[2] = status(3, MemberRole::standby, false);
    waiting = {{MemberId{9}, members[2].member.address, MemberRole::spare}};
    tick_at(10s);
    tick_at(20s);
    EXPECT_EQ(take_order().kind, Kind::remove);
    members[2] = {{MemberId{9}, "10.0.0.3:2888", MemberRole::standby}, true, Index{1}};
    waiting.clear();
    answer(Verdict::done);

    tick_at(30s);

    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, a_member_that_can_be_reached_keeps_its_place) {
    waiting = {{MemberId{9}, members[2].member.address, MemberRole::spare},
               {MemberId{8}, "10.0.0.8:2888", MemberRole::spare}};
    tick_at(10s);
    tick_at(20s);
    members[2].connected = false;
    tick_at(21s);
    members[2].connected = true;
    tick_at(22s);
    members[2].connected = false;
    tick_at(24s);

    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, only_the_leader_gives_a_member_up) {
    standing.role = Role::follower;
    standing.leader = MemberId{2};
    members[2].connected = false;
    waiting = {{MemberId{9}, members[2].member.address, MemberRole::spare}};

    tick_at(10s);
    tick_at(20s);

    EXPECT_TRUE(orders.empty());
}

TEST_F(MemberUpkeepTest, an_heir_that_is_gone_for_good_holds_up_nobody_else) {
    members[2].connected = false;
    waiting = {{MemberId{9}, members[2].member.address, MemberRole::spare}};
    tick_at(10s);
    tick_at(20s);
    EXPECT_EQ(take_order().kind, Kind::remove);
    members.pop_back();
    waiting.clear();
    answer(Verdict::done);

    tick_at(20s + MemberUpkeep::heir_max);
    tick_at(30s + MemberUpkeep::heir_max);

    EXPECT_TRUE(orders.empty());
}

}  // namespace
}  // namespace coord
