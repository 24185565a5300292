#include "coord/server/letter.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(Letter, a_forwarded_entry_comes_out_as_it_went_in) {
    const auto bytes = encode_letter(ForwardedEntry{7, "entry"});
    const auto letter = decode_letter(bytes);

    ASSERT_TRUE(letter);
    EXPECT_EQ(std::get<ForwardedEntry>(*letter).term, 7U);
    EXPECT_EQ(std::get<ForwardedEntry>(*letter).entry, "entry");
}

TEST(Letter, touches_come_out_as_they_went_in) {
    const auto bytes = encode_letter(Touches{7, {SessionId{1}, SessionId{-5}}});
    const auto letter = decode_letter(bytes);

    ASSERT_TRUE(letter);
    EXPECT_EQ(std::get<Touches>(*letter).term, 7U);
    EXPECT_EQ(std::get<Touches>(*letter).sessions, (std::vector{SessionId{1}, SessionId{-5}}));
}

TEST(Letter, anything_else_is_none) {
    EXPECT_FALSE(decode_letter(""));
    EXPECT_FALSE(decode_letter("E short"));
    EXPECT_FALSE(decode_letter("X12345678"));
    EXPECT_FALSE(decode_letter(encode_letter(Touches{7, {SessionId{1}}}).substr(0, 12)));
}

}  // namespace
}  // namespace coord
