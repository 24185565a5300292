#include "coord/raft/log_store.hpp"

#include "tests/support/log_entries.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <iterator>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <vector>

namespace coord {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t segment_bytes = 4096;

std::vector<fs::path> segments_in(const fs::path& directory) {
    std::vector<fs::path> files;
    for (const auto& file : fs::directory_iterator(directory)) {
        if (file.path().filename().string().size() == 20) files.push_back(file.path());
    }
    std::sort(files.begin(), files.end());
    return files;
}

std::string content(const fs::path& path) {
    const File file(path, File::Mode::read);
    return file.read(0, file.size());
}

LogContents reopen(const fs::path& directory) {
    return LogStore(directory, segment_bytes).open(Index{1});
}

// Writes entries one by one, each on disk before the next.
void write_log(const fs::path& directory, std::uint64_t last, std::size_t length = 50) {
    LogStore store(directory, segment_bytes);
    store.open(Index{1});
    for (std::uint64_t i = 1; i <= last; ++i) {
        const auto entry = numbered_entry(i, Term{1}, length);
        store.append(Index{i}, Term{i == 1 ? 0U : 1U}, {&entry, 1});
        store.sync();
    }
}

// Writing beyond it fails, as on a disk that is full.
class FileSizeLimit {
public:
    explicit FileSizeLimit(rlim_t bytes) {
        getrlimit(RLIMIT_FSIZE, &before_);
        const rlimit lower{bytes, before_.rlim_max};
        setrlimit(RLIMIT_FSIZE, &lower);
    }
    ~FileSizeLimit() {
        setrlimit(RLIMIT_FSIZE, &before_);
        std::signal(SIGXFSZ, handler_);
    }
    FileSizeLimit(const FileSizeLimit&) = delete;
    FileSizeLimit& operator=(const FileSizeLimit&) = delete;

private:
    rlimit before_{};
    void (*handler_)(int) = std::signal(SIGXFSZ, SIG_IGN);
};

void expect_refusal(const fs::path& directory, const std::string& reason) {
    std::vector<std::string> before;
    for (const auto& file : segments_in(directory)) before.push_back(content(file));
    try {
        reopen(directory);
        ADD_FAILURE() << "was opened";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr(directory.string()));
        EXPECT_THAT(error.what(), HasSubstr(reason));
        EXPECT_THAT(error.what(), HasSubstr("Nothing was changed"));
    }
    std::vector<std::string> after;
    for (const auto& file : segments_in(directory)) after.push_back(content(file));
    EXPECT_EQ(before, after);
}

TEST(LogStore, an_empty_directory_is_a_new_log) {
    const TemporaryDirectory directory;

    const auto contents = reopen(directory / "log");

    EXPECT_TRUE(contents.is_new);
    EXPECT_EQ(contents.first, Index{1});
    EXPECT_TRUE(contents.entries.empty());
}

TEST(LogStore, what_was_synced_is_there_again) {
    const TemporaryDirectory directory;
    const auto entries = numbered_entries(1, 500);
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        store.append(Index{1}, Term{0}, entries);
        store.sync();
        EXPECT_GT(store.segments(), 5U);
    }
    const auto contents = reopen(directory.path());

    EXPECT_EQ(contents.first, Index{1});
    EXPECT_EQ(bytes_of(contents.entries), bytes_of(entries));
}

TEST(LogStore, goes_on_where_it_ended) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 10);
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        EXPECT_EQ(store.last(), Index{10});
        store.append(Index{11}, Term{1}, numbered_entries(11, 20, Term{2}));
        store.sync();
    }
    const auto contents = reopen(directory.path());

    ASSERT_EQ(contents.entries.size(), 20U);
    EXPECT_EQ(contents.entries[9].term, Term{1});
    EXPECT_EQ(contents.entries[19].term, Term{2});
}

TEST(LogStore, leaves_out_the_bytes_that_nobody_asked_for) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 10);

    const auto contents = LogStore(directory.path(), segment_bytes).open(Index{8});

    EXPECT_EQ(*contents.entries[6].bytes, "");
    EXPECT_EQ(*contents.entries[7].bytes, *numbered_entry(8).bytes);
}

TEST(LogStore, an_entry_larger_than_a_segment_gets_one_of_its_size) {
    const TemporaryDirectory directory;
    const std::vector<LogEntry> entries{
        numbered_entry(1), numbered_entry(2, Term{1}, 1U << 20U), numbered_entry(3)};
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, entries);
    store.sync();

    EXPECT_EQ(bytes_of(reopen(directory.path()).entries), bytes_of(entries));
}

TEST(LogStore, a_replaced_suffix_is_gone_also_over_several_segments) {
    const TemporaryDirectory directory;
    auto wanted = numbered_entries(1, 120);
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        store.append(Index{1}, Term{0}, numbered_entries(1, 300));
        store.sync();
        store.append(Index{201}, Term{1}, numbered_entries(201, 210, Term{2}));
        store.append(Index{121}, Term{1}, numbered_entries(121, 130, Term{3}));
        store.sync();
    }
    const auto contents = reopen(directory.path());

    const auto end = numbered_entries(121, 130, Term{3});
    wanted.insert(wanted.end(), end.begin(), end.end());
    EXPECT_EQ(bytes_of(contents.entries), bytes_of(wanted));
}

