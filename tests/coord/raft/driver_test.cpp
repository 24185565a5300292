#include "coord/raft/driver.hpp"

#include "tests/support/driver_cluster.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace coord {
namespace {

using testing::ElementsAre;

constexpr MemberId one{1};

LogEntry configuration_of(std::size_t size) {
    return entry_of(Term{1}, EntryType::configuration, encode_configuration(voters(size)));
}

DriverOptions options_of_one() {
    DriverOptions options;
    options.id = one;
    options.address = "host1";
    return options;
}

// Started at 1000 ms; behind the configuration its log has `more`.
struct OneOfThree {
    explicit OneOfThree(Term term, std::vector<LogEntry> more = {}) {
        more.insert(more.begin(), configuration_of(3));
        driver.start(1000ms, {{term, {}}, {}, Index{1}, std::move(more)}, effects);
    }

    Driver driver{options_of_one()};
    Effects effects;
};

TEST(Driver, a_lone_voter_leads_at_once_in_a_new_term) {
    DriverCluster cluster(1);

    EXPECT_THAT(cluster.at(one).roles, ElementsAre(Role::leader));
    EXPECT_EQ(cluster.at(one).vote, (Vote{Term{2}, one}));
}

TEST(Driver, an_entry_is_committed_when_it_is_on_disk_and_not_before) {
    DriverCluster cluster(1);
    cluster.stall_disk(one, true);
    cluster.propose(one, "a");
    cluster.settle();
    EXPECT_TRUE(cluster.at(one).applied.empty());

    cluster.stall_disk(one, false);
    cluster.settle();

    EXPECT_THAT(cluster.at(one).applied, ElementsAre("a"));
}

TEST(Driver, a_restarted_lone_voter_applies_its_log_before_it_leads) {
    DriverCluster cluster(1);
    for (int i = 0; i < 5; ++i) cluster.propose(one, std::to_string(i));
    cluster.settle();
    cluster.propose(one, "never on disk");
    cluster.crash(one);

    cluster.start(one);

    EXPECT_THAT(cluster.at(one).applied, ElementsAre("0", "1", "2", "3", "4"));
    EXPECT_THAT(cluster.at(one).roles, ElementsAre(Role::leader));
    EXPECT_EQ(cluster.at(one).vote.term, Term{3});
}

TEST(Driver, a_restart_goes_on_behind_the_snapshot) {
    DriverCluster cluster(1);
    cluster.propose(one, "a");
    cluster.propose(one, "b");
    cluster.settle();
    cluster.take_snapshot(one);
    EXPECT_TRUE(cluster.at(one).disk.empty());
    EXPECT_FALSE(cluster.at(one).driver->snapshot_point());
    cluster.propose(one, "c");
    cluster.settle();
    cluster.crash(one);

    cluster.start(one);

    EXPECT_THAT(cluster.at(one).applied, ElementsAre("c"));
    EXPECT_TRUE(cluster.at(one).driver->snapshot_point());
}

TEST(Driver, an_idle_lone_voter_goes_on_leading) {
    DriverCluster cluster(1);

    for (int i = 0; i < 5000; ++i) cluster.tick();

    EXPECT_THAT(cluster.at(one).roles, ElementsAre(Role::leader));
    EXPECT_GT(cluster.at(one).driver->deadline(), cluster.now());
}

TEST(Driver, only_a_leader_takes_proposals) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    const MemberId follower{number(leader) % 3 + 1};
    Effects effects;

    const auto refused = cluster.at(follower).driver->propose(
        cluster.now(), EntryType::command, std::make_shared<const std::string>("x"), effects);

    EXPECT_EQ(refused.error(), make_error_code(boost::system::errc::not_connected));
    EXPECT_TRUE(effects.appends.empty());
}

TEST(Driver, three_members_elect_one_leader_and_apply_the_same) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    for (int i = 0; i < 300; ++i) cluster.propose(leader, std::to_string(i));

    ASSERT_TRUE(cluster.run_until([&] {
        return cluster.at(MemberId{1}).applied.size() == 300 &&
               cluster.at(MemberId{2}).applied.size() == 300 &&
               cluster.at(MemberId{3}).applied.size() == 300;
    }));
}

