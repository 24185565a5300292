#include "coord/raft/configuration.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

const std::vector<Member> three{{MemberId{7}, "10.0.0.1:2888", MemberRole::voter},
                                {MemberId{8}, "[2001:db8::1]:2888", MemberRole::standby},
                                {MemberId{~0ULL}, "c", MemberRole::spare}};

TEST(Configuration, comes_back_as_it_was_encoded) {
    EXPECT_EQ(decode_configuration(encode_configuration(three)), three);
}

TEST(Configuration, cut_anywhere_it_is_refused_or_harmless) {
    const auto bytes = encode_configuration(three);
    EXPECT_FALSE(decode_configuration(""));

    // The encoding is padded to eight bytes: only the padding may be missing.
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        const std::string copy = bytes.substr(0, size);
        const auto decoded = decode_configuration(copy);
        EXPECT_TRUE(!decoded || size + 8 > bytes.size()) << size;
    }
}

TEST(Configuration, a_count_that_the_bytes_cannot_hold_is_refused) {
    auto bytes = encode_configuration(three);
    bytes[1] = '\x7f';
    EXPECT_FALSE(decode_configuration(bytes));
    bytes[8] = '\x7f';
    EXPECT_FALSE(decode_configuration(bytes));
    bytes.replace(1, 8, 8, '\0');
    EXPECT_FALSE(decode_configuration(bytes));
}

TEST(Configuration, two_members_with_one_id_are_refused) {
    auto bytes = encode_configuration(
        {{MemberId{7}, "a", MemberRole::voter}, {MemberId{8}, "b", MemberRole::voter}});
    bytes[9 + 8 + 2 + 1] = '\7';
    EXPECT_FALSE(decode_configuration(bytes));
}

TEST(Configuration, a_lone_voter_may_have_others_beside_that_do_not_vote) {
    EXPECT_TRUE(is_lone_voter(three, MemberId{7}));
    EXPECT_FALSE(is_lone_voter(three, MemberId{8}));
    EXPECT_FALSE(is_lone_voter({}, MemberId{7}));
    EXPECT_FALSE(is_lone_voter(
        {{MemberId{7}, "a", MemberRole::voter}, {MemberId{8}, "b", MemberRole::voter}},
        MemberId{7}));
}

}  // namespace
}  // namespace coord
