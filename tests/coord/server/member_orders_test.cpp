#include "coord/server/member_orders.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>

namespace coord {
namespace {

using Kind = MembershipOrder::Kind;
using Verdict = MembershipAnswer::Verdict;
using std::chrono_literals::operator""s;

// One server's, whose cluster is what the test says it is.
struct Seat {
    MemberId id{};
    Standing standing{Role::leader, Term{1}, MemberId{1}, true};
    Index last{1000};
    std::vector<MemberStatus> members;
    std::vector<Member> waiting;
    std::string waits_for;
    std::vector<MemberChange> changes;
    Result<void> result = {};
    Seat* other = nullptr;  // whom letters reach
    std::vector<std::string> unread;
    MemberOrders orders{{[this] { return standing; },
                         [] { return std::uint64_t{7}; },
                         [this] { return last; },
                         [this] { return members; },
                         [this] { return waiting; },
                         [this] { return waits_for; },
                         [this](const MemberChange& change, const auto& done) {
                             changes.push_back(change);
                             done(result);
                         },
                         [this](MemberId, std::string letter) {
                             if (other == nullptr) return false;
                             other->unread.push_back(std::move(letter));
                             return true;
                         }}};
};

MemberStatus status(std::uint64_t id,
                    MemberRole role = MemberRole::voter,
                    bool connected = true,
                    std::uint64_t match = 1000) {
    return {
        {MemberId{id}, "10.0.0." + std::to_string(id) + ":2888", role}, connected, Index{match}};
}

struct MemberOrdersTest : testing::Test {
    MembershipAnswer ask(Kind kind, std::uint64_t member, const std::string& address = "") {
        std::optional<MembershipAnswer> answer;
        leader.orders.ask({kind, member, address}, now, [&](const auto& given) { answer = given; });
        EXPECT_TRUE(answer);
        return answer.value_or(MembershipAnswer());
    }

    MemberOrders::Time now{};
    Seat leader;
};

TEST_F(MemberOrdersTest, lists_who_is_there_how_far_behind_and_who_waits) {
    leader.members = {status(1), status(2, MemberRole::standby, true, 990)};
    leader.waiting = {{MemberId{3}, "10.0.0.3:2888", MemberRole::voter}};

    const auto answer = ask(Kind::list, 0);

    ASSERT_EQ(answer.servers.size(), 3U);
    EXPECT_EQ(answer.cluster, 7U);
    EXPECT_TRUE(answer.servers[0].leads);
    EXPECT_EQ(answer.servers[1].behind, 10U);
    EXPECT_EQ(answer.servers[1].role, ListedServer::Role::standby);
    EXPECT_EQ(answer.servers[2].role, ListedServer::Role::waiting);
}

TEST_F(MemberOrdersTest, a_server_that_waits_is_added_by_its_address) {
    leader.members = {status(1)};
    leader.waiting = {{MemberId{3}, "10.0.0.3:2888", MemberRole::voter}};

    const auto answer = ask(Kind::add, 0, "10.0.0.3:2888");

    EXPECT_EQ(answer.verdict, Verdict::done);
    ASSERT_EQ(leader.changes.size(), 1U);
    EXPECT_EQ(leader.changes[0].id, MemberId{3});
    EXPECT_EQ(leader.changes[0].kind, MemberChange::Kind::add);
}

TEST_F(MemberOrdersTest, a_server_nobody_has_heard_of_is_not_added) {
    leader.members = {status(1)};

    EXPECT_EQ(ask(Kind::add, 0, "10.0.0.9:2888").verdict, Verdict::unknown);
    EXPECT_TRUE(leader.changes.empty());
}

TEST_F(MemberOrdersTest, a_server_that_lost_its_disk_takes_its_place_only_when_the_old_is_removed) {
    leader.members = {status(1), status(2, MemberRole::voter, false), status(3)};
    leader.waiting = {{MemberId{9}, "10.0.0.2:2888", MemberRole::voter}};

    const auto refused = ask(Kind::add, 0, "10.0.0.2:2888");

    EXPECT_EQ(refused.verdict, Verdict::refused);
    EXPECT_NE(refused.why.find("members remove 0000000000000002"), std::string::npos);
}

TEST_F(MemberOrdersTest, a_stand_by_votes_only_once_it_has_caught_up) {
    leader.members = {status(1), status(2, MemberRole::standby, true, 100)};
    EXPECT_EQ(ask(Kind::promote, 2).verdict, Verdict::refused);
    leader.members[1] = status(2, MemberRole::standby, false);
    EXPECT_EQ(ask(Kind::promote, 2).verdict, Verdict::refused);
    EXPECT_TRUE(leader.changes.empty());

    leader.members[1] = status(2, MemberRole::standby, true, 999);
    EXPECT_EQ(ask(Kind::promote, 2).verdict, Verdict::done);
    EXPECT_EQ(leader.changes.size(), 1U);
}

TEST_F(MemberOrdersTest, a_voter_without_which_nothing_could_be_committed_stays) {
    leader.members = {status(1), status(2), status(3, MemberRole::voter, false)};

    for (const auto kind : {Kind::remove, Kind::demote}) {
        EXPECT_EQ(ask(kind, 2).verdict, Verdict::refused);
    }
    EXPECT_TRUE(leader.changes.empty());
    EXPECT_EQ(ask(Kind::remove, 3).verdict, Verdict::done) << "the one that is gone";
}

TEST_F(MemberOrdersTest, the_last_voter_stays) {
    leader.members = {status(1), status(2, MemberRole::standby)};

    const auto answer = ask(Kind::remove, 1);

    EXPECT_EQ(answer.verdict, Verdict::refused);
    EXPECT_NE(answer.why.find("last voter"), std::string::npos);
}

TEST_F(MemberOrdersTest, a_change_beside_another_is_refused) {
    leader.members = {status(1), status(2), status(3)};
    leader.result = make_error_code(boost::system::errc::device_or_resource_busy);

    EXPECT_EQ(ask(Kind::remove, 2).verdict, Verdict::refused);
}

TEST_F(MemberOrdersTest, a_member_moves_but_not_to_where_another_is) {
    leader.members = {status(1), status(2), status(3)};

    EXPECT_EQ(ask(Kind::relocate, 2, "10.0.0.3:2888").verdict, Verdict::refused);
    EXPECT_TRUE(leader.changes.empty());
    EXPECT_EQ(ask(Kind::relocate, 2, "10.0.0.2:2999").verdict, Verdict::done);

    ASSERT_EQ(leader.changes.size(), 1U);
    EXPECT_EQ(leader.changes[0].kind, MemberChange::Kind::relocate);
    EXPECT_EQ(leader.changes[0].address, "10.0.0.2:2999");
}

TEST_F(MemberOrdersTest, a_server_without_a_cluster_says_what_it_waits_for) {
    leader.standing = {Role::follower, Term{0}, MemberId{0}, false};
    leader.waits_for = "no answer from 10.0.0.2:2888";

    EXPECT_EQ(ask(Kind::list, 0).why, leader.waits_for);
}

TEST_F(MemberOrdersTest, without_a_leader_there_is_a_list_and_nothing_else) {
    leader.standing = {Role::follower, Term{2}, MemberId{0}, false};
    leader.members = {status(1), status(2)};

    EXPECT_EQ(ask(Kind::list, 0).servers.size(), 2U);
    EXPECT_EQ(ask(Kind::remove, 2).verdict, Verdict::unavailable);
}

struct ForwardedOrderTest : MemberOrdersTest {
    ForwardedOrderTest() {
        leader.members = follower.members = {status(1), status(2), status(3)};
        follower.standing = {Role::follower, Term{1}, MemberId{1}, true};
        follower.other = &leader;
        leader.other = &follower;
    }
    void order(Kind kind, std::uint64_t member, const std::string& address = "") {
        follower.orders.ask(
            {kind, member, address}, now, [this](const auto& given) { answers.push_back(given); });
    }
    void deliver(Seat& to, std::uint64_t from) {
        for (const auto& letter : std::exchange(to.unread, {})) {
            EXPECT_TRUE(to.orders.read(MemberId{from}, letter));
        }
    }

