#include "dns/answer.hpp"

#include "tests/support/dns_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

namespace dns {
namespace {

using std::string_literals::operator""s;

constexpr std::uint16_t a = 1;
constexpr std::uint16_t txt = 16;

std::vector<std::uint8_t> address(std::size_t i) {
    return {10, 0, static_cast<std::uint8_t>(i >> 8U), static_cast<std::uint8_t>(i)};
}

Answer::Pointer addresses(std::size_t count) {
    AnswerBuilder builder;
    for (std::size_t i = 0; i < count; ++i) builder.add(a, 5, address(i));
    return builder.build();
}

// The last two octets of each address record, in the order of the copy.
std::vector<std::size_t> order_of(Octets copied) {
    std::vector<std::size_t> order;
    for (std::size_t at = 0; at < copied.size(); at += 16) {
        order.push_back(static_cast<std::size_t>(copied[at + 14] << 8U | copied[at + 15]));
    }
    return order;
}

TEST(Answer, of_nothing_is_none) { EXPECT_EQ(AnswerBuilder().build(), nullptr); }

TEST(Answer, is_copied_as_it_goes_onto_the_wire) {
    AnswerBuilder builder;
    builder.add(a, 0x01020304, address(7));
    builder.add_extra("\1x", a, 5, address(8));
    const auto answer = builder.build();
    std::vector<std::uint8_t> room(100);
    Random random(1);

    const auto copied = answer->copy(room, {12, 0x123}, random);

    EXPECT_EQ(text(Octets(room).first(copied.bytes)),
              "\300\14\0\1\0\1\1\2\3\4\0\4\12\0\0\7\1x\301\43\0\1\0\1\0\0\0\5\0\4\12\0\0\10"s);
    EXPECT_EQ(copied.answers, 1);
    EXPECT_EQ(copied.extras, 1);
    EXPECT_TRUE(copied.complete);
}

TEST(Answer, points_to_another_owner_when_a_cname_led_to_it) {
    const auto answer = addresses(3);
    std::vector<std::uint8_t> room(100);
    Random random(1);

    const auto copied = answer->copy(room, {0x345, 12}, random);

    for (std::size_t at = 0; at < copied.bytes; at += 16) {
        EXPECT_EQ(room[at], 0xC3);
        EXPECT_EQ(room[at + 1], 0x45);
    }
}

TEST(Answer, every_copy_has_each_record_once) {
    for (const std::size_t count : {1U, 2U, 3U, 4U, 7U, 100U, 1000U, 65535U}) {
        const auto answer = addresses(count);
        std::vector<std::uint8_t> room(16 * count);
        Random random(count);

        const auto copied = answer->copy(room, {}, random);

        auto order = order_of(room);
        std::sort(order.begin(), order.end());
        EXPECT_EQ(copied.answers, count);
        EXPECT_EQ(std::unique(order.begin(), order.end()), order.end()) << count;
    }
}

TEST(Answer, each_record_comes_first_about_as_often) {
    const auto seed = support::seed();
    const auto answer = addresses(10);
    std::vector<std::uint8_t> room(160);
    Random random(seed);
    std::vector<int> first(10);

    for (int i = 0; i < 10'000; ++i) {
        answer->copy(room, {}, random);
        ++first[order_of(room)[0]];
    }

    for (const int times : first) EXPECT_NEAR(times, 1000, 200);
}

TEST(Answer, the_successor_of_a_record_varies) {
    const auto answer = addresses(5);
    std::vector<std::uint8_t> room(80);
    Random random(support::seed());
    std::set<std::size_t> after_zero;

    for (int i = 0; i < 1000; ++i) {
        answer->copy(room, {}, random);
        const auto order = order_of(room);
        const auto zero = std::find(order.begin(), order.end(), 0U);
        if (zero + 1 != order.end()) after_zero.insert(*(zero + 1));
    }

    EXPECT_EQ(after_zero, (std::set<std::size_t>{1, 2, 3, 4}));
}

TEST(Answer, that_does_not_fit_gives_a_random_subset_without_extras) {
    AnswerBuilder builder;
    for (std::size_t i = 0; i < 40; ++i) builder.add(a, 5, address(i));
    builder.add_extra("\1x", a, 5, address(99));
    const auto answer = builder.build();
    std::vector<std::uint8_t> room(16 * 5 + 15);
    Random random(support::seed());
    std::set<std::size_t> seen;

    for (int i = 0; i < 1000; ++i) {
        const auto copied = answer->copy(room, {}, random);
        ASSERT_EQ(copied.answers, 5);
        ASSERT_EQ(copied.bytes, 80U);
        ASSERT_EQ(copied.extras, 0);
        ASSERT_FALSE(copied.complete);
        for (const auto record : order_of(Octets(room).first(80))) seen.insert(record);
    }

    EXPECT_EQ(seen.size(), 40U);
}

TEST(Answer, extras_that_do_not_fit_are_left_out_and_it_is_complete_still) {
    AnswerBuilder builder;
    builder.add(a, 5, address(1));
    for (std::size_t i = 0; i < 3; ++i) builder.add_extra("\1x", a, 5, address(i));
    const auto answer = builder.build();
    Random random(1);

    for (std::size_t extras = 0; extras <= 3; ++extras) {
        std::vector<std::uint8_t> room(16 + extras * 18 + (extras < 3 ? 17 : 0));
        const auto copied = answer->copy(room, {}, random);
        EXPECT_TRUE(copied.complete);
        EXPECT_EQ(copied.extras, extras);
        EXPECT_EQ(copied.bytes, 16 + extras * 18);
    }
}

TEST(Answer, records_of_different_sizes_keep_together) {
    AnswerBuilder builder;
    std::set<std::string> wanted;
    for (std::size_t i = 1; i <= 6; ++i) {
        const std::string value(i, static_cast<char>('a' + i));
        builder.add(txt, 5, octets(value));
        wanted.insert(value);
    }
    const auto answer = builder.build();
    std::vector<std::uint8_t> room(500);
    Random random(support::seed());

    const auto copied = answer->copy(room, {}, random);

    std::set<std::string> found;
    for (std::size_t at = 0; at < copied.bytes;) {
        const std::size_t size = room[at + 11];
        found.insert(std::string(text(Octets(room).subspan(at + 12, size))));
        at += 12 + size;
    }
    EXPECT_EQ(found, wanted);
}

TEST(Answer, of_which_one_is_picked_gives_one_and_in_time_each) {
    AnswerBuilder builder;
    for (std::size_t i = 0; i < 3; ++i) builder.add(a, 5, address(i));
    builder.pick_one();
    const auto answer = builder.build();
    std::vector<std::uint8_t> room(100);
    Random random(support::seed());
    std::set<std::size_t> seen;

    for (int i = 0; i < 200; ++i) {
        const auto copied = answer->copy(room, {}, random);
        ASSERT_EQ(copied.answers, 1);
        ASSERT_TRUE(copied.complete);
        seen.insert(order_of(Octets(room).first(copied.bytes))[0]);
    }

    EXPECT_EQ(seen.size(), 3U);
}

Answer::Pointer weighted(const std::vector<std::uint16_t>& weights) {
    AnswerBuilder builder;
    for (std::size_t i = 0; i < weights.size(); ++i) builder.add(a, 5, address(i), weights[i]);
    return builder.build();
}

TEST(Answer, each_place_goes_to_a_record_that_is_left_by_its_weight) {
    const auto answer = weighted({6, 3, 1});
    std::vector<std::uint8_t> room(48);
    Random random(support::seed());
    std::vector<int> first(3);
    std::vector<int> second(3);  // where record 0 was first

    for (int i = 0; i < 20'000; ++i) {
        ASSERT_EQ(answer->copy(room, {}, random).answers, 3);
        const auto order = order_of(room);
        ++first[order[0]];
        if (order[0] == 0) ++second[order[1]];
    }

    EXPECT_NEAR(first[0], 12'000, 500);
    EXPECT_NEAR(first[1], 6'000, 500);
    EXPECT_NEAR(first[2], 2'000, 300);
    EXPECT_NEAR(second[1], 9'000, 500);
    EXPECT_NEAR(second[2], 3'000, 400);
}

TEST(Answer, that_does_not_fit_gives_a_subset_by_weight) {
    std::vector<std::uint16_t> weights(40, 1);
    weights[7] = 1000;
    const auto answer = weighted(weights);
    std::vector<std::uint8_t> room(16 * 5 + 15);
    Random random(support::seed());
    int seen = 0;

    for (int i = 0; i < 1000; ++i) {
        const auto copied = answer->copy(room, {}, random);
        ASSERT_EQ(copied.answers, 5);
        ASSERT_FALSE(copied.complete);
        const auto order = order_of(Octets(room).first(80));
        seen += std::count(order.begin(), order.end(), 7U) != 0 ? 1 : 0;
    }

    EXPECT_GT(seen, 990);
}

TEST(Answer, a_record_without_weight_comes_last) {
    const auto answer = weighted({0, 65'535, 1});
    std::vector<std::uint8_t> room(48);
    Random random(support::seed());

    for (int i = 0; i < 1000; ++i) {
        answer->copy(room, {}, random);
        ASSERT_EQ(order_of(room)[2], 0U);
    }
}

TEST(Answer, every_weighted_copy_has_each_record_once) {
    for (const std::size_t count : {2U, 3U, 64U, 65U, 1000U, 65535U}) {
        std::vector<std::uint16_t> weights(count, 1);
        weights[0] = 65'535;
        const auto answer = weighted(weights);
        std::vector<std::uint8_t> room(16 * count);
        Random random(count);

        const auto copied = answer->copy(room, {}, random);

        auto order = order_of(room);
        std::sort(order.begin(), order.end());
        EXPECT_EQ(copied.answers, count);
        EXPECT_EQ(std::unique(order.begin(), order.end()), order.end()) << count;
    }
}

TEST(Answer, equal_weights_are_none) {
    EXPECT_EQ(*weighted({7, 7}), *addresses(2));
    EXPECT_FALSE(*weighted({7, 8}) == *addresses(2));
    EXPECT_FALSE(*weighted({7, 8}) == *weighted({8, 7}));
}

TEST(Answer, equals_one_with_the_same_octets_only) {
    AnswerBuilder other;
    other.add(a, 5, address(0));
    other.add(a, 5, address(1));
    other.add_extra("\1x", a, 5, address(1));

    EXPECT_EQ(*addresses(2), *addresses(2));
    EXPECT_FALSE(*addresses(2) == *addresses(3));
    EXPECT_FALSE(*addresses(2) == *other.build());
}

}  // namespace
}  // namespace dns
