#include "coord/raft/driver.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

namespace coord {
namespace {

using std::chrono_literals::operator""ms;
using testing::ElementsAre;

LogEntry entry_of(Term term, EntryType type, std::string bytes) {
    return {term, type, std::make_shared<const std::string>(std::move(bytes))};
}

std::vector<Member> voters(std::size_t count) {
    std::vector<Member> members;
    for (std::uint64_t id = 1; id <= count; ++id) {
        members.push_back({MemberId{id}, "host" + std::to_string(id), MemberRole::voter});
    }
    return members;
}

// A driver with a disk that keeps what was synced, and nothing else.
struct Server {
    DriverOptions options;
    Vote vote{Term{1}, MemberId{0}};
    std::vector<LogEntry> disk;
    std::optional<SnapshotMetadata> snapshot;
    Index disk_first{1};

    std::unique_ptr<Driver> driver;
    std::vector<Append> unsynced;
    std::vector<std::string> applied;
    std::vector<Role> roles;

    void crash() {
        driver.reset();
        unsynced.clear();
        applied.clear();
        roles.clear();
    }

    void sync(std::uint64_t& sequence) {
        for (auto& append : unsynced) {
            disk.resize(number(append.first) - number(disk_first));
            disk.insert(disk.end(), append.entries.begin(), append.entries.end());
            sequence = append.sequence;
        }
        unsynced.clear();
    }
};

class Cluster {
public:
    explicit Cluster(std::size_t size) {
        const auto configuration = encode_configuration(voters(size));
        for (std::uint64_t id = 1; id <= size; ++id) {
            auto& server = servers_[MemberId{id}];
            server.options.id = MemberId{id};
            server.options.address = "host" + std::to_string(id);
            server.options.seed = static_cast<unsigned>(id);
            server.options.trailing_entries = 5;
            server.disk.push_back(entry_of(Term{1}, EntryType::configuration, configuration));
            start(MemberId{id});
        }
    }

    void start(MemberId id) {
        auto& server = at(id);
        server.driver = std::make_unique<Driver>(server.options);
        Effects effects;
        server.driver->start(
            now_, {server.vote, server.snapshot, server.disk_first, server.disk, 0}, effects);
        carry_out(id, effects);
    }

    void crash(MemberId id) { at(id).crash(); }
    void delay(Driver::Time delay) { delay_ = delay; }
    void cut(MemberId id) { cut_.insert(id); }
    void heal() { cut_.clear(); }
    void stall_disk(MemberId id, bool stalled) { stalled_[id] = stalled; }

    // One millisecond, and all that follows from it at once.
    void tick() {
        now_ += 1ms;
        for (auto& [id, server] : servers_) {
            if (!server.driver || server.driver->deadline() > now_) continue;
            Effects effects;
            server.driver->timeout(now_, effects);
            carry_out(id, effects);
        }
        settle();
    }

    void settle() {
        for (bool busy = true; busy;) {
            busy = false;
            for (auto& [id, server] : servers_) busy = sync(id) || busy;
            while (!sent_.empty() && sent_.front().due <= now_) {
                busy = true;
                deliver();
            }
            check_invariants();
        }
    }

    template <class Condition>
    bool run_until(Condition condition) {
        for (int i = 0; i < 20000 && !condition(); ++i) tick();
        return condition();
    }

    MemberId elect() {
        EXPECT_TRUE(run_until([&] { return leader() != MemberId{0}; }));
        return leader();
    }

    [[nodiscard]] MemberId leader() const {
        for (const auto& [id, server] : servers_) {
            const bool leads = server.driver && server.driver->role() == Role::leader;
            if (leads && !cut_.contains(id)) return id;
        }
        return MemberId{0};
    }

    void propose(MemberId id, const std::string& bytes) {
        Effects effects;
        const auto index = at(id).driver->propose(
            now_, EntryType::command, std::make_shared<const std::string>(bytes), effects);
        ASSERT_TRUE(index) << index.error().message();
        carry_out(id, effects);
    }

    void hand_over(MemberId from, MemberId to) {
        Effects effects;
        EXPECT_TRUE(at(from).driver->hand_over(now_, to, effects));
        carry_out(from, effects);
    }

    void announce_commit(MemberId id) {
        Effects effects;
        at(id).driver->announce_commit(now_, effects);
        carry_out(id, effects);
    }

