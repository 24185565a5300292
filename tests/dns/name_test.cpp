#include "dns/name.hpp"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;

std::vector<std::uint8_t> bytes(const std::string& text) { return {text.begin(), text.end()}; }

std::string repeat(const std::string& text, int times) {
    std::string result;
    for (int i = 0; i < times; ++i) result += text;
    return result;
}

TEST(Name, is_read_folded_and_split_into_labels) {
    const auto message = bytes("xx\3WeB\7Service\0rest"s);
    QueryName name;

    ASSERT_TRUE(read_name(message, 2, name));

    EXPECT_EQ(text(name.whole()), "\3web\7service\0"s);
    ASSERT_EQ(name.labels, 2);
    EXPECT_EQ(text(name.label(0)), "web");
    EXPECT_EQ(text(name.label(1)), "service");
}

TEST(Name, the_root_has_no_labels) {
    QueryName name;

    ASSERT_TRUE(read_name(bytes("\0"s), 0, name));

    EXPECT_EQ(name.labels, 0);
    EXPECT_EQ(name.bytes, 1);
}

TEST(Name, of_255_octets_is_read_and_of_256_refused) {
    const std::string label63 = "\77"s + std::string(63, 'a');
    const std::string three = label63 + label63 + label63;  // 192 octets
    QueryName name;

    EXPECT_TRUE(read_name(bytes(three + "\75"s + std::string(61, 'b') + "\0"s), 0, name));
    EXPECT_EQ(name.bytes, 255);
    EXPECT_FALSE(read_name(bytes(three + label63 + "\0"s), 0, name));
}

TEST(Name, of_127_labels_is_read) {
    QueryName name;

    ASSERT_TRUE(read_name(bytes(repeat("\1a"s, 127) + "\0"s), 0, name));

    EXPECT_EQ(name.labels, 127);
}

TEST(Name, with_a_pointer_a_reserved_octet_or_an_overrun_is_refused) {
    QueryName name;

    for (const auto& bad : {"\300\0"s, "\100a\0"s, "\200a\0"s, "\3web"s, "\3we"s, ""s, "\77"s}) {
        EXPECT_FALSE(read_name(bytes(bad), 0, name)) << format_name(bytes(bad));
    }
}

TEST(Name, folding_changes_only_the_letters_a_to_z) {
    alignas(8) std::array<std::uint8_t, 256> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = static_cast<std::uint8_t>(i);

    fold_words(all);

    for (std::size_t i = 0; i < all.size(); ++i) {
        const bool upper = i >= 'A' && i <= 'Z';
        EXPECT_EQ(all[i], upper ? i + 32 : i);
    }
}

TEST(Name, skipping_stops_at_a_backward_pointer_without_following_it) {
    const auto message = bytes("\3web\0\1x\300\0"s);

    EXPECT_EQ(skip_name(message, 0), 5U);
    EXPECT_EQ(skip_name(message, 5), 9U);
}

TEST(Name, skipping_refuses_pointers_that_lead_forward_or_to_themselves) {
    EXPECT_FALSE(skip_name(bytes("\300\2\0"s), 0));
    EXPECT_FALSE(skip_name(bytes("\300\0"s), 0));
    EXPECT_FALSE(skip_name(bytes("\1a\300\0"s), 0));  // A loop through its own beginning.
    EXPECT_FALSE(skip_name(bytes("\0\300"s), 1));
    EXPECT_FALSE(skip_name(bytes("\3we"s), 0));
}

TEST(Name, text_and_wire_form_are_each_others_inverse) {
    EXPECT_EQ(parse_name("web.service.roster.internal."), "\3web\7service\6roster\10internal\0"s);
    EXPECT_EQ(parse_name("a\\.b\\032\\\\.c"), "\5a.b \\\1c\0"s);
    EXPECT_EQ(parse_name("."), "\0"s);
    EXPECT_EQ(format_name(octets("\5a.b \\\1c\0"s)), "a\\.b\\032\\\\.c.");
    EXPECT_EQ(format_name(octets("\0"s)), ".");
    EXPECT_EQ(format_name(octets("\1\377\0"s)), "\\255.");
}

TEST(Name, text_that_is_no_name_is_refused) {
    for (const auto* bad : {"a..b", ".a", "a\\", "a\\25", "a\\256", "a\\2x5"}) {
        EXPECT_FALSE(parse_name(bad)) << bad;
    }
    EXPECT_FALSE(parse_name(std::string(64, 'a')));
    EXPECT_FALSE(parse_name(repeat("abcdefg.", 32)));
}

TEST(Name, hashes_depend_on_every_octet_and_on_the_seed) {
    const std::string name = "\3web\7service\6roster\10internal";
    const auto hash = hash_octets(octets(name), 1);

    EXPECT_NE(hash_octets(octets(name), 2), hash);
    for (std::size_t i = 0; i < name.size(); ++i) {
        auto other = name;
        other[i] = static_cast<char>(other[i] ^ 1);
        EXPECT_NE(hash_octets(octets(other), 1), hash) << i;
    }
    EXPECT_NE(hash_octets(octets("ab\0"s), 1), hash_octets(octets("ab"), 1));
}

}  // namespace
}  // namespace dns
