#include "coord/raft/bell.hpp"

#include "tests/support/run_until.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <optional>
#include <thread>

namespace coord {
namespace {

TEST(Bell, what_another_thread_wrote_before_ringing_is_seen) {
    boost::asio::io_context io;
    std::atomic<int> written = 0;
    int seen = 0;
    Bell bell(io, [&] { seen = written.load(std::memory_order_acquire); });

    std::thread other([&] {
        for (int i = 1; i <= 1000; ++i) {
            written.store(i, std::memory_order_release);
            bell.ring();
        }
    });

    EXPECT_TRUE(run_until(io, [&] { return seen == 1000; }));
    other.join();
}

TEST(Bell, rung_many_times_before_it_is_heard_it_is_heard_once) {
    boost::asio::io_context io;
    int heard = 0;
    Bell bell(io, [&] { ++heard; });

    for (int i = 0; i < 10; ++i) bell.ring();
    EXPECT_TRUE(run_until(io, [&] { return heard > 0; }));
    io.poll();

    EXPECT_EQ(heard, 1);
}

TEST(Bell, is_not_heard_once_it_is_gone) {
    boost::asio::io_context io;
    int heard = 0;
    std::optional<Bell> bell(std::in_place, io, [&] { ++heard; });

    bell->ring();
    bell.reset();
    io.run();  // Nothing keeps the loop.

    EXPECT_EQ(heard, 0);
}

}  // namespace
}  // namespace coord