TEST(LogStore, gives_up_segments_that_are_no_longer_needed) {
    const TemporaryDirectory directory;
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        store.append(Index{1}, Term{0}, numbered_entries(1, 300));
        store.sync();
        const auto before = store.segments();
        store.discard_through(Index{200});
        EXPECT_LT(store.segments(), before);
        store.append(Index{301}, Term{1}, numbered_entries(301, 310));
        store.sync();
    }
    const auto contents = reopen(directory.path());

    EXPECT_GT(contents.first, Index{1});
    EXPECT_LE(contents.first, Index{201});
    EXPECT_EQ(number(contents.first) + contents.entries.size(), 311U);
    EXPECT_EQ(contents.previous_term, Term{1});
}

TEST(LogStore, the_open_segment_is_never_given_up) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, numbered_entries(1, 300));
    store.sync();

    store.discard_through(Index{300});

    EXPECT_EQ(store.segments(), 1U);
    EXPECT_EQ(reopen(directory.path()).entries.size() + number(reopen(directory.path()).first),
              301U);
}

TEST(LogStore, a_segment_given_up_is_used_again_and_blank) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, numbered_entries(1, 300));
    store.sync();
    store.discard_through(Index{300});

    prepare_spare(directory.path(), segment_bytes);

    EXPECT_EQ(content(directory / "spare"), std::string(segment_bytes, '\0'));
    const fs::directory_iterator files(directory.path());
    EXPECT_EQ(std::distance(begin(files), end(files)), 2);  // the spare, and the open segment

    store.append(Index{301}, Term{1}, numbered_entries(301, 400));
    store.sync();
    EXPECT_FALSE(fs::exists(directory / "spare"));
    EXPECT_EQ(number(reopen(directory.path()).first) + reopen(directory.path()).entries.size(),
              401U);
}

TEST(LogStore, a_spare_that_is_too_small_is_not_used) {
    const TemporaryDirectory directory;
    prepare_spare(directory.path(), 64);
    write_log(directory.path(), 200);

    EXPECT_EQ(reopen(directory.path()).entries.size(), 200U);
}

TEST(LogStore, a_restart_behind_a_snapshot_forgets_all_before_it) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 30);
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        store.restart(Index{1001}, Term{7});
        store.append(Index{1001}, Term{7}, numbered_entries(1001, 1002, Term{7}));
        store.sync();
    }
    const auto contents = reopen(directory.path());

    EXPECT_EQ(contents.first, Index{1001});
    EXPECT_EQ(contents.previous_term, Term{7});
    EXPECT_EQ(contents.entries.size(), 2U);
}

TEST(LogStore, a_torn_last_record_is_cut_off_wherever_it_was_torn) {
    const TemporaryDirectory whole;
    write_log(whole.path(), 20);
    const auto file = segments_in(whole.path()).back();
    const auto bytes = content(file);
    const auto end = bytes.find_last_not_of('\0') + 1;
    const auto begin = end - 32 - 50;  // a record without its padding
    for (auto cut = begin + 1; cut < end; ++cut) {
        const TemporaryDirectory directory;
        auto torn = bytes;
        torn.replace(cut, end - cut, end - cut, '\0');
        File(directory / file.filename().string(), File::Mode::create).write_at(0, torn);

        LogStore store(directory.path(), segment_bytes);
        ASSERT_EQ(store.open(Index{1}).entries.size(), 19U) << cut;
        EXPECT_GT(store.torn_bytes(), 0U);
        const auto entry = numbered_entry(20, Term{2});
        store.append(Index{20}, Term{1}, {&entry, 1});
        store.sync();

        const auto contents = reopen(directory.path());
        ASSERT_EQ(contents.entries.size(), 20U) << cut;
        EXPECT_EQ(contents.entries.back().term, Term{2});
    }
}

TEST(LogStore, a_flipped_bit_in_the_middle_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 20);
    const auto file = segments_in(directory.path()).back();
    const auto bytes = content(file);
    for (const std::size_t at : {41U, 60U, 100U, 500U, 900U}) {
        auto damaged = bytes;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        File(file, File::Mode::update).write_at(0, damaged);
        expect_refusal(directory.path(), "the log is damaged at byte");
    }
}

TEST(LogStore, damage_in_any_but_the_last_segment_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    const auto files = segments_in(directory.path());
    ASSERT_GE(files.size(), 3U);
    auto bytes = content(files[1]);
    const auto end = bytes.find_last_not_of('\0');
    bytes[end] = static_cast<char>(bytes[end] ^ 1);
    File(files[1], File::Mode::update).write_at(0, bytes);

    expect_refusal(directory.path(), "the log is damaged at byte");
}

