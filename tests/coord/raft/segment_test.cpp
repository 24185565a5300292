#include "coord/raft/segment.hpp"

#include "tests/support/log_entries.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

const SegmentHeader header{Index{10}, Term{1}, false, 0x1234};

// Three records: two that were on disk when the third was written, then zeros.
struct Image {
    Image() {
        bytes = encode(header);
        append_record(bytes, numbered_entry(10), Index{10}, bytes.size(), header.salt);
        second = bytes.size();
        append_record(bytes, numbered_entry(11), Index{11}, second, header.salt);
        third = bytes.size();
        append_record(bytes, numbered_entry(12), Index{12}, third, header.salt);
        end = bytes.size();
        bytes.resize(4096);
    }
    std::string bytes;
    std::size_t second;
    std::size_t third;
    std::size_t end;
};

TEST(Segment, its_header_comes_back) {
    const auto decoded = decode_header(encode({Index{7}, Term{3}, true, 99})).value();

    EXPECT_EQ(decoded.first, Index{7});
    EXPECT_EQ(decoded.previous_term, Term{3});
    EXPECT_TRUE(decoded.fresh);
    EXPECT_EQ(decoded.salt, 99U);
}

TEST(Segment, a_flipped_bit_anywhere_in_the_header_is_found) {
    for (std::size_t i = 0; i < SegmentHeader::size; ++i) {
        auto bytes = encode(header);
        bytes[i] = static_cast<char>(bytes[i] ^ 1);
        EXPECT_FALSE(decode_header(bytes)) << i;
    }
}

TEST(Segment, a_header_that_begins_at_no_index_of_a_log_is_refused) {
    EXPECT_FALSE(decode_header(encode({Index{0}, Term{3}, false, 99})));
    EXPECT_FALSE(decode_header(encode({Index{~std::uint64_t{0}}, Term{3}, false, 99})));
}

TEST(Segment, its_records_come_back) {
    const Image image;
    const auto scan = scan_segment(image.bytes, header, Index{11});

    EXPECT_EQ(scan.state, SegmentScan::End::clean);
    EXPECT_EQ(scan.end, image.end);
    ASSERT_EQ(scan.records.size(), 3U);
    EXPECT_EQ(*scan.records[0].entry.bytes, "");  // before what was asked for
    EXPECT_EQ(*scan.records[2].entry.bytes, *numbered_entry(12).bytes);
    EXPECT_EQ(scan.records[2].index, Index{12});
    EXPECT_EQ(scan.records[2].entry.term, Term{1});
}

TEST(Segment, damage_that_a_later_record_knows_was_on_disk_is_damage) {
    for (std::size_t at = SegmentHeader::size; at < Image().third; ++at) {
        Image image;
        const auto is_padding = [&](std::size_t end) { return at + 6 >= end && at < end; };
        image.bytes[at] = static_cast<char>(image.bytes[at] ^ 4);
        if (is_padding(image.second) || is_padding(image.third)) continue;
        EXPECT_EQ(scan_segment(image.bytes, header, Index{0}).state, SegmentScan::End::damaged)
            << at;
    }
}

TEST(Segment, damage_behind_all_that_was_on_disk_is_a_torn_write) {
    for (std::size_t at = Image().third; at < Image().end - 6; ++at) {
        Image image;
        image.bytes[at] = static_cast<char>(image.bytes[at] ^ 4);
        const auto scan = scan_segment(image.bytes, header, Index{0});
        EXPECT_EQ(scan.state, SegmentScan::End::torn) << at;
        EXPECT_EQ(scan.end, image.third);
        EXPECT_EQ(scan.records.size(), 2U);
    }
}

// One write of two records, of which the second reached the disk and the first did not.
TEST(Segment, a_write_whose_end_came_before_its_beginning_is_torn) {
    auto bytes = encode(header);
    append_record(bytes, numbered_entry(10), Index{10}, SegmentHeader::size, header.salt);
    const auto durable = bytes.size();
    append_record(bytes, numbered_entry(11), Index{11}, durable, header.salt);
    append_record(bytes, numbered_entry(12), Index{12}, durable, header.salt);
    bytes.replace(durable, 32, 32, '\0');
    bytes.resize(4096);

    const auto scan = scan_segment(bytes, header, Index{0});

    EXPECT_EQ(scan.state, SegmentScan::End::torn);
    EXPECT_EQ(scan.end, durable);
}

TEST(Segment, a_record_inside_the_bytes_of_an_entry_is_no_record) {
    auto fake = encode(header);
    append_record(fake, numbered_entry(11), Index{11}, 4000, 0);
    auto bytes = encode(header);
    const LogEntry carrier{Term{1}, EntryType::command, std::make_shared<const std::string>(fake)};
    append_record(bytes, carrier, Index{10}, SegmentHeader::size, header.salt);
    bytes[SegmentHeader::size] = static_cast<char>(bytes[SegmentHeader::size] ^ 1);  // its length
    bytes.resize(4096);

    EXPECT_EQ(scan_segment(bytes, header, Index{0}).state, SegmentScan::End::torn);
}

TEST(Segment, records_out_of_order_are_damage) {
    auto bytes = encode(header);
    append_record(bytes, numbered_entry(11), Index{11}, SegmentHeader::size, header.salt);
    bytes.resize(4096);

    EXPECT_EQ(scan_segment(bytes, header, Index{0}).state, SegmentScan::End::damaged);
}

}  // namespace
}  // namespace coord
