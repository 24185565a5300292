#include "dns/cookie.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

namespace dns {
namespace {

constexpr CookieSecret seed{1, 2, 3};

std::vector<std::uint8_t> from_hex(std::string_view hex) {
    std::vector<std::uint8_t> octets;
    for (std::size_t i = 0; i < hex.size(); i += 2) {
        octets.push_back(
            static_cast<std::uint8_t>(std::stoul(std::string(hex.substr(i, 2)), nullptr, 16)));
    }
    return octets;
}

Cookie cookie_of(std::string_view hex) {
    Cookie cookie{};
    const auto octets = from_hex(hex);
    std::copy(octets.begin(), octets.end(), cookie.begin());
    return cookie;
}

std::string to_hex(Octets octets) {
    std::string text;
    for (const auto octet : octets) {
        text += "0123456789abcdef"[octet >> 4U];
        text += "0123456789abcdef"[octet & 15U];
    }
    return text;
}

const CookieSecret secret1 = *parse_cookie_secret("e5e973e5a6b2a43f48e7dc849e37bfcf");
const CookieSecret secret2 = *parse_cookie_secret("445536bcd2513298075a5d379663c962");
const CookieSecret secret3 = *parse_cookie_secret("dd3bdf9344b678b185a6f5cb60fca715");

// The vectors of the paper: key 00..0f, input 00, 00 01, …
TEST(SipHash, gives_what_its_authors_publish) {
    CookieSecret key{};
    std::array<std::uint8_t, 15> input{};
    for (std::size_t i = 0; i < key.size(); ++i) key[i] = static_cast<std::uint8_t>(i);
    for (std::size_t i = 0; i < input.size(); ++i) input[i] = static_cast<std::uint8_t>(i);

    EXPECT_EQ(siphash(key, input), 0xa129ca6149be45e5U);
    EXPECT_EQ(siphash(key, {}), 0x726fdb47dd0e0e31U);
    EXPECT_EQ(siphash(key, Octets(input).first(8)), 0x93f5f5799a932462U);
}

// RFC 9018, appendix A.1 and A.2.
TEST(Cookies, are_those_of_the_rfcs_examples) {
    const Cookies cookies({secret1}, seed);
    const auto client = *parse_ip("198.51.100.100");
    auto first = cookie_of("2464c4abcf10c957");

    cookies.make(first, client, 1559731985);

    EXPECT_EQ(to_hex(first), "2464c4abcf10c957010000005cf79f111f8130c3eee29480");
    EXPECT_TRUE(cookies.verify(first, client, 1559731985));
    cookies.make(first, client, 1559734385);
    EXPECT_EQ(to_hex(first), "2464c4abcf10c957010000005cf7a871d4a564a1442aca77");
}

// RFC 9018, appendix A.4: the new secret makes, the old one still counts.
TEST(Cookies, of_both_secrets_count_while_one_takes_over_from_the_other) {
    const auto client = *parse_ip("2001:db8:220:1:59de:d0f4:8769:82b8");
    const auto old = cookie_of("22681ab97d52c298010000005cf7c57926556bd0934c72f8");
    const Cookies both({secret2, secret3}, seed);
    auto next = old;

    both.make(next, client, 1559741961);

    EXPECT_TRUE(both.verify(old, client, 1559741961));
    EXPECT_EQ(to_hex(next), "22681ab97d52c298010000005cf7c609a6bb79d16625507a");
    EXPECT_FALSE(Cookies({secret2}, seed).verify(old, client, 1559741961));
}

TEST(Cookies, of_another_address_client_secret_or_version_do_not_count) {
    const Cookies cookies({}, seed);
    const auto client = *parse_ip("192.0.2.1");
    auto cookie = cookie_of("0102030405060708");
    cookies.make(cookie, client, 1'000'000);
    ASSERT_TRUE(cookies.verify(cookie, client, 1'000'000));

    EXPECT_FALSE(cookies.verify(cookie, *parse_ip("192.0.2.2"), 1'000'000));
    EXPECT_FALSE(Cookies({}, CookieSecret{9}).verify(cookie, client, 1'000'000));
    for (std::size_t i = 0; i < cookie.size(); ++i) {
        auto changed = cookie;
        changed[i] ^= 1U;
        EXPECT_FALSE(cookies.verify(changed, client, 1'000'000)) << i;
    }
}

TEST(Cookies, last_an_hour_and_may_be_five_minutes_ahead) {
    const Cookies cookies({}, seed);
    const auto client = *parse_ip("192.0.2.1");
    auto cookie = cookie_of("0102030405060708");
    constexpr std::uint32_t made = 0xFFFFFF00;  // So that the hour wraps around.
    cookies.make(cookie, client, made);

    EXPECT_TRUE(cookies.verify(cookie, client, made + 3600));
    EXPECT_FALSE(cookies.verify(cookie, client, made + 3601));
    EXPECT_TRUE(cookies.verify(cookie, client, made - 300));
    EXPECT_FALSE(cookies.verify(cookie, client, made - 301));
    EXPECT_TRUE(Cookies::is_fresh(cookie, made + 1800));
    EXPECT_FALSE(Cookies::is_fresh(cookie, made + 1801));
}

TEST(Cookies, outlive_the_day_of_their_secret) {
    const Cookies cookies({}, seed);
    const auto client = *parse_ip("192.0.2.1");
    auto before = cookie_of("0102030405060708");
    auto after = before;
    constexpr std::uint32_t midnight = 20'000U * 86'400;

    cookies.make(before, client, midnight - 1);
    cookies.make(after, client, midnight);

    EXPECT_TRUE(cookies.verify(before, client, midnight + 60));
    EXPECT_TRUE(cookies.verify(after, client, midnight + 60));
    // With yesterday's secret today's time would give another cookie.
    EXPECT_NE(to_hex(Octets(before).subspan(16)), to_hex(Octets(after).subspan(16)));
}

TEST(CookieSecret, is_32_hexadecimal_digits) {
    EXPECT_TRUE(parse_cookie_secret("E5E973E5A6B2A43F48E7DC849E37BFCF").has_value());
    for (const auto* bad :
         {"", "e5", "e5e973e5a6b2a43f48e7dc849e37bfcg", "e5e973e5a6b2a43f48e7dc849e37bfcf00"}) {
        EXPECT_FALSE(parse_cookie_secret(bad).has_value()) << bad;
    }
}

}  // namespace
}  // namespace dns