    void take_snapshot(MemberId id) {
        auto& server = at(id);
        const auto point = server.driver->snapshot_point();
        ASSERT_TRUE(point);
        server.snapshot = point;
        Effects effects;
        const auto through = server.driver->snapshot_taken(now_, *point, effects);
        for (; server.disk_first <= through; server.disk_first = next(server.disk_first)) {
            server.disk.erase(server.disk.begin());
        }
        carry_out(id, effects);
    }

    Server& at(MemberId id) { return servers_.at(id); }
    [[nodiscard]] Driver::Time now() const { return now_; }
    [[nodiscard]] std::size_t installs() const { return installs_; }

private:
    struct Sent {
        Driver::Time due{};
        MemberId from{};
        Message message;
    };

    bool sync(MemberId id) {
        auto& server = at(id);
        if (!server.driver || server.unsynced.empty() || stalled_[id]) return false;
        std::uint64_t sequence = 0;
        server.sync(sequence);
        Effects effects;
        server.driver->persisted(now_, sequence, effects);
        carry_out(id, effects);
        return true;
    }

    void deliver() {
        const auto [due, from, sent] = sent_.front();
        sent_.pop_front();
        auto& to = at(sent.peer);
        if (!to.driver || !at(from).driver || cut_.contains(from) || cut_.contains(sent.peer))
            return;
        auto message = sent;
        message.peer = from;
        fill(from, message);
        Effects effects;
        EXPECT_TRUE(to.driver->receive(now_, message, effects));
        carry_out(sent.peer, effects);
    }

    // As a transport does: what the driver has forgotten is read from the disk.
    void fill(MemberId from, Message& message) {
        auto* append = std::get_if<AppendEntries>(&message.body);
        if (append == nullptr || append->entries.size() == append->count) return;
        const auto& server = at(from);
        const auto begin = number(append->previous_index) + 1 - number(server.disk_first);
        append->entries.assign(server.disk.begin() + static_cast<std::ptrdiff_t>(begin),
                               server.disk.begin() +
                                   static_cast<std::ptrdiff_t>(begin + append->count));
    }

    void carry_out(MemberId id, Effects& effects) {
        auto& server = at(id);
        if (effects.vote) server.vote = *effects.vote;
        for (auto& append : effects.appends) server.unsynced.push_back(std::move(append));
        for (auto& message : effects.messages)
            sent_.push_back({now_ + delay_, id, std::move(message)});
        for (const auto& committed : effects.committed) {
            if (committed.entry.type != EntryType::command) continue;
            server.applied.push_back(*committed.entry.bytes);
        }
        for (const auto& change : effects.roles) server.roles.push_back(change.role);
        if (effects.install) install(id, *effects.install);
    }

    // The content comes from whoever has it.
    void install(MemberId id, const SnapshotMetadata& snapshot) {
        ++installs_;
        auto& server = at(id);
        const auto& source = at(leader());
        server.applied.assign(source.applied.begin(),
                              source.applied.begin() +
                                  static_cast<std::ptrdiff_t>(commands_to(source, snapshot.index)));
        server.snapshot = snapshot;
        server.disk.clear();
        server.unsynced.clear();
        server.disk_first = next(snapshot.index);
        Effects effects;
        server.driver->installed(now_, snapshot, effects);
        carry_out(id, effects);
    }

    static std::size_t commands_to(const Server& server, Index index) {
        std::size_t behind = 0;
        for (auto i = number(index) + 1; i <= number(server.driver->applied()); ++i) {
            const auto& entry = server.disk.at(i - number(server.disk_first));
            if (entry.type == EntryType::command) ++behind;
        }
        return server.applied.size() - behind;
    }

    // One leader per term; and what any member ever applied, all others apply in its place.
    void check_invariants() {
        for (const auto& [id, server] : servers_) {
            if (!server.driver) continue;
            if (server.driver->role() == Role::leader) {
                const auto known = leaders_.emplace(server.driver->term(), id).first;
                EXPECT_EQ(known->second, id) << "two leaders";
            }
            const auto& applied = server.applied;
            const auto common = std::min(applied.size(), history_.size());
            EXPECT_TRUE(std::equal(applied.begin(),
                                   applied.begin() + static_cast<std::ptrdiff_t>(common),
                                   history_.begin()));
            if (applied.size() > history_.size()) history_ = applied;
        }
    }

