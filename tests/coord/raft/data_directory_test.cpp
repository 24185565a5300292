#include "coord/raft/data_directory.hpp"

#include "tests/support/log_entries.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <stdexcept>
#include <string>

namespace coord {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr std::size_t segment_bytes = 4096;

// As a member leaves it that has led in term 2 and written entries up to `last`.
void live(const fs::path& path, std::uint64_t last) {
    DataDirectory directory(path, "here", segment_bytes);
    directory.metadata().save({Term{2}, directory.metadata().id()});
    const auto have = directory.log().last();
    directory.log().append(next(have), Term{1}, numbered_entries(number(have) + 1, last, Term{2}));
    directory.log().sync();
}

void write_snapshot(const fs::path& path, std::uint64_t index) {
    const auto configuration = encode_configuration({{MemberId{1}, "here", MemberRole::voter}});
    SnapshotFileWriter writer(path / "raft" / "snapshots",
                              {Index{index}, Term{2}, Index{1}, configuration});
    writer.finish();
}

std::string refusal(const fs::path& path) {
    try {
        const DataDirectory directory(path, "here", segment_bytes);
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "none";
}

TEST(DataDirectory, an_empty_one_becomes_a_cluster_of_one) {
    const TemporaryDirectory path;
    DataDirectory directory(path / "data", "here", segment_bytes);

    const auto& restored = directory.restored();
    ASSERT_EQ(restored.entries.size(), 1U);
    EXPECT_EQ(decode_configuration(restored.entries[0].view()),
              (std::vector<Member>{{directory.metadata().id(), "here", MemberRole::voter}}));
    EXPECT_EQ(restored.vote.term, Term{1});
    EXPECT_EQ(fs::status(path / "data").permissions(), fs::perms::owner_all);
    EXPECT_EQ(fs::status(path / "data/raft").permissions(), fs::perms::owner_all);
}

TEST(DataDirectory, a_first_start_that_was_cut_short_is_done_again) {
    const TemporaryDirectory path;
    const auto id = DataDirectory(path.path(), "here", segment_bytes).metadata().id();

    DataDirectory again(path.path(), "here", segment_bytes);

    EXPECT_EQ(again.metadata().id(), id);
    EXPECT_EQ(again.restored().entries.size(), 1U);
    EXPECT_EQ(again.restored().vote.term, Term{1});
}

TEST(DataDirectory, is_used_by_one_process_at_a_time) {
    const TemporaryDirectory path;
    DataDirectory first(path.path(), "here", segment_bytes);
    EXPECT_THAT(refusal(path.path()),
                HasSubstr("data directory " + path.path().string() + " is in use by pid "));

    first.unlock();

    EXPECT_EQ(refusal(path.path()), "none");
}

TEST(DataDirectory, has_vote_and_entries_again) {
    const TemporaryDirectory path;
    live(path.path(), 10);

    DataDirectory directory(path.path(), "here", segment_bytes);

    EXPECT_EQ(directory.restored().vote.term, Term{2});
    EXPECT_EQ(directory.restored().entries.size(), 10U);
    EXPECT_GT(directory.bytes_since_snapshot(), 9U * 50U);
}

TEST(DataDirectory, counts_only_the_log_that_no_snapshot_contains) {
    const TemporaryDirectory path;
    live(path.path(), 10);
    write_snapshot(path.path(), 9);

    DataDirectory directory(path.path(), "here", segment_bytes);

    EXPECT_EQ(directory.bytes_since_snapshot(), record_size(numbered_entry(10, Term{2})));
    EXPECT_EQ(directory.restored().snapshot->index, Index{9});
    EXPECT_EQ(*directory.restored().entries[9].bytes, *numbered_entry(10, Term{2}).bytes);
}

TEST(DataDirectory, a_log_that_ends_before_the_snapshot_goes_on_behind_it) {
    const TemporaryDirectory path;
    live(path.path(), 10);
    write_snapshot(path.path(), 50);

    DataDirectory directory(path.path(), "here", segment_bytes);

    EXPECT_EQ(directory.restored().first, Index{51});
    EXPECT_TRUE(directory.restored().entries.empty());
    EXPECT_EQ(directory.log().last(), Index{50});
}

TEST(DataDirectory, parts_that_do_not_belong_together_are_refused) {
    struct Case {
        std::function<void(const fs::path&)> damage;
        std::string reason;
    };
    const std::vector<Case> cases{
        {[](const fs::path& p) { fs::remove(p / "raft/meta"); }, "term and vote are missing"},
        {[](const fs::path& p) { fs::remove_all(p / "raft/log"); }, "the log is missing"},
        {[](const fs::path& p) {
             MetadataStore(p / "raft/meta").save({Term{1}, {}});
         },
         "the term is older than the log"},
        {[](const fs::path& p) {
             const auto log = p / "raft/log/00000000000000000001";
             File file(log, File::Mode::update);
             file.zero(SegmentHeader::size, file.size());
         },
         "the log has lost its entries"},
        {[](const fs::path& p) {
             write_snapshot(p, 9);
             fs::remove(p / "raft/meta");
             fs::remove_all(p / "raft/log");
         },
         "term and vote are missing"},
        {[](const fs::path& p) {
             write_snapshot(p, 9);
             fs::remove(p / "raft/meta");
             fs::remove_all(p / "raft/log");
             const MetadataStore anew(p / "raft/meta");
         },
         "the log is missing"},
        {[](const fs::path& p) {
             const auto log = p / "raft/log/00000000000000000001";
             File(log, File::Mode::update)
                 .write_at(0, encode(SegmentHeader{Index{5}, Term{1}, false, 1, segment_bytes}));
             File file(log, File::Mode::update);
             file.zero(SegmentHeader::size, file.size());
         },
         "the log begins with entry 5, but the newest snapshot ends with 0"},
    };
    for (const auto& [damage, reason] : cases) {
        const TemporaryDirectory path;
        live(path.path(), 10);
        damage(path.path());

        EXPECT_THAT(refusal(path.path()), HasSubstr(reason));
        EXPECT_THAT(refusal(path.path()), HasSubstr("Nothing was changed"));
    }
}

TEST(DataDirectory, an_empty_one_can_wait_for_a_cluster_to_take_it_in) {
    const TemporaryDirectory path;
    const auto id =
        DataDirectory(path.path(), "here", segment_bytes, WhenEmpty::wait).metadata().id();

    DataDirectory again(path.path(), "here", segment_bytes, WhenEmpty::wait);

    EXPECT_EQ(again.metadata().id(), id);
    EXPECT_TRUE(again.restored().entries.empty());
    again.metadata().save({Term{5}, MemberId{0}});
    again.unlock();
    EXPECT_NO_THROW(DataDirectory(path.path(), "here", segment_bytes, WhenEmpty::wait))
        << "it has heard of a term, but of no entry yet";
}

TEST(DataDirectory, a_log_that_differs_from_the_snapshot_gives_way_to_it) {
    const TemporaryDirectory path;
    {
        DataDirectory directory(path.path(), "here", segment_bytes);
        directory.metadata().save({Term{2}, MemberId{0}});
        directory.log().append(Index{2}, Term{1}, numbered_entries(2, 20));
        directory.log().sync();
    }
    write_snapshot(path.path(), 10);  // of term 2

    DataDirectory directory(path.path(), "here", segment_bytes);

    EXPECT_EQ(directory.restored().first, Index{11});
    EXPECT_TRUE(directory.restored().entries.empty());
}

TEST(DataDirectory, a_cluster_of_one_has_an_id_of_its_own_that_stays) {
    const TemporaryDirectory one;
    const TemporaryDirectory other;
    const auto founding = DataDirectory(one.path(), "here", segment_bytes).founding().value();

    EXPECT_EQ(DataDirectory(one.path(), "here", segment_bytes).founding(), founding);
    EXPECT_NE(DataDirectory(other.path(), "here", segment_bytes).founding(), founding);
}

TEST(DataDirectory, a_founder_begins_its_log_with_the_founders) {
    const TemporaryDirectory path;
    Founding founding{ClusterId{7}, {}};
    {
        DataDirectory directory(path.path(), "a:1", segment_bytes, WhenEmpty::wait);
        EXPECT_EQ(directory.founding(), std::nullopt);
        founding.founders = {{directory.metadata().id(), "a:1", MemberRole::voter},
                             {MemberId{1}, "b:1", MemberRole::voter}};
        directory.found(founding);
        EXPECT_EQ(directory.restored().vote.term, Term{1});
    }

    DataDirectory again(path.path(), "a:1", segment_bytes, WhenEmpty::wait);

    EXPECT_EQ(again.founding(), founding);
    ASSERT_EQ(again.restored().entries.size(), 1U);
    EXPECT_EQ(decode_configuration(again.restored().entries[0].view()), founding.founders);
    EXPECT_EQ(again.restored().vote.term, Term{1});
}

TEST(DataDirectory, a_founding_that_was_cut_short_is_gone_on_with) {
    const TemporaryDirectory path;
    const auto id =
        DataDirectory(path.path(), "a:1", segment_bytes, WhenEmpty::wait).metadata().id();
    const Founding founding{ClusterId{7}, {{id, "a:1", MemberRole::voter}}};
    write_founding(path / "raft/cluster", founding);

    DataDirectory directory(path.path(), "a:1", segment_bytes, WhenEmpty::wait);

    EXPECT_EQ(directory.restored().entries.size(), 1U);
    EXPECT_EQ(directory.restored().vote.term, Term{1});
}

TEST(DataDirectory, who_was_added_later_begins_with_nothing) {
    const TemporaryDirectory path;
    const Founding founding{ClusterId{7}, {{MemberId{1}, "b:1", MemberRole::voter}}};
    DataDirectory(path.path(), "a:1", segment_bytes, WhenEmpty::wait).found(founding);

    DataDirectory again(path.path(), "a:1", segment_bytes, WhenEmpty::wait);

    EXPECT_EQ(again.founding(), founding);
    EXPECT_TRUE(again.restored().entries.empty());
    EXPECT_EQ(again.restored().vote.term, Term{0});
}

TEST(DataDirectory, one_from_before_clusters_had_an_id_gets_one) {
    const TemporaryDirectory path;
    live(path.path(), 5);
    fs::remove(path / "raft/cluster");

    const auto founding = DataDirectory(path.path(), "here", segment_bytes).founding();

    ASSERT_TRUE(founding.has_value());
    EXPECT_NE(founding->cluster, ClusterId{0});
    EXPECT_TRUE(founding->founders.empty());
    EXPECT_EQ(DataDirectory(path.path(), "here", segment_bytes).founding(), founding);
}

}  // namespace
}  // namespace coord
