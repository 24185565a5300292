#include "dns/forward_cache.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>

namespace dns {
namespace {

using std::chrono::seconds;

std::shared_ptr<const ForwardAnswer>
answer(seconds ttl, Rcode rcode = Rcode::no_error, std::size_t bytes = 100) {
    ForwardAnswer made;
    made.rcode = rcode;
    made.ttl = ttl;
    made.body.resize(bytes);
    return std::make_shared<const ForwardAnswer>(std::move(made));
}

const Time start{std::chrono::hours(1)};

TEST(ForwardCache, keeps_an_answer_for_its_time_and_tells_its_age) {
    ForwardCache cache({.stale_max = seconds(0)});
    cache.put("a", answer(seconds(60)), start);

    EXPECT_EQ(cache.find("a", start + seconds(59)).value().age, seconds(59));
    EXPECT_FALSE(cache.find("a", start + seconds(59)).value().stale);
    EXPECT_FALSE(cache.find("a", start + seconds(60)));
    EXPECT_FALSE(cache.find("b", start));
    EXPECT_EQ(cache.entries(), 0U);
    EXPECT_EQ(cache.bytes(), 0U);
}

TEST(ForwardCache, keeps_nothing_without_time) {
    ForwardCache cache({});

    cache.put("a", answer(seconds(0)), start);

    EXPECT_EQ(cache.entries(), 0U);
}

TEST(ForwardCache, gives_a_stale_answer_as_long_as_it_may) {
    ForwardCache cache({.stale_max = seconds(100)});
    cache.put("a", answer(seconds(60)), start);

    EXPECT_TRUE(cache.find("a", start + seconds(159)).value().stale);
    EXPECT_FALSE(cache.find("a", start + seconds(160)));
}

TEST(ForwardCache, remembers_when_a_stale_answer_is_to_be_asked_for_again) {
    ForwardCache cache({});
    cache.put("a", answer(seconds(60)), start);

    cache.defer("a", start + seconds(130));

    EXPECT_TRUE(cache.find("a", start + seconds(129)).value().deferred);
    EXPECT_FALSE(cache.find("a", start + seconds(131)).value().deferred);
}

TEST(ForwardCache, a_failure_neither_replaces_an_answer_nor_is_ever_stale) {
    ForwardCache cache({});
    cache.put("a", answer(seconds(60)), start);
    cache.put("a", answer(seconds(2), Rcode::server_failure), start + seconds(70));
    cache.put("b", answer(seconds(2), Rcode::server_failure), start);

    EXPECT_EQ(cache.find("a", start + seconds(71)).value().answer->rcode, Rcode::no_error);
    EXPECT_EQ(cache.find("b", start + seconds(1)).value().answer->rcode, Rcode::server_failure);
    EXPECT_FALSE(cache.find("b", start + seconds(2)));
}

TEST(ForwardCache, a_new_answer_begins_a_new_time) {
    ForwardCache cache({.stale_max = seconds(0)});
    cache.put("a", answer(seconds(60)), start);

    cache.put("a", answer(seconds(60), Rcode::name_error, 500), start + seconds(50));

    const auto found = cache.find("a", start + seconds(100)).value();
    EXPECT_EQ(found.answer->rcode, Rcode::name_error);
    EXPECT_EQ(found.age, seconds(50));
    EXPECT_GT(cache.bytes(), 500U);
}

TEST(ForwardCache, wants_a_popular_answer_refreshed_once_when_it_is_nearly_over) {
    ForwardCache cache({});
    cache.put("popular", answer(seconds(100)), start);
    cache.put("rare", answer(seconds(100)), start);
    cache.put("brief", answer(seconds(5)), start);
    for (int i = 0; i < 5; ++i) {
        EXPECT_FALSE(cache.find("popular", start + seconds(1)).value().wants_refresh);
        EXPECT_FALSE(cache.find("brief", start + seconds(4)).value().wants_refresh);
    }

    EXPECT_TRUE(cache.find("popular", start + seconds(91)).value().wants_refresh);
    EXPECT_FALSE(cache.find("popular", start + seconds(92)).value().wants_refresh);
    EXPECT_FALSE(cache.find("rare", start + seconds(95)).value().wants_refresh);

    cache.put("popular", answer(seconds(100)), start + seconds(93));
    for (int i = 0; i < 5; ++i) (void)cache.find("popular", start + seconds(94));
    EXPECT_TRUE(cache.find("popular", start + seconds(190)).value().wants_refresh);
}

TEST(ForwardCache, refreshes_nothing_if_it_is_told_not_to) {
    ForwardCache cache({.prefetch = false});
    cache.put("a", answer(seconds(100)), start);
    for (int i = 0; i < 5; ++i) (void)cache.find("a", start);

    EXPECT_FALSE(cache.find("a", start + seconds(99)).value().wants_refresh);
}

TEST(ForwardCache, has_no_more_entries_nor_octets_than_it_may) {
    ForwardCache few({.entries_max = 10});
    ForwardCache small({.bytes_max = 10'000});

    for (int i = 0; i < 1000; ++i) {
        few.put(std::to_string(i), answer(seconds(60)), start);
        small.put(std::to_string(i), answer(seconds(60)), start);
        ASSERT_LE(few.entries(), 10U);
        ASSERT_LE(small.bytes(), 10'000U);
    }

    EXPECT_EQ(few.evicted(), 990U);
    EXPECT_GT(small.entries(), 10U);
    EXPECT_TRUE(few.find("999", start));
    EXPECT_FALSE(few.find("0", start));
}

TEST(ForwardCache, a_flood_of_names_asked_for_once_does_not_drive_out_those_in_use) {
    ForwardCache cache({.entries_max = 100});
    for (int i = 0; i < 50; ++i) {
        cache.put("used" + std::to_string(i), answer(seconds(3600)), start);
        (void)cache.find("used" + std::to_string(i), start);
    }

    for (int i = 0; i < 10'000; ++i) {
        cache.put("flood" + std::to_string(i), answer(seconds(3600)), start);
    }

    for (int i = 0; i < 50; ++i) {
        EXPECT_TRUE(cache.find("used" + std::to_string(i), start)) << i;
    }
}

TEST(ForwardCache, one_that_is_larger_than_all_there_is_finds_no_room) {
    ForwardCache cache({.bytes_max = 1000});
    cache.put("small", answer(seconds(60)), start);

    cache.put("large", answer(seconds(60), Rcode::no_error, 2000), start);

    EXPECT_FALSE(cache.find("large", start));
    EXPECT_LE(cache.bytes(), 1000U);
}

}  // namespace
}  // namespace dns
