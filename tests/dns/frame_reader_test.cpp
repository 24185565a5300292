#include "dns/frame_reader.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;
using Texts = std::vector<std::string>;

Texts read_all(FrameReader& reader) {
    Texts found;
    while (const auto frame = reader.next()) found.emplace_back(text(*frame));
    return found;
}

TEST(FrameReader, finds_several_frames_in_one_piece) {
    FrameReader reader;

    reader.append(octets("\0\3abc\0\0\0\2de\0\5fgh"s));

    EXPECT_EQ(read_all(reader), (Texts{"abc", "", "de"}));
    reader.append(octets("ij\0"s));
    EXPECT_EQ(read_all(reader), Texts{"fghij"});
}

TEST(FrameReader, finds_a_frame_that_comes_octet_by_octet) {
    FrameReader reader;
    Texts found;
    for (const char c : "\1\0"s + std::string(256, 'x') + "\0\1y"s) {
        reader.append(octets({&c, 1}));
        for (const auto& frame : read_all(reader)) found.push_back(frame);
    }
    EXPECT_EQ(found, (Texts{std::string(256, 'x'), "y"}));
}

TEST(FrameReader, without_a_whole_frame_has_none) {
    FrameReader reader;
    EXPECT_FALSE(reader.next());
    reader.append(octets("\377\377abc"));
    EXPECT_FALSE(reader.next());
}

}  // namespace
}  // namespace dns
