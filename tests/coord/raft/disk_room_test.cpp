#include "coord/raft/disk_room.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(DiskRoom, ends_before_the_disk_does_and_comes_back_late) {
    std::uint64_t free = 1000;
    DiskRoom room("/", 100, [&](const auto&) { return free; });
    const auto look = [&](std::uint64_t now) {
        free = now;
        return room.look();
    };

    EXPECT_FALSE(look(100));
    EXPECT_EQ(room.room(), Room::plenty);
    EXPECT_TRUE(look(99));
    EXPECT_EQ(room.room(), Room::reserve);
    EXPECT_FALSE(look(49));
    EXPECT_EQ(room.room(), Room::none);
    EXPECT_FALSE(look(124));
    EXPECT_EQ(room.room(), Room::reserve);
    EXPECT_TRUE(look(125));
    EXPECT_EQ(room.room(), Room::plenty);
    EXPECT_EQ(room.free(), 125U);
}

TEST(DiskRoom, a_file_system_that_cannot_be_asked_has_room) {
    DiskRoom room("/no/such/directory", 100);

    EXPECT_FALSE(room.look());
    EXPECT_EQ(room.room(), Room::plenty);
}

}  // namespace
}  // namespace coord
