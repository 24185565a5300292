#include "dns/address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dns {
namespace {

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

TEST(Address, is_read_from_text_of_both_families) {
    EXPECT_EQ(text(ip("10.0.0.1").octets()), std::string("\12\0\0\1", 4));
    EXPECT_EQ(ip("::1").size, 16);
    EXPECT_EQ(ip("::1").bytes[15], 1);
}

TEST(Address, hostnames_and_broken_texts_are_none) {
    for (const auto* bad : {"", "db.example.com", "10.0.0", "10.0.0.256", "::g", "fe80::1%eth0"}) {
        EXPECT_FALSE(parse_ip(bad)) << bad;
    }
}

TEST(Address, prefixes_contain_what_shares_their_bits) {
    const auto ten = parse_prefix("10.16.0.0/12").value();
    const auto six = parse_prefix("fd00::/9").value();

    EXPECT_TRUE(contains(ten, ip("10.31.255.255")));
    EXPECT_FALSE(contains(ten, ip("10.32.0.0")));
    EXPECT_FALSE(contains(ten, ip("fd00::1")));
    EXPECT_TRUE(contains(six, ip("fd7f::1")));
    EXPECT_FALSE(contains(six, ip("fd80::1")));
    EXPECT_TRUE(contains(parse_prefix("0.0.0.0/0").value(), ip("255.1.2.3")));
}

TEST(Address, broken_prefixes_are_refused) {
    for (const auto* bad :
         {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/8x", "x/8", "::/129"}) {
        EXPECT_FALSE(parse_prefix(bad)) << bad;
    }
}

TEST(Address, the_hexadecimal_label_is_read_back) {
    EXPECT_EQ(format_hex(ip("10.0.0.255")), "0a0000ff");
    EXPECT_EQ(format_hex(ip("fd00::1")), "fd000000000000000000000000000001");
    for (const auto* text : {"10.0.0.255", "fd00::1"}) {
        EXPECT_EQ(parse_hex(octets(format_hex(ip(text)))), ip(text));
    }
}

TEST(Address, labels_of_other_lengths_or_digits_are_none) {
    for (const auto* bad : {"", "0a0000f", "0a0000fff", "0a0000fg", "0A0000FF"}) {
        EXPECT_FALSE(parse_hex(octets(bad))) << bad;
    }
}

TEST(Address, reverse_labels_are_the_octets_or_nibbles_backwards) {
    EXPECT_EQ(format_name(octets(reverse_labels(ip("10.20.30.40")))), "40.30.20.10.in-addr.");
    EXPECT_EQ(format_name(octets(reverse_labels(ip("10.20.30.40"), 2))), "20.10.in-addr.");
    EXPECT_EQ(format_name(octets(reverse_labels(ip("fd00::1"), 3))), "0.d.f.ip6.");
    EXPECT_EQ(format_name(octets(reverse_labels(ip("fd00::1")))),
              "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.d.f.ip6.");
}

}  // namespace
}  // namespace dns