TEST(Driver, a_majority_goes_on_without_the_old_leader_and_he_follows_when_he_is_back) {
    DriverCluster cluster(3);
    const auto old = cluster.elect();
    cluster.propose(old, "a");
    cluster.settle();
    cluster.cut(old);
    for (int i = 0; i < 10; ++i) cluster.propose(old, "lost " + std::to_string(i));
    cluster.settle();

    const auto young = cluster.elect();
    ASSERT_NE(young, old);
    cluster.propose(young, "b");
    cluster.settle();
    cluster.heal();

    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(old).applied.size() == 2; }));
    EXPECT_THAT(cluster.at(old).applied, ElementsAre("a", "b"));
    EXPECT_EQ(cluster.at(old).roles.back(), Role::follower);
    EXPECT_GT(cluster.at(young).driver->term(), Term{2});
}

TEST(Driver, members_with_longer_ways_than_their_timeouts_elect_a_leader_that_lasts) {
    DriverCluster cluster(3);
    cluster.delay(400ms);
    cluster.elect();
    for (int i = 0; i < 10'000; ++i) cluster.tick();
    const auto leader = cluster.elect();
    const auto term = cluster.at(leader).driver->term();

    for (int i = 0; i < 20'000; ++i) cluster.tick();

    EXPECT_EQ(cluster.leader(), leader);
    EXPECT_EQ(cluster.at(leader).driver->term(), term);
    cluster.propose(leader, "a");
    EXPECT_TRUE(cluster.run_until([&] { return !cluster.at(MemberId{1}).applied.empty(); }));
}

TEST(Driver, members_whose_ways_are_short_again_elect_fast_once_a_peer_is_back) {
    DriverCluster cluster(3);
    const auto old = cluster.elect();
    cluster.propose(old, "a");
    cluster.settle();
    cluster.crash(old);
    const MemberId alone{number(old) % 3 + 1};
    const MemberId other{number(alone) % 3 + 1};
    cluster.crash(other);
    for (int i = 0; i < 20'000; ++i) cluster.tick();

    cluster.start(other);
    cluster.at(alone).driver->peer_is_back();

    const auto began = cluster.now();
    cluster.elect();
    EXPECT_LE(cluster.now() - began, 1300ms);
}

// Of those that do not lead.
MemberId other_than(MemberId leader) { return MemberId{leader == MemberId{1} ? 2U : 1U}; }

TEST(Driver, a_leader_that_hands_over_is_replaced_without_an_election_timeout) {
    DriverCluster cluster(3);
    const auto old = cluster.elect();
    const auto young = other_than(old);
    for (int i = 0; i < 20; ++i) cluster.propose(old, std::to_string(i));
    cluster.stall_disk(young, true);
    const auto before = cluster.now();

    cluster.hand_over(old, young);
    cluster.settle();
    EXPECT_EQ(cluster.leader(), old) << "the other has not all of the log on disk";
    cluster.stall_disk(young, false);
    cluster.settle();

    EXPECT_EQ(cluster.at(young).driver->role(), Role::leader);
    EXPECT_EQ(cluster.at(old).driver->role(), Role::follower);
    EXPECT_EQ(cluster.now(), before);
    EXPECT_EQ(cluster.at(young).applied.size(), 20U);
    cluster.propose(young, "next");
    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(old).applied.size() == 21; }));
}

TEST(Driver, a_follower_forgets_its_leader_with_its_term) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    cluster.propose(leader, "a");
    cluster.settle();
    auto& follower = *cluster.at(other_than(leader)).driver;
    ASSERT_EQ(follower.leader(), leader);
    const MemberId third{6 - number(leader) - number(other_than(leader))};
    const Term later{number(follower.term()) + 1};

    Effects effects;
    follower.receive(
        cluster.now(), {third, later, RequestVote{third, {}, {}, true, false}}, effects);

    EXPECT_EQ(follower.term(), later);
    EXPECT_EQ(follower.leader(), MemberId{0});
}

