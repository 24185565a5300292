// What libraft leaves open about members, terms and votes, and the driver decides.
#include "coord/raft/driver.hpp"
#include "tests/support/driver_cluster.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace coord {
namespace {

// One member of a cluster whose log has nothing but its configuration.
struct Lonely {
    explicit Lonely(std::vector<Member> members) {
        DriverOptions options;
        options.id = MemberId{1};
        options.address = "host1";
        options.trailing_entries = 0;
        driver = std::make_unique<Driver>(options);
        const auto bytes = encode_configuration(members);
        driver->start(0ms,
                      {{Term{5}, MemberId{0}},
                       {},
                       Index{1},
                       {entry_of(Term{1}, EntryType::configuration, bytes)}},
                      effects);
    }
    Effects& hear(Driver::Time now, Message message) {
        effects = {};
        driver->receive(now, message, effects);
        return effects;
    }
    Effects& hear_entry(const LogEntry& entry, Index previous, Term before, Index commit) {
        return hear(1ms,
                    {MemberId{2}, Term{5}, AppendEntries{previous, before, commit, 1, {entry}}});
    }

    std::unique_ptr<Driver> driver;
    Effects effects;
};

std::vector<Member> members_of(std::initializer_list<MemberRole> roles) {
    auto members = voters(roles.size());
    std::size_t i = 0;
    for (const auto role : roles) members[i++].role = role;
    return members;
}

TEST(DriverMembers, who_is_being_removed_is_a_peer_until_that_is_committed) {
    Lonely member(voters(3));
    auto two = voters(3);
    two.erase(two.begin() + 1);
    const auto removal = entry_of(Term{5}, EntryType::configuration, encode_configuration(two));

    member.hear_entry(removal, Index{1}, Term{1}, Index{1});
    EXPECT_EQ(member.driver->members(), two);
    EXPECT_EQ(member.driver->peers().size(), 3U);

    Effects effects;
    member.driver->persisted(2ms, 1, effects);
    member.hear(2ms, {MemberId{2}, Term{5}, AppendEntries{Index{2}, Term{5}, Index{2}, 0, {}}});
    EXPECT_EQ(member.driver->peers(), two);
}

TEST(DriverMembers, a_configuration_that_is_replaced_gives_way_to_the_one_before) {
    Lonely member(voters(3));
    const auto removal =
        entry_of(Term{5}, EntryType::configuration, encode_configuration(voters(2)));
    member.hear_entry(removal, Index{1}, Term{1}, Index{0});
    ASSERT_EQ(member.driver->members(), voters(2));

    const auto other = entry_of(Term{6}, EntryType::barrier, "");
    member.hear(1ms,
                {MemberId{3}, Term{6}, AppendEntries{Index{1}, Term{1}, Index{0}, 1, {other}}});

    EXPECT_EQ(member.driver->members(), voters(3));
}

TEST(DriverMembers, the_answer_to_a_message_of_an_old_term_acknowledges_nothing) {
    Lonely member(voters(3));

    const auto& effects =
        member.hear(1ms, {MemberId{2}, Term{4}, AppendEntries{Index{0}, Term{0}, Index{0}, 0, {}}});

    ASSERT_EQ(effects.messages.size(), 1U);
    const auto& result = std::get<AppendEntriesResult>(effects.messages.front().body);
    EXPECT_EQ(result.last_index, Index{0});
}

TEST(DriverMembers, what_is_applied_is_not_taken_for_new_when_it_comes_again_behind_a_snapshot) {
    Lonely member(voters(3));
    const auto first = entry_of(Term{1}, EntryType::configuration, encode_configuration(voters(3)));
    const auto second = entry_of(Term{5}, EntryType::command, "x");
    member.hear_entry(second, Index{1}, Term{1}, Index{2});
    Effects effects;
    member.driver->persisted(2ms, 1, effects);
    member.driver->snapshot_taken(2ms, member.driver->snapshot_point().value(), effects);

    const AppendEntries again{Index{0}, Term{0}, Index{2}, 2, {first, second}};
    member.hear(3ms, {MemberId{2}, Term{5}, again});

    EXPECT_TRUE(member.effects.appends.empty());
    EXPECT_EQ(member.driver->last(), Index{2});
}

// It may be needed for the majority that its own promotion asks for.
TEST(DriverMembers, a_stand_by_votes_once_its_leader_is_silent) {
    using enum MemberRole;
    Lonely member(members_of({standby, voter}));
    member.hear(1ms, {MemberId{2}, Term{5}, AppendEntries{Index{1}, Term{1}, Index{0}, 0, {}}});
    const Message ask{
        MemberId{2}, Term{6}, RequestVote{MemberId{2}, Index{1}, Term{1}, false, false}};
    const auto granted = [&](Driver::Time now) {
        const auto& messages = member.hear(now, ask).messages;
        return !messages.empty() && std::get<RequestVoteResult>(messages.front().body).granted;
    };

    EXPECT_FALSE(granted(50ms));
    EXPECT_TRUE(granted(400ms));
    EXPECT_EQ(member.effects.vote, (Vote{Term{6}, MemberId{2}}));
}

TEST(DriverMembers, who_becomes_the_lone_voter_leads_in_a_term_of_its_own) {
    using enum MemberRole;
    Lonely member(voters(2));
    const auto bytes = encode_configuration(members_of({voter, standby}));
    member.hear_entry(
        entry_of(Term{5}, EntryType::configuration, bytes), Index{1}, Term{1}, Index{0});
    Effects written;
    member.driver->persisted(2ms, 1, written);

    Effects effects;
    member.driver->timeout(10'000ms, effects);

    EXPECT_EQ(effects.vote, (Vote{Term{6}, MemberId{1}}));
    EXPECT_TRUE(member.driver->is_elected());
    EXPECT_EQ(member.driver->term(), Term{6});
}

}  // namespace
}  // namespace coord
