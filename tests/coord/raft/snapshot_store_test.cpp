#include "coord/raft/snapshot_store.hpp"

#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace coord {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;

SnapshotMetadata metadata_of(std::uint64_t index) {
    return {Index{index}, Term{3}, Index{1}, "configuration"};
}

void write_snapshot(const fs::path& directory,
                    std::uint64_t index,
                    std::vector<std::string> chunks) {
    SnapshotFileWriter writer(directory, metadata_of(index));
    for (const auto& chunk : chunks) writer.write(chunk);
    writer.finish();
}

std::vector<std::string> read_all(SnapshotFileReader& reader) {
    std::vector<std::string> chunks;
    for (std::string chunk; reader.next(chunk);) chunks.push_back(chunk);
    return chunks;
}

TEST(SnapshotStore, a_new_directory_has_no_snapshot) {
    const TemporaryDirectory directory;

    EXPECT_FALSE(open_newest_snapshot(directory / "snapshots"));
    EXPECT_TRUE(fs::is_directory(directory / "snapshots"));
}

TEST(SnapshotStore, the_newest_comes_back_chunk_by_chunk) {
    const TemporaryDirectory directory;
    write_snapshot(directory.path(), 9, {"old"});
    write_snapshot(directory.path(), 100, {"one", "", std::string(100'000, 'x')});

    auto reader = open_newest_snapshot(directory.path()).value();

    EXPECT_EQ(reader.metadata().index, Index{100});
    EXPECT_EQ(reader.metadata().term, Term{3});
    EXPECT_EQ(reader.metadata().configuration_index, Index{1});
    EXPECT_EQ(reader.metadata().configuration, "configuration");
    EXPECT_THAT(read_all(reader), ElementsAre("one", std::string(100'000, 'x')));
}

TEST(SnapshotStore, the_last_two_are_kept) {
    const TemporaryDirectory directory;
    for (const auto index : {1U, 2U, 3U, 10U}) write_snapshot(directory.path(), index, {"x"});

    std::vector<std::string> names;
    for (const auto& file : fs::directory_iterator(directory.path())) {
        names.push_back(file.path().filename().string());
    }
    EXPECT_THAT(names,
                testing::UnorderedElementsAre("00000000000000000003.snapshot",
                                              "00000000000000000010.snapshot"));
}

TEST(SnapshotStore, one_that_was_not_finished_never_was) {
    const TemporaryDirectory directory;
    write_snapshot(directory.path(), 1, {"x"});
    {
        SnapshotFileWriter writer(directory.path(), metadata_of(2));
        writer.write("half");
    }
    auto reader = open_newest_snapshot(directory.path()).value();

    EXPECT_EQ(reader.metadata().index, Index{1});
    EXPECT_FALSE(fs::exists(directory / "unfinished"));
}

TEST(SnapshotStore, any_flipped_bit_is_found) {
    const TemporaryDirectory directory;
    write_snapshot(directory.path(), 1, {"first chunk", "second chunk"});
    const auto path = directory / "00000000000000000001.snapshot";
    const auto whole = File(path, File::Mode::read).read(0, 1000);
    for (std::size_t at = 0; at < whole.size(); ++at) {
        auto damaged = whole;
        damaged[at] = static_cast<char>(damaged[at] ^ 1);
        File(path, File::Mode::update).write_at(0, damaged);
        try {
            auto reader = open_newest_snapshot(directory.path()).value();
            read_all(reader);
            FAIL() << at;
        } catch (const std::runtime_error& error) {
            EXPECT_THAT(error.what(), HasSubstr(path.string() + ": this snapshot is damaged"));
        }
    }
}

TEST(SnapshotStore, a_file_that_was_cut_short_is_found) {
    const TemporaryDirectory directory;
    write_snapshot(directory.path(), 1, {"first chunk", "second chunk"});
    const auto path = directory / "00000000000000000001.snapshot";
    for (auto size = fs::file_size(path); size-- > 0;) {
        fs::resize_file(path, size);
        EXPECT_THROW(
            {
                auto reader = open_newest_snapshot(directory.path()).value();
                read_all(reader);
            },
            std::runtime_error)
            << size;
    }
}

TEST(SnapshotStore, one_that_is_given_up_gives_its_room_back) {
    const TemporaryDirectory directory;
    {
        SnapshotFileWriter writer(directory.path(), metadata_of(5));
        writer.write(std::string(100'000, 'x'));
    }

    EXPECT_TRUE(fs::is_empty(directory.path()));
}

TEST(SnapshotStore, one_of_a_newer_format_is_not_called_damaged) {
    const TemporaryDirectory directory;
    write_snapshot(directory.path(), 5, {"x"});
    const auto path = fs::directory_iterator(directory.path())->path();
    File file(path, File::Mode::update);
    auto header = file.read(0, 40 + std::string_view("configuration").size());
    header[7] = '2';
    put_number(header, crc32c(header));
    file.write_at(0, header);

    try {
        open_newest_snapshot(directory.path());
        ADD_FAILURE() << "was opened";
    } catch (const std::runtime_error& error) {
        EXPECT_THAT(error.what(), HasSubstr(path.string()));
        EXPECT_THAT(error.what(), HasSubstr("Run the version that wrote it"));
    }
}

}  // namespace
}  // namespace coord