    Driver::Time now_{1000};
    std::map<Term, MemberId> leaders_;
    std::vector<std::string> history_;
    std::map<MemberId, Server> servers_;
    std::deque<Sent> sent_;
    Driver::Time delay_{};
    std::set<MemberId> cut_;
    std::map<MemberId, bool> stalled_;
    std::size_t installs_ = 0;
};

constexpr MemberId one{1};

TEST(Driver, a_lone_voter_leads_at_once_in_a_new_term) {
    Cluster cluster(1);

    EXPECT_THAT(cluster.at(one).roles, ElementsAre(Role::leader));
    EXPECT_EQ(cluster.at(one).vote, (Vote{Term{2}, one}));
}

TEST(Driver, an_entry_is_committed_when_it_is_on_disk_and_not_before) {
    Cluster cluster(1);
    cluster.stall_disk(one, true);
    cluster.propose(one, "a");
    cluster.settle();
    EXPECT_TRUE(cluster.at(one).applied.empty());

    cluster.stall_disk(one, false);
    cluster.settle();

    EXPECT_THAT(cluster.at(one).applied, ElementsAre("a"));
}

TEST(Driver, a_restarted_lone_voter_applies_its_log_before_it_leads) {
    Cluster cluster(1);
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
    Cluster cluster(1);
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
    Cluster cluster(1);

    for (int i = 0; i < 5000; ++i) cluster.tick();

    EXPECT_THAT(cluster.at(one).roles, ElementsAre(Role::leader));
    EXPECT_GT(cluster.at(one).driver->deadline(), cluster.now());
}

TEST(Driver, only_a_leader_takes_proposals) {
    Cluster cluster(3);
    const auto leader = cluster.elect();
    const MemberId follower{number(leader) % 3 + 1};
    Effects effects;

    const auto refused = cluster.at(follower).driver->propose(
        cluster.now(), EntryType::command, std::make_shared<const std::string>("x"), effects);

    EXPECT_EQ(refused.error(), make_error_code(boost::system::errc::not_connected));
    EXPECT_TRUE(effects.appends.empty());
}

TEST(Driver, three_members_elect_one_leader_and_apply_the_same) {
    Cluster cluster(3);
    const auto leader = cluster.elect();
    for (int i = 0; i < 300; ++i) cluster.propose(leader, std::to_string(i));

    ASSERT_TRUE(cluster.run_until([&] {
        return cluster.at(MemberId{1}).applied.size() == 300 &&
               cluster.at(MemberId{2}).applied.size() == 300 &&
               cluster.at(MemberId{3}).applied.size() == 300;
    }));
}

TEST(Driver, a_majority_goes_on_without_the_old_leader_and_he_follows_when_he_is_back) {
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    Cluster cluster(3);
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
    DriverOptions options;
    options.id = one;
    options.address = "host1";
    Driver driver(options);
    Effects start;
    driver.start(1000ms,
                 {{Term{1}, {}},
                  {},
                  Index{1},
                  {entry_of(Term{1}, EntryType::configuration, encode_configuration(voters(3)))}},
                 start);
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
    DriverOptions options;
    options.id = one;
    options.address = "host1";
    Driver driver(options);
    const auto configuration = [](std::size_t size) {
        return entry_of(Term{1}, EntryType::configuration, encode_configuration(voters(size)));
    };
    Effects effects;
    driver.start(1000ms, {{Term{1}, {}}, {}, Index{1}, {configuration(3)}}, effects);
    const AppendEntries body{Index{1},
                             Term{1},
                             Index{3},
                             2,
                             {entry_of(Term{1}, EntryType::command, "a"), configuration(4)}};

    ASSERT_TRUE(driver.receive(1001ms, {MemberId{2}, Term{1}, body}, effects));

    // Committed as entry 3, which the engine believes only if it knows it as entry 3.
    EXPECT_EQ(driver.applied(), Index{3});
    EXPECT_EQ(driver.members(), voters(4));
    ASSERT_EQ(effects.appends.size(), 2U);
    EXPECT_EQ(effects.appends[1].first, Index{3});
}

TEST(Driver, a_candidate_with_a_longer_log_learns_the_term_of_one_with_a_newer_term) {
    DriverOptions options;
    options.id = one;
    options.address = "host1";
    Driver driver(options);
    Effects effects;
    driver.start(1000ms,
                 {{Term{2}, {}},
                  {},
                  Index{1},
                  {entry_of(Term{1}, EntryType::configuration, encode_configuration(voters(3))),
                   entry_of(Term{2}, EntryType::command, "more")}},
                 effects);
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
    Cluster cluster(3);
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
        Cluster cluster(3);
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
