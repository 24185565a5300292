#include "coord/raft/snapshot_taker.hpp"

#include "tests/support/temporary_directory.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace coord {
namespace {

using std::chrono_literals::operator""s;

const SnapshotMetadata metadata{Index{5}, Term{2}, Index{1}, "configuration"};

// Counts down; each item is one byte.
SnapshotTaker::Slices items(std::size_t count, std::size_t& slices) {
    return [left = count, &slices](std::string& out, std::size_t wanted) mutable {
        ++slices;
        const auto now = std::min(left, wanted);
        out.append(now, 'x');
        left -= now;
        return left > 0;
    };
}

bool run_until(boost::asio::io_context& io, const std::optional<bool>& done) {
    const auto work = boost::asio::make_work_guard(io);  // some of it is on another thread
    const auto deadline = std::chrono::steady_clock::now() + 20s;
    while (!done && std::chrono::steady_clock::now() < deadline) io.run_one_for(1s);
    return done.has_value();
}

TEST(SnapshotTaker, takes_slice_after_slice_and_then_it_is_on_disk) {
    const TemporaryDirectory directory;
    boost::asio::io_context io;
    SnapshotTaker taker(io, directory.path(), 10);
    std::size_t slices = 0;
    std::optional<bool> done;

    taker.take(metadata, items(95, slices), [&](bool good) { done = good; });
    EXPECT_TRUE(taker.is_taking());
    ASSERT_TRUE(run_until(io, done));

    EXPECT_TRUE(*done);
    EXPECT_FALSE(taker.is_taking());
    EXPECT_EQ(slices, 10U);
    auto reader = open_newest_snapshot(directory.path()).value();
    std::string all;
    for (std::string chunk; reader.next(chunk);) all += chunk;
    EXPECT_EQ(all, std::string(95, 'x'));
}

TEST(SnapshotTaker, other_events_have_their_turn_between_two_slices) {
    const TemporaryDirectory directory;
    boost::asio::io_context io;
    SnapshotTaker taker(io, directory.path(), 1);
    std::size_t slices = 0;
    std::optional<bool> done;
    std::optional<std::size_t> slices_before_event;

    taker.take(metadata, items(100, slices), [&](bool good) { done = good; });
    boost::asio::post(io, [&] { slices_before_event = slices; });
    ASSERT_TRUE(run_until(io, done));

    EXPECT_LE(slices_before_event.value(), 3U);
}

TEST(SnapshotTaker, one_that_cannot_be_written_is_given_up) {
    const TemporaryDirectory directory;
    boost::asio::io_context io;
    SnapshotTaker taker(io, directory / "none", 10);
    std::size_t slices = 0;
    std::optional<bool> done;

    taker.take(metadata, items(95, slices), [&](bool good) { done = good; });
    ASSERT_TRUE(run_until(io, done));

    EXPECT_FALSE(*done);
    EXPECT_EQ(slices, 1U);
    EXPECT_FALSE(taker.is_taking());
}

TEST(SnapshotTaker, after_a_stop_nothing_is_called) {
    const TemporaryDirectory directory;
    boost::asio::io_context io;
    std::size_t slices = 0;
    bool called = false;
    {
        SnapshotTaker taker(io, directory.path(), 1);
        taker.take(metadata, items(100, slices), [&](bool) { called = true; });
        taker.stop();
    }
    io.run();

    EXPECT_FALSE(called);
    EXPECT_EQ(slices, 1U);
    EXPECT_FALSE(open_newest_snapshot(directory.path()));
}

TEST(SnapshotTaker, keeps_a_spare_segment_ready) {
    const TemporaryDirectory directory;
    boost::asio::io_context io;
    SnapshotTaker taker(io, directory.path(), 1);

    taker.prepare_spare(directory.path(), 10'000);
    taker.stop();

    EXPECT_EQ(std::filesystem::file_size(directory / "spare"), 10'000U);
}

}  // namespace
}  // namespace coord
