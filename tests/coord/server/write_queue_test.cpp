#include "coord/server/write_queue.hpp"

#include <boost/system/errc.hpp>
#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

struct WriteQueueTest : testing::Test {
    Result<WriteQueue::Position> propose(std::string entry) {
        if (refusal) return refusal;
        entries.push_back(std::move(entry));
        return position(entries.size());
    }
    static WriteQueue::Position position(std::size_t index) { return {Index{index}, Term{7}}; }

    void push(int count, std::string_view body = "x") {
        for (int i = 0; i < count; ++i) {
            Command command;
            command.op = OpCode::set_data;
            command.body = body;
            queue.push(command, someone);
        }
    }
    static std::size_t commands_in(std::string_view entry) {
        Decoder in(entry);
        std::size_t count = 0;
        for (; !in.rest().empty(); ++count) decode_command(in);
        return count;
    }

    std::vector<std::string> entries;
    Error refusal;
    std::shared_ptr<Conversation> someone = std::make_shared<Conversation>();
    WriteQueue queue{[this](std::string entry) { return propose(std::move(entry)); }};
};

TEST_F(WriteQueueTest, an_idle_queue_sends_a_turns_writes_at_once_in_one_entry) {
    push(3);
    EXPECT_TRUE(entries.empty());

    EXPECT_TRUE(queue.pump());

    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(commands_in(entries[0]), 3U);
    EXPECT_EQ(queue.queued_bytes(), 0U);
}

TEST_F(WriteQueueTest, what_comes_while_an_entry_is_under_way_is_packed_into_the_next) {
    push(1);
    queue.pump();
    push(2);
    queue.pump();
    push(3);
    queue.pump();
    EXPECT_EQ(entries.size(), 1U);

    EXPECT_EQ(queue.take(position(1)).size(), 1U);
    queue.pump();

    ASSERT_EQ(entries.size(), 2U);
    EXPECT_EQ(commands_in(entries[1]), 5U);
    EXPECT_EQ(queue.take(position(2)).size(), 5U);
}

TEST_F(WriteQueueTest, full_entries_follow_each_other_four_at_most) {
    push(1 + 128 * 6);
    queue.pump();

    ASSERT_EQ(entries.size(), WriteQueue::entries_in_flight_max);
    for (const auto& entry : entries) EXPECT_EQ(commands_in(entry), 128U);

    queue.take(position(1));
    queue.pump();
    EXPECT_EQ(entries.size(), 5U);
}

TEST_F(WriteQueueTest, an_entry_is_full_by_its_bytes_too) {
    push(10, std::string(20'000, 'x'));
    queue.pump();

    EXPECT_EQ(commands_in(entries.at(0)), 4U);
    EXPECT_EQ(entries.size(), 2U);
}

TEST_F(WriteQueueTest, a_barrier_keeps_its_place_among_the_writes) {
    EXPECT_FALSE(queue.barrier(someone));

    push(1);
    EXPECT_TRUE(queue.barrier(someone));
    push(1);
    queue.pump();
    EXPECT_TRUE(queue.barrier(someone));

    const auto tickets = queue.take(position(1));
    ASSERT_EQ(tickets.size(), 4U);
    EXPECT_FALSE(tickets[0].is_barrier);
    EXPECT_TRUE(tickets[1].is_barrier);
    EXPECT_FALSE(tickets[2].is_barrier);
    EXPECT_TRUE(tickets[3].is_barrier);
    EXPECT_FALSE(queue.barrier(someone));
}

TEST_F(WriteQueueTest, an_entry_of_somebody_else_takes_no_tickets) {
    push(1);
    queue.pump();

    EXPECT_TRUE(queue.take({Index{1}, Term{6}}).empty());
    EXPECT_TRUE(queue.take({Index{2}, Term{7}}).empty());
    EXPECT_EQ(queue.take(position(1)).size(), 1U);
}

TEST_F(WriteQueueTest, a_full_log_is_tried_again_with_nothing_lost) {
    refusal = make_error_code(boost::system::errc::no_buffer_space);
    push(2);
    EXPECT_TRUE(queue.pump());

    refusal = {};
    EXPECT_TRUE(queue.pump());
    ASSERT_EQ(entries.size(), 1U);
    EXPECT_EQ(commands_in(entries[0]), 2U);
}

TEST_F(WriteQueueTest, who_does_not_lead_learns_it_and_gives_everybody_back) {
    push(1);
    queue.pump();
    push(2);
    queue.barrier(someone);
    queue.take(position(1));
    refusal = make_error_code(boost::system::errc::not_connected);

    EXPECT_FALSE(queue.pump());
    EXPECT_EQ(queue.abandon().size(), 3U);
    EXPECT_EQ(queue.entries_in_flight(), 0U);
    EXPECT_EQ(queue.queued_bytes(), 0U);
}

TEST_F(WriteQueueTest, a_new_leaders_first_entry_is_empty) {
    queue.push_empty_entry();
    queue.pump();

    EXPECT_EQ(entries, std::vector<std::string>{""});
    const auto tickets = queue.take(position(1));
    ASSERT_EQ(tickets.size(), 1U);
    EXPECT_TRUE(tickets[0].is_barrier);
    EXPECT_EQ(tickets[0].from, nullptr);
}

}  // namespace
}  // namespace coord
