#include "coord/raft/metadata_store.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace coord {
namespace {

using testing::HasSubstr;

TEST(MetadataStore, draws_an_id_once) {
    const TemporaryDirectory directory;
    const MetadataStore first(directory / "meta");
    const MetadataStore again(directory / "meta");
    const MetadataStore other(directory / "other");

    EXPECT_NE(first.id(), MemberId{0});
    EXPECT_EQ(again.id(), first.id());
    EXPECT_NE(other.id(), first.id());
}

TEST(MetadataStore, has_the_vote_that_was_saved_last) {
    const TemporaryDirectory directory;
    EXPECT_EQ(MetadataStore(directory / "meta").vote(), Vote{});
    for (std::uint64_t term = 1; term < 6; ++term) {
        const Vote vote{Term{term}, MemberId{term * 10}};
        MetadataStore(directory / "meta").save(vote);

        EXPECT_EQ(MetadataStore(directory / "meta").vote(), vote);
    }
}

TEST(MetadataStore, a_save_leaves_the_vote_before_it_alone) {
    const TemporaryDirectory directory;
    MetadataStore store(directory / "meta");
    store.save({Term{1}, MemberId{1}});
    const auto before = File(directory / "meta", File::Mode::read).read(0, 8192);

    store.save({Term{2}, MemberId{2}});

    const auto after = File(directory / "meta", File::Mode::read).read(0, 8192);
    const bool first_kept = before.substr(0, 4096) == after.substr(0, 4096);
    const bool second_kept = before.substr(4096) == after.substr(4096);
    EXPECT_NE(first_kept, second_kept);
}

TEST(MetadataStore, any_flipped_bit_is_found_and_nothing_is_repaired) {
    const TemporaryDirectory directory;
    MetadataStore(directory / "meta").save({Term{3}, MemberId{1}});
    const auto whole = File(directory / "meta", File::Mode::read).read(0, 8192);
    for (const std::size_t offset : {0U, 8U, 20U, 27U, 43U, 4096U, 4104U, 4120U, 4139U}) {
        auto damaged = whole;
        damaged[offset] = static_cast<char>(damaged[offset] ^ 0x10);
        File(directory / "meta", File::Mode::update).write_at(0, damaged);
        try {
            const MetadataStore store(directory / "meta");
            FAIL() << offset;
        } catch (const std::runtime_error& error) {
            EXPECT_THAT(error.what(), HasSubstr("term and vote are damaged"));
        }
        EXPECT_EQ(File(directory / "meta", File::Mode::read).read(0, 8192), damaged);
    }
}

TEST(MetadataStore, a_file_that_was_cut_short_is_refused) {
    const TemporaryDirectory directory;
    MetadataStore(directory / "meta").save({Term{3}, MemberId{1}});
    for (const std::size_t size : {4100U, 4096U, 20U, 0U}) {
        std::filesystem::resize_file(directory / "meta", size);
        EXPECT_THROW(MetadataStore(directory / "meta"), std::runtime_error) << size;
    }
}

}  // namespace
}  // namespace coord