TEST(LogStore, records_that_vanished_from_an_earlier_segment_are_missed) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    const auto files = segments_in(directory.path());
    File file(files[1], File::Mode::update);
    file.zero(SegmentHeader::size, file.size());

    expect_refusal(directory.path(), "entries of the log before this segment are missing");
}

TEST(LogStore, a_missing_segment_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    fs::remove(segments_in(directory.path())[1]);

    expect_refusal(directory.path(), "this segment of the log is missing");
}

TEST(LogStore, a_segment_with_a_damaged_header_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    File(segments_in(directory.path())[2], File::Mode::update).write_at(9, "x");

    expect_refusal(directory.path(), "the header of this segment of the log is damaged");
}

TEST(LogStore, a_segment_of_another_log_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    const auto last = segments_in(directory.path()).back();
    auto header = decode_header(content(last)).value();
    header.previous_term = Term{9};
    File(last, File::Mode::update).write_at(0, encode(header));

    expect_refusal(directory.path(), "does not continue the log before it");
}

TEST(LogStore, a_segment_that_was_cut_short_is_refused) {
    const TemporaryDirectory directory;
    write_log(directory.path(), 100);
    // At the end of a record, so that nothing else tells.
    const auto last = segments_in(directory.path()).back();
    const auto bytes = content(last);
    const auto scan = scan_segment(bytes, decode_header(bytes).value(), Index{1});
    fs::resize_file(last, scan.records.front().end);

    expect_refusal(directory.path(), "but was made with 4096");
}

TEST(LogStore, a_blank_segment_that_the_disk_has_no_room_for_leaves_nothing_behind) {
    const TemporaryDirectory directory;
    const FileSizeLimit limit(1U << 20U);

    EXPECT_THROW(prepare_spare(directory.path(), 8U << 20U), std::system_error);

    EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(LogStore, reads_entries_by_their_index_across_segments) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    for (std::uint64_t i = 1; i <= 300; ++i) {
        const auto entry = numbered_entry(i);
        store.append(Index{i}, Term{i == 1 ? 0U : 1U}, {&entry, 1});
    }

    EXPECT_EQ(bytes_of(store.read(Index{1}, 300, 1 << 20)), bytes_of(numbered_entries(1, 300)));
    EXPECT_EQ(bytes_of(store.read(Index{150}, 3, 1 << 20)), bytes_of(numbered_entries(150, 152)));
    EXPECT_EQ(bytes_of(store.read(Index{299}, 50, 1 << 20)), bytes_of(numbered_entries(299, 300)));
    EXPECT_TRUE(store.read(Index{301}, 1, 1 << 20).empty());
    store.reopen(Index{1});
    EXPECT_EQ(bytes_of(store.read(Index{40}, 100, 1 << 20)), bytes_of(numbered_entries(40, 139)));
}

TEST(LogStore, reads_what_took_the_place_of_a_suffix) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, numbered_entries(1, 20));
    store.append(Index{11}, Term{1}, numbered_entries(11, 15, Term{2}));

    auto wanted = bytes_of(numbered_entries(1, 10));
    for (auto& bytes : bytes_of(numbered_entries(11, 15, Term{2}))) wanted.push_back(bytes);

    EXPECT_EQ(bytes_of(store.read(Index{1}, 100, 1 << 20)), wanted);
}

TEST(LogStore, a_read_is_bounded_by_bytes_but_yields_at_least_one_entry) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), std::size_t{1} << 20U);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, numbered_entries(1, 10, Term{1}, 100'000));

    EXPECT_EQ(store.read(Index{2}, 9, 1).size(), 1U);
    EXPECT_LT(store.read(Index{2}, 9, 250'000).size(), 5U);
}

TEST(LogStore, what_a_snapshot_made_superfluous_cannot_be_read) {
    const TemporaryDirectory directory;
    LogStore store(directory.path(), segment_bytes);
    store.open(Index{1});
    store.append(Index{1}, Term{0}, numbered_entries(1, 300));
    store.sync();
    store.discard_through(Index{200});

    EXPECT_TRUE(store.read(Index{5}, 10, 1 << 20).empty());
    EXPECT_EQ(store.read(Index{201}, 10, 1 << 20).size(), 10U);
}

TEST(LogStore, an_empty_log_of_a_member_that_waits_says_so_until_it_is_used) {
    const TemporaryDirectory directory;
    {
        LogStore store(directory.path(), segment_bytes);
        EXPECT_TRUE(store.open(Index{1}).is_new);
        store.restart(Index{1}, Term{0});
    }
    EXPECT_TRUE(reopen(directory.path()).is_unused);
    {
        LogStore store(directory.path(), segment_bytes);
        store.open(Index{1});
        store.append(Index{1}, Term{0}, numbered_entries(1, 1));
        store.sync();
    }
    EXPECT_FALSE(reopen(directory.path()).is_unused);
}

}  // namespace
}  // namespace coord
