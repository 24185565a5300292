#include "coord/tree/stats_track.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(StatsTrack, reads_and_writes_what_zookeeper_does) {
    const auto* text = "count=4,bytes=5=;byteHardLimit=9;countHardLimit=7";

    const auto track = StatsTrack::parse(text);

    EXPECT_EQ(track.count(), 4);
    EXPECT_EQ(track.bytes(), 5);
    EXPECT_EQ(track.byte_hard_limit(), 9);
    EXPECT_EQ(track.count_hard_limit(), 7);
    EXPECT_EQ(track.format(), text);
}

TEST(StatsTrack, minus_one_stands_for_what_is_not_there) {
    EXPECT_EQ(StatsTrack::parse("").format(), "count=-1,bytes=-1");
    EXPECT_EQ(StatsTrack::parse("bytes=").bytes(), -1);
}

// As Apache ZooKeeper 3.8 rewrote it after a create of one byte.
TEST(StatsTrack, keeps_keys_that_it_does_not_know_behind_an_odd_equals_sign) {
    auto track = StatsTrack::parse("count=50,bytes=60;foo=7");

    track.set_usage(51, 61);

    EXPECT_EQ(track.format(), "count=51,bytes=61=;foo=7");
}

TEST(StatsTrack, what_is_no_pair_of_a_key_and_a_number_is_left_out) {
    EXPECT_EQ(StatsTrack::parse("whatever,count=x;;=,bytes=3").bytes(), 3);
    EXPECT_EQ(StatsTrack::parse("whatever,count=99999999999999999999,bytes=3").format(),
              "count=-1,bytes=3");
}

}  // namespace
}  // namespace coord