TEST(Driver, a_leader_that_nobody_takes_over_from_goes_on) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    const auto gone = other_than(leader);
    cluster.cut(gone);

    cluster.hand_over(leader, gone);
    Effects effects;
    EXPECT_FALSE(cluster.at(leader).driver->hand_over(cluster.now(), gone, effects)) << "twice";
    EXPECT_FALSE(cluster.at(leader).driver->propose(
        cluster.now(), EntryType::command, std::make_shared<const std::string>("x"), effects));
    const auto until = cluster.now() + 400ms;
    ASSERT_TRUE(cluster.run_until([&] { return cluster.now() > until; }));

    EXPECT_EQ(cluster.leader(), leader);
    cluster.propose(leader, "next");
    cluster.settle();
    EXPECT_THAT(cluster.at(leader).applied, ElementsAre("next"));
}

TEST(Driver, a_leader_is_announced_only_when_it_has_applied_all_of_its_log) {
    DriverCluster cluster(3);
    const auto old = cluster.elect();
    for (int i = 0; i < 20; ++i) cluster.propose(old, std::to_string(i));
    cluster.settle();
    const auto acknowledged = cluster.at(old).applied.size();
    ASSERT_EQ(acknowledged, 20U);
    cluster.crash(old);

    const auto young = cluster.elect();

    EXPECT_GE(cluster.at(young).applied.size(), acknowledged);
}

TEST(Driver, a_member_that_crashes_and_restarts_catches_up) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    const MemberId other{number(leader) % 3 + 1};
    cluster.propose(leader, "a");
    cluster.settle();
    cluster.crash(other);
    cluster.propose(leader, "b");
    cluster.settle();

    cluster.start(other);

    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(other).applied.size() == 2; }));
}

TEST(Driver, a_member_that_lags_behind_the_log_gets_the_snapshot) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    const MemberId other{number(leader) % 3 + 1};
    cluster.crash(other);
    for (int i = 0; i < 50; ++i) cluster.propose(leader, std::to_string(i));
    cluster.settle();
    cluster.take_snapshot(leader);
    for (int i = 50; i < 60; ++i) cluster.propose(leader, std::to_string(i));
    cluster.settle();

    cluster.start(other);

    ASSERT_TRUE(cluster.run_until([&] { return cluster.at(other).applied.size() == 60; }));
    EXPECT_EQ(cluster.installs(), 1U);
    EXPECT_EQ(cluster.at(other).driver->members(), voters(3));
}

TEST(Driver, a_commit_can_be_announced_before_the_next_heartbeat) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    const MemberId other{number(leader) % 3 + 1};
    for (int i = 0; i < 200; ++i) cluster.tick();
    cluster.propose(leader, "a");
    cluster.settle();
    EXPECT_TRUE(cluster.at(other).applied.empty());

    cluster.announce_commit(leader);
    cluster.settle();

    EXPECT_THAT(cluster.at(other).applied, ElementsAre("a"));
}

TEST(Driver, a_leader_that_commits_before_its_own_disk_cuts_no_snapshot_ahead_of_it) {
    DriverCluster cluster(3);
    const auto leader = cluster.elect();
    cluster.stall_disk(leader, true);
    cluster.propose(leader, "a");
    cluster.settle();
    ASSERT_THAT(cluster.at(leader).applied, ElementsAre("a"));

    EXPECT_FALSE(cluster.at(leader).driver->snapshot_point());
    cluster.stall_disk(leader, false);
    cluster.settle();
    EXPECT_TRUE(cluster.at(leader).driver->snapshot_point());
}

// A follower's life up to the point where the leader replaces what it is still writing.
TEST(Driver, a_write_that_was_replaced_meanwhile_does_not_count) {
    OneOfThree member(Term{1});
    auto& driver = member.driver;
    const auto append = [](Term term, MemberId from, const std::string& bytes) {
        const AppendEntries body{
            Index{1}, Term{1}, Index{1}, 1, {entry_of(term, EntryType::command, bytes)}};
        return Message{from, term, body};
    };
    Effects first;
    Effects second;
    ASSERT_TRUE(driver.receive(1001ms, append(Term{2}, MemberId{2}, "old"), first));
    ASSERT_TRUE(driver.receive(1002ms, append(Term{3}, MemberId{3}, "new"), second));
    ASSERT_EQ(first.appends.size(), 1U);
    ASSERT_EQ(second.appends.size(), 1U);

    Effects after_first;
    driver.persisted(1003ms, first.appends[0].sequence, after_first);
    Effects after_second;
    driver.persisted(1004ms, second.appends[0].sequence, after_second);

    EXPECT_TRUE(after_first.messages.empty());
    ASSERT_EQ(after_second.messages.size(), 1U);
    const auto& reply = std::get<AppendEntriesResult>(after_second.messages[0].body);
    EXPECT_EQ(reply.last_index, Index{2});
    EXPECT_EQ(second.appends[0].previous_term, Term{1});
}

