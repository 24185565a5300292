#include "coord/raft/founding.hpp"

#include "coord/raft/file.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <vector>

namespace coord {
namespace {

const std::vector<Member> founders{{MemberId{1}, "a:1", MemberRole::voter},
                                   {MemberId{2}, "b:1", MemberRole::voter}};

TEST(Founding, is_read_as_it_was_written) {
    const TemporaryDirectory directory;
    EXPECT_EQ(read_founding(directory / "cluster"), std::nullopt);

    for (const auto& founding : {Founding{ClusterId{7}, founders}, Founding{ClusterId{8}, {}}}) {
        write_founding(directory / "cluster", founding);
        EXPECT_EQ(read_founding(directory / "cluster"), founding);
    }
}

TEST(Founding, any_flipped_bit_and_any_missing_byte_is_found) {
    const TemporaryDirectory directory;
    const auto path = directory / "cluster";
    write_founding(path, {ClusterId{7}, founders});
    const auto whole = File(path, File::Mode::read).read(0, 1000);
    for (std::size_t i = 0; i < whole.size(); ++i) {
        auto damaged = whole;
        damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
        File(path, File::Mode::update).write_at(0, damaged);
        EXPECT_THROW(static_cast<void>(read_founding(path)), std::runtime_error) << i;
        std::filesystem::remove(path);
        File(path, File::Mode::create).write_at(0, std::string_view(whole).substr(0, i));
        EXPECT_THROW(static_cast<void>(read_founding(path)), std::runtime_error) << i;
        File(path, File::Mode::update).write_at(0, whole);
    }
}

TEST(Founding, other_founders_are_another_cluster) {
    auto others = founders;
    others[1].id = MemberId{3};

    EXPECT_EQ(cluster_of(founders), cluster_of(founders));
    EXPECT_NE(cluster_of(founders), cluster_of(others));
    EXPECT_NE(cluster_of(founders), cluster_of({founders[0]}));
    EXPECT_NE(cluster_of(founders), ClusterId{0});
}

TEST(Founding, knows_its_founders) {
    const Founding founding{ClusterId{7}, founders};

    EXPECT_TRUE(founding.is_founder(MemberId{2}));
    EXPECT_FALSE(founding.is_founder(MemberId{3}));
}

}  // namespace
}  // namespace coord