    Seat follower;
    std::vector<MembershipAnswer> answers;
};

TEST_F(ForwardedOrderTest, an_order_to_a_follower_is_carried_out_by_the_leader) {
    order(Kind::remove, 3);
    deliver(leader, 2);
    EXPECT_EQ(leader.changes.size(), 1U);
    deliver(follower, 1);

    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].verdict, Verdict::done);
    EXPECT_EQ(answers[0].servers.size(), 3U);
    EXPECT_EQ(answers[0].servers[2].address, "10.0.0.3:2888");
    EXPECT_EQ(answers[0].servers[2].behind, 0U);
}

TEST_F(ForwardedOrderTest, a_server_says_only_of_itself_where_it_is) {
    order(Kind::relocate, 3, "10.0.0.9:2888");
    deliver(leader, 2);
    EXPECT_TRUE(leader.changes.empty());

    order(Kind::relocate, 2, "10.0.0.9:2888");
    deliver(leader, 2);
    EXPECT_EQ(leader.changes.size(), 1U);
    deliver(follower, 1);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[0].verdict, Verdict::wrong);
    EXPECT_EQ(answers[1].verdict, Verdict::done);
}

TEST_F(ForwardedOrderTest, who_waits_at_the_follower_alone_can_be_added_through_it) {
    follower.waiting = {{MemberId{4}, "10.0.0.4:2888", MemberRole::voter}};

    order(Kind::add, 0, "10.0.0.4:2888");
    deliver(leader, 2);

    ASSERT_EQ(leader.changes.size(), 1U);
    EXPECT_EQ(leader.changes[0].id, MemberId{4});
}

TEST_F(ForwardedOrderTest, an_order_is_answered_when_the_leader_is_lost_or_silent) {
    order(Kind::remove, 3);
    follower.orders.disconnected(MemberId{1});
    ASSERT_EQ(answers.size(), 1U);
    EXPECT_EQ(answers[0].verdict, Verdict::unavailable);

    order(Kind::list, 0);
    follower.orders.tick(now + MemberOrders::patience - 1s);
    ASSERT_EQ(answers.size(), 1U);
    follower.orders.tick(now + MemberOrders::patience);
    ASSERT_EQ(answers.size(), 2U);
    EXPECT_EQ(answers[1].verdict, Verdict::done) << "its own list";
}

TEST_F(ForwardedOrderTest, letters_of_others_are_left_to_others_and_broken_ones_are_harmless) {
    order(Kind::remove, 3);
    const auto good = leader.unread.at(0);

    EXPECT_FALSE(leader.orders.read(MemberId{2}, "E12345678"));
    EXPECT_FALSE(leader.orders.read(MemberId{2}, ""));
    for (std::size_t size = 1; size < good.size(); ++size) {
        EXPECT_TRUE(leader.orders.read(MemberId{2}, good.substr(0, size)));
    }
    EXPECT_TRUE(leader.changes.empty());
}

}  // namespace
}  // namespace coord
