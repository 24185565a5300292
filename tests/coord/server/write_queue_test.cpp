#include "coord/server/write_queue.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

constexpr std::uint64_t self = 5;
constexpr std::uint64_t life = 77;

struct WriteQueueTest : testing::Test {
    WriteQueueTest() { queue.set_origin(self, life); }

    bool send(const WriteQueue::Entry& entry) {
        if (!has_leader) return false;
        entries.push_back(*entry);
        return true;
    }
    static Origin own(std::uint64_t sequence, std::uint64_t of_life = life) {
        return {self, of_life, sequence};
    }

    void push(int count, std::string_view body = "x") {
        for (int i = 0; i < count; ++i) {
            Command command;
            command.op = OpCode::set_data;
            command.body = body;
            queue.push(command, someone);
        }
    }
    static std::size_t commands_in(std::string_view entry) {
        EXPECT_TRUE(take_origin(entry));
        Decoder in(entry);
        std::size_t count = 0;
        for (; !in.rest().empty(); ++count) decode_command(in);
        return count;
    }
    std::vector<std::uint64_t> sequences_sent() {
        std::vector<std::uint64_t> sequences;
        for (std::string_view entry : entries) sequences.push_back(take_origin(entry)->sequence);
        return sequences;
    }

    std::vector<std::string> entries;
    bool has_leader = true;
    std::shared_ptr<Conversation> someone = std::make_shared<Conversation>();
    WriteQueue queue{[this](const WriteQueue::Entry& entry) { return send(entry); }};
};

TEST_F(WriteQueueTest, an_idle_queue_sends_a_turns_writes_at_once_in_one_entry) {
    push(3);
    EXPECT_TRUE(entries.empty());

    queue.pump();

    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(commands_in(entries[0]), 3U);
    EXPECT_EQ(queue.queued_bytes(), 0U);
}

TEST_F(WriteQueueTest, each_entry_says_who_made_it_and_counts) {
    push(1);
    queue.pump();
    EXPECT_EQ(queue.take(own(1)).size(), 1U);
    push(1);
    queue.pump();

    std::string_view entry = entries.at(1);
    EXPECT_EQ(take_origin(entry), own(2));
    EXPECT_TRUE(queue.is_own(own(2)));
    EXPECT_FALSE(queue.is_own({self + 1, life, 2}));
    EXPECT_FALSE(queue.is_own({self, life + 1, 2}));
}

TEST_F(WriteQueueTest, what_comes_while_an_entry_is_under_way_is_packed_into_the_next) {
    push(1);
    queue.pump();
    push(2);
    queue.pump();
    push(3);
    queue.pump();
    EXPECT_EQ(entries.size(), 1U);

    EXPECT_EQ(queue.take(own(1)).size(), 1U);
    queue.pump();

    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(commands_in(entries[1]), 5U);
    EXPECT_EQ(queue.take(own(2)).size(), 5U);
}

TEST_F(WriteQueueTest, full_entries_follow_each_other_four_at_most) {
    push(1 + 128 * 6);
    queue.pump();

    ASSERT_EQ(entries.size(), WriteQueue::entries_in_flight_max);
    for (const auto& entry : entries) EXPECT_EQ(commands_in(entry), 128U);

    queue.take(own(1));
    queue.pump();
    EXPECT_EQ(entries.size(), 5U);
}

TEST_F(WriteQueueTest, an_entry_is_full_by_its_bytes_too) {
    push(10, std::string(20'000, 'x'));
    queue.pump();

    EXPECT_EQ(commands_in(entries.at(0)), 4U);
    EXPECT_EQ(entries.size(), 2U);
}

TEST_F(WriteQueueTest, a_barrier_behind_what_is_under_way_keeps_its_place_among_the_writes) {
    EXPECT_FALSE(queue.barrier_behind(someone));

    push(1);
    EXPECT_TRUE(queue.barrier_behind(someone));
    push(1);
    queue.pump();
    EXPECT_TRUE(queue.barrier_behind(someone));

    const auto tickets = queue.take(own(1));
    ASSERT_EQ(tickets.size(), 4U);
    EXPECT_FALSE(tickets[0].is_barrier);
    EXPECT_TRUE(tickets[1].is_barrier);
    EXPECT_FALSE(tickets[2].is_barrier);
    EXPECT_TRUE(tickets[3].is_barrier);
    EXPECT_FALSE(queue.barrier_behind(someone));
}

TEST_F(WriteQueueTest, a_barrier_through_the_log_goes_with_an_entry_that_was_not_sent_yet) {
    queue.barrier_through(someone);
    queue.pump();
    EXPECT_EQ(commands_in(entries.at(0)), 0U);

    queue.barrier_through(someone);
    queue.barrier_through(someone);
    EXPECT_EQ(queue.take(own(1)).size(), 1U) << "those that came later are not in it";
    queue.pump();

    EXPECT_EQ(queue.take(own(2)).size(), 2U) << "one entry for both";
}

TEST_F(WriteQueueTest, without_a_leader_everything_waits_in_its_order) {
    has_leader = false;
    push(2);
    queue.pump();
    push(1);
    queue.pump();
    EXPECT_TRUE(entries.empty());

    has_leader = true;
    queue.pump();
    EXPECT_EQ(sequences_sent(), std::vector<std::uint64_t>{1});
    queue.take(own(1));
    queue.pump();
    EXPECT_EQ(sequences_sent(), (std::vector<std::uint64_t>{1, 2}));
}

TEST_F(WriteQueueTest, all_that_is_under_way_is_sent_again_to_another_leader_and_the_same) {
    push(128 * 3);
    queue.pump();
    queue.take(own(1));
    const auto sent = entries;

    queue.send_again();
    queue.pump();

    EXPECT_EQ(sequences_sent(), (std::vector<std::uint64_t>{1, 2, 3, 2, 3}));
    EXPECT_EQ(entries.at(3), sent.at(1));
    queue.pump();
    EXPECT_EQ(entries.size(), 5U) << "once";
}

TEST_F(WriteQueueTest, giving_up_gives_everybody_back_and_begins_a_new_life) {
    push(1);
    queue.pump();
    push(2);
    queue.barrier_through(someone);

    EXPECT_EQ(queue.abandon(life + 1).size(), 4U);
    EXPECT_EQ(queue.entries_in_flight(), 0U);
    EXPECT_EQ(queue.queued_bytes(), 0U);
    EXPECT_FALSE(queue.is_own(own(1)));
    push(1);
    queue.pump();
    EXPECT_EQ(queue.take(own(1, life + 1)).size(), 1U);
}

}  // namespace
}  // namespace coord
