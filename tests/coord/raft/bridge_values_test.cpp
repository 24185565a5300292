#include "coord/raft/bridge_values.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace coord {
namespace {

constexpr MemberId peer{7};

template <class Body>
Body there_and_back(const Body& body) {
    const auto message = from_bridge(to_bridge(Message{peer, Term{5}, body}));
    EXPECT_EQ(message.peer, peer);
    EXPECT_EQ(message.term, Term{5});
    return std::get<Body>(message.body);
}

TEST(BridgeValues, an_append_keeps_its_place_and_its_count) {
    const auto body = there_and_back(AppendEntries{Index{1}, Term{2}, Index{3}, 4, {}});

    EXPECT_EQ(body.previous_index, Index{1});
    EXPECT_EQ(body.previous_term, Term{2});
    EXPECT_EQ(body.commit, Index{3});
    EXPECT_EQ(body.count, 4U);
}

TEST(BridgeValues, results_and_votes_come_back) {
    const auto result = there_and_back(AppendEntriesResult{Index{1}, Index{2}, 3, 4});
    EXPECT_EQ(result.rejected, Index{1});
    EXPECT_EQ(result.last_index, Index{2});
    EXPECT_EQ(result.features, 3U);
    EXPECT_EQ(result.capacity, 4U);

    const auto request = there_and_back(RequestVote{MemberId{1}, Index{2}, Term{3}, true, false});
    EXPECT_EQ(request.candidate, MemberId{1});
    EXPECT_EQ(request.last_index, Index{2});
    EXPECT_EQ(request.last_term, Term{3});
    EXPECT_TRUE(request.disrupt_leader);
    EXPECT_FALSE(request.pre_vote);

    const auto vote = there_and_back(RequestVoteResult{true, true, 3, 4});
    EXPECT_TRUE(vote.granted);
    EXPECT_TRUE(vote.pre_vote);
    EXPECT_EQ(vote.features, 3U);
    EXPECT_EQ(vote.capacity, 4U);
}

TEST(BridgeValues, a_snapshot_and_a_hand_over_come_back) {
    const auto install =
        there_and_back(InstallSnapshot{{Index{1}, Term{2}, Index{3}, "not sent"}}).snapshot;
    EXPECT_EQ(install.index, Index{1});
    EXPECT_EQ(install.term, Term{2});
    EXPECT_EQ(install.configuration_index, Index{3});

    const auto now = there_and_back(TimeoutNow{Index{1}, Term{2}});
    EXPECT_EQ(now.last_index, Index{1});
    EXPECT_EQ(now.last_term, Term{2});
}

TEST(BridgeValues, only_a_configuration_shows_its_bytes) {
    const auto bytes = std::make_shared<const std::string>("bytes");
    const std::vector<LogEntry> entries{{Term{1}, EntryType::command, bytes},
                                        {Term{2}, EntryType::configuration, bytes}};

    const auto plain = to_bridge(std::span<const LogEntry>(entries));

    EXPECT_EQ(plain[0].type, bridge_command);
    EXPECT_EQ(plain[0].bytes, nullptr);
    EXPECT_EQ(plain[1].type, bridge_change);
    EXPECT_EQ(plain[1].bytes, bytes->data());
    EXPECT_EQ(plain[1].length, 5U);
}

}  // namespace
}  // namespace coord