TEST(Driver, each_configuration_of_a_message_is_told_to_the_engine_under_its_own_index) {
    OneOfThree member(Term{1});
    auto& [driver, effects] = member;
    const AppendEntries body{Index{1},
                             Term{1},
                             Index{3},
                             2,
                             {entry_of(Term{1}, EntryType::command, "a"), configuration_of(4)}};

    ASSERT_TRUE(driver.receive(1001ms, {MemberId{2}, Term{1}, body}, effects));

    // Committed as entry 3, which the engine believes only if it knows it as entry 3.
    EXPECT_EQ(driver.applied(), Index{3});
    EXPECT_EQ(driver.members(), voters(4));
    ASSERT_EQ(effects.appends.size(), 2U);
    EXPECT_EQ(effects.appends[1].first, Index{3});
}

TEST(Driver, a_candidate_with_a_longer_log_learns_the_term_of_one_with_a_newer_term) {
    OneOfThree member(Term{2}, {entry_of(Term{2}, EntryType::command, "more")});
    auto& driver = member.driver;
    Effects suspicion;
    driver.suspect(1001ms, suspicion);
    const RequestVote ask{MemberId{2}, Index{1}, Term{1}, false, true};
    Effects learnt;

    ASSERT_TRUE(driver.receive(1002ms, {MemberId{2}, Term{6}, ask}, learnt));

    ASSERT_TRUE(learnt.vote.has_value());
    EXPECT_EQ(learnt.vote->term, Term{5});
    EXPECT_EQ(learnt.vote->voted_for, MemberId{0});
    Effects again;
    driver.suspect(1003ms, again);
    ASSERT_FALSE(again.messages.empty());
    EXPECT_EQ(again.messages[0].term, Term{6});
}

TEST(Driver, a_message_against_the_protocol_is_refused) {
    DriverCluster cluster(3);
    Effects effects;
    const Message from_nobody{MemberId{0}, Term{1}, RequestVoteResult{}};
    const Message from_itself{one, Term{1}, RequestVoteResult{}};

    EXPECT_FALSE(cluster.at(one).driver->receive(cluster.now(), from_nobody, effects));
    EXPECT_FALSE(cluster.at(one).driver->receive(cluster.now(), from_itself, effects));
}

// Cuts, crashes and restarts at random; what was applied anywhere is never contradicted.
TEST(Driver, a_random_history_keeps_all_replicas_alike) {
    const std::vector<MemberId> ids{MemberId{1}, MemberId{2}, MemberId{3}};
    for (unsigned seed = 1; seed <= 20; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::uint32_t state = seed;
        const auto random = [&](std::uint32_t below) {
            state = state * 1664525U + 1013904223U;
            return (state >> 8U) % below;
        };
        DriverCluster cluster(3);
        for (int round = 0; round < 60; ++round) {
            const MemberId victim{random(3) + 1};
            switch (random(4)) {
                case 0: cluster.cut(victim); break;
                case 1: cluster.heal(); break;
                case 2:
                    cluster.crash(victim);
                    cluster.start(victim);
                    break;
                default: cluster.stall_disk(victim, random(2) == 0); break;
            }
            for (std::uint32_t i = random(200); i > 0; --i) cluster.tick();
            const auto leader = cluster.leader();
            if (leader == MemberId{0}) continue;
            for (std::uint32_t i = random(5); i > 0; --i) {
                cluster.propose(leader, std::to_string(round) + "." + std::to_string(i));
            }
        }
        cluster.heal();
        for (const auto id : ids) cluster.stall_disk(id, false);
        for (int i = 0; i < 2000; ++i) cluster.tick();
        cluster.propose(cluster.elect(), "last");
        const auto all_have_it = [&] {
            return std::all_of(ids.begin(), ids.end(), [&](MemberId id) {
                const auto& applied = cluster.at(id).applied;
                return !applied.empty() && applied.back() == "last";
            });
        };
        EXPECT_TRUE(cluster.run_until(all_have_it));
    }
}

}  // namespace
}  // namespace coord
