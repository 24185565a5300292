#include "coord/raft/log_writer.hpp"

#include "tests/support/log_entries.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <csignal>
#include <future>
#include <sys/resource.h>
#include <utility>

namespace coord {
namespace {

constexpr std::size_t segment_bytes = std::size_t{1} << 16U;

LogStore opened(const TemporaryDirectory& directory) {
    LogStore store(directory / "log", segment_bytes);
    store.open(Index{1});
    return store;
}

TEST(LogWriter, says_what_is_on_disk_and_it_is) {
    const TemporaryDirectory directory;
    LogCounters counters;
    std::atomic<std::uint64_t> written = 0;
    LogWriter writer(opened(directory), counters, {[&](auto n) { written = n; }, [] {}});
    for (std::uint64_t i = 1; i <= 100; ++i) {
        writer.append({i, Index{i}, Term{i == 1 ? 0U : 1U}, numbered_entries(i, i)});
    }

    writer.stop();

    EXPECT_EQ(written, 100U);
    EXPECT_EQ(counters.entries.value(), 100U);
    EXPECT_EQ(bytes_of(LogStore(directory / "log", segment_bytes).open(Index{1}).entries),
              bytes_of(numbered_entries(1, 100)));
}

TEST(LogWriter, what_arrives_during_a_write_is_written_together) {
    const TemporaryDirectory directory;
    LogCounters counters;
    std::promise<void> is_writing;
    std::promise<void> go_on;
    bool first = true;
    const auto written = [&](std::uint64_t) {
        if (!std::exchange(first, false)) return;
        is_writing.set_value();
        go_on.get_future().wait();
    };
    LogWriter writer(opened(directory), counters, {written, [] {}});
    writer.append({1, Index{1}, Term{0}, numbered_entries(1, 1)});
    is_writing.get_future().wait();
    for (std::uint64_t i = 2; i <= 50; ++i) {
        writer.append({i, Index{i}, Term{1}, numbered_entries(i, i)});
    }

    go_on.set_value();
    writer.stop();

    EXPECT_EQ(counters.groups.value(), 2U);
    EXPECT_EQ(counters.syncs.value(), 2U);
    EXPECT_EQ(counters.entries.value(), 50U);
}

TEST(LogWriter, tells_when_segments_change) {
    const TemporaryDirectory directory;
    LogCounters counters;
    std::atomic<int> changes = 0;
    LogWriter writer(opened(directory), counters, {[](auto) {}, [&] { ++changes; }});
    writer.append({1, Index{1}, Term{0}, numbered_entries(1, 5000)});
    writer.discard_through(Index{4000});

    writer.stop();

    EXPECT_GE(changes, 1);
    EXPECT_GT(LogStore(directory / "log", segment_bytes).open(Index{1}).first, Index{1});
}

TEST(LogWriter, reads_restarts_and_reopens_in_turn_with_the_appends) {
    const TemporaryDirectory directory;
    LogCounters counters;
    std::vector<LogEntry> read;
    LogContents before;
    LogContents after;
    bool restarted = false;
    LogWriter writer(opened(directory), counters, {[](auto) {}, [] {}});

    writer.append({1, Index{1}, Term{0}, numbered_entries(1, 10)});
    writer.read(Index{3}, 2, 1 << 20, [&](std::vector<LogEntry> entries) { read = entries; });
    writer.reopen(Index{1}, [&](LogContents contents) { before = std::move(contents); });
    writer.restart(Index{101}, Term{7}, [&] { restarted = true; });
    writer.reopen(Index{1}, [&](LogContents contents) { after = std::move(contents); });
    writer.stop();

    EXPECT_EQ(bytes_of(read), bytes_of(numbered_entries(3, 4)));
    EXPECT_EQ(before.entries.size(), 10U);
    EXPECT_TRUE(restarted);
    EXPECT_EQ(after.first, Index{101});
    EXPECT_TRUE(after.entries.empty());
}

// A file may not grow beyond the limit: for this process, the disk is full.
void fill_the_disk(const TemporaryDirectory& directory) {
    std::signal(SIGXFSZ, SIG_IGN);
    LogCounters counters;
    LogWriter writer(opened(directory), counters, {[](auto) {}, [] {}});
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    writer.append({1, Index{1}, Term{0}, numbered_entries(1, 5000)});
    writer.stop();
}

TEST(LogWriterDeathTest, a_full_disk_ends_the_process_with_one_line) {
    testing::GTEST_FLAG(death_test_style) = "threadsafe";
    const TemporaryDirectory directory;

    EXPECT_EXIT(fill_the_disk(directory),
                testing::ExitedWithCode(1),
                "critical \\[coord.raft\\] cannot write .*: File too large");
}

}  // namespace
}  // namespace coord
