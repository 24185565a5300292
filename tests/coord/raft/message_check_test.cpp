#include "coord/raft/message_check.hpp"

#include "coord/raft/configuration.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace coord {
namespace {

constexpr MemberId peer{2};

LogEntry entry_of(Term term, EntryType type = EntryType::command, std::string bytes = "x") {
    return {term, type, std::make_shared<const std::string>(std::move(bytes))};
}

Message append(Index previous, Term previous_term, std::vector<LogEntry> entries) {
    const auto count = entries.size();
    return {
        peer, Term{5}, AppendEntries{previous, previous_term, Index{1}, count, std::move(entries)}};
}

const auto configuration = encode_configuration({{MemberId{1}, "a", MemberRole::voter}});

TEST(MessageCheck, a_message_as_the_engine_sends_it_passes) {
    EXPECT_TRUE(is_well_formed(append(Index{0}, Term{0}, {})));
    EXPECT_TRUE(is_well_formed(
        append(Index{3},
               Term{2},
               {entry_of(Term{2}), entry_of(Term{5}, EntryType::configuration, configuration)})));
    EXPECT_TRUE(is_well_formed({peer, Term{5}, AppendEntriesResult{Index{0}, Index{9}, 0, 0}}));
    EXPECT_TRUE(is_well_formed({peer, Term{5}, RequestVote{peer, Index{9}, Term{4}, false, true}}));
    EXPECT_TRUE(is_well_formed({peer, Term{5}, RequestVoteResult{}}));
    EXPECT_TRUE(is_well_formed({peer, Term{5}, TimeoutNow{Index{1}, Term{1}}}));
    EXPECT_TRUE(is_well_formed(
        {peer, Term{5}, InstallSnapshot{{Index{9}, Term{4}, Index{1}, configuration}}}));
}

TEST(MessageCheck, a_message_without_sender_or_term_is_refused) {
    EXPECT_FALSE(is_well_formed({MemberId{0}, Term{5}, RequestVoteResult{}}));
    EXPECT_FALSE(is_well_formed({peer, Term{0}, RequestVoteResult{}}));
}

TEST(MessageCheck, entries_must_have_terms_that_grow_up_to_the_senders) {
    EXPECT_FALSE(is_well_formed(append(Index{3}, Term{0}, {})));
    EXPECT_FALSE(is_well_formed(append(Index{0}, Term{1}, {})));
    EXPECT_FALSE(is_well_formed(append(Index{3}, Term{6}, {})));
    EXPECT_FALSE(is_well_formed(append(Index{3}, Term{2}, {entry_of(Term{1})})));
    EXPECT_FALSE(is_well_formed(append(Index{3}, Term{2}, {entry_of(Term{6})})));
    EXPECT_FALSE(is_well_formed(append(Index{0}, Term{0}, {entry_of(Term{0})})));
}

TEST(MessageCheck, entries_must_be_of_a_known_type_and_all_there) {
    EXPECT_FALSE(
        is_well_formed(append(Index{3}, Term{2}, {entry_of(Term{2}, static_cast<EntryType>(4))})));
    EXPECT_FALSE(is_well_formed(
        append(Index{3}, Term{2}, {entry_of(Term{2}, EntryType::configuration, "none")})));
    auto short_of_one = append(Index{3}, Term{2}, {entry_of(Term{2})});
    std::get<AppendEntries>(short_of_one.body).count = 2;
    EXPECT_FALSE(is_well_formed(short_of_one));
}

TEST(MessageCheck, a_vote_is_asked_for_somebody_with_a_possible_log) {
    EXPECT_FALSE(
        is_well_formed({peer, Term{5}, RequestVote{MemberId{0}, Index{9}, Term{4}, {}, {}}}));
    EXPECT_FALSE(is_well_formed({peer, Term{5}, RequestVote{peer, Index{9}, Term{6}, {}, {}}}));
    EXPECT_FALSE(is_well_formed({peer, Term{5}, RequestVote{peer, Index{9}, Term{0}, {}, {}}}));
}

TEST(MessageCheck, a_snapshot_has_an_index_a_term_and_a_configuration_within_it) {
    const auto install = [](Index index, Term term, Index at, std::string bytes) {
        return Message{peer, Term{5}, InstallSnapshot{{index, term, at, std::move(bytes)}}};
    };
    EXPECT_FALSE(is_well_formed(install(Index{0}, Term{4}, Index{1}, configuration)));
    EXPECT_FALSE(is_well_formed(install(Index{9}, Term{0}, Index{1}, configuration)));
    EXPECT_FALSE(is_well_formed(install(Index{9}, Term{6}, Index{1}, configuration)));
    EXPECT_FALSE(is_well_formed(install(Index{9}, Term{4}, Index{10}, configuration)));
    EXPECT_FALSE(is_well_formed(install(Index{9}, Term{4}, Index{1}, "none")));
}

}  // namespace
}  // namespace coord
