#include "coord/server/forwarded_entries.hpp"

#include "coord/tree/origin.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

constexpr MemberId self{1};
constexpr MemberId peer{2};
constexpr Term term{7};

struct ForwardedEntriesTest : testing::Test {
    static std::string entry(std::uint64_t sequence, MemberId from = peer) {
        std::string bytes(origin_bytes, ' ');
        write_origin(bytes, {number(from), 1, sequence});
        return bytes;
    }
    void take(std::uint64_t sequence, std::uint64_t of_term = number(term)) {
        forwarded.take(peer, {of_term, entry(sequence)});
    }
    void lead(Term in = term, bool announced = true) {
        forwarded.standing_changed({Role::leader, in, self, announced}, self);
    }
    std::vector<std::uint64_t> proposed() {
        std::vector<std::uint64_t> sequences;
        for (std::string_view bytes : log) sequences.push_back(take_origin(bytes)->sequence);
        return sequences;
    }

    std::vector<std::string> log;
    bool has_room = true;
    ServerCounters counters;
    ForwardedEntries forwarded{origin_bytes * 3, counters, [this](const auto& entry) {
                                   if (has_room) log.push_back(*entry);
                                   return has_room;
                               }};
};

TEST_F(ForwardedEntriesTest, a_leader_proposes_what_is_meant_for_its_term) {
    lead();
    take(1);
    take(2);

    EXPECT_EQ(proposed(), (std::vector<std::uint64_t>{1, 2}));
    EXPECT_EQ(counters.forwarded.value(), 2U);
}

TEST_F(ForwardedEntriesTest, what_is_meant_for_another_term_or_leader_is_dropped) {
    take(1);
    lead();
    take(2, number(term) - 1);
    forwarded.standing_changed({Role::follower, Term{8}, peer, true}, self);
    take(3, 8);

    EXPECT_TRUE(log.empty());
    EXPECT_EQ(counters.forwarded_dropped.value(), 3U);
}

TEST_F(ForwardedEntriesTest, a_member_speaks_for_itself_only) {
    lead();
    forwarded.take(peer, {number(term), entry(1, MemberId{3})});
    forwarded.take(peer, {number(term), "no entry"});

    EXPECT_TRUE(log.empty());
    EXPECT_EQ(counters.forwarded_dropped.value(), 2U);
}

TEST_F(ForwardedEntriesTest, entries_wait_in_order_for_room_and_are_bounded) {
    lead();
    has_room = false;
    for (std::uint64_t i = 1; i <= 5; ++i) take(i);
    EXPECT_EQ(counters.forwarded_dropped.value(), 2U);

    has_room = true;
    forwarded.pump();
    EXPECT_EQ(proposed(), (std::vector<std::uint64_t>{1, 2, 3}));
    take(4);
    EXPECT_EQ(proposed().size(), 4U) << "their room is free again";
}

TEST_F(ForwardedEntriesTest, what_waits_is_forgotten_with_the_term) {
    lead();
    has_room = false;
    take(1);
    lead(Term{8});
    has_room = true;
    forwarded.pump();

    EXPECT_TRUE(log.empty());
}

}  // namespace
}  // namespace coord
