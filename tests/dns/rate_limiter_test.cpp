#include "dns/rate_limiter.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace dns {
namespace {

using Verdict = RateLimiter::Verdict;

class Limiting : public testing::Test {
protected:
    // How many of `count` replies to `client` about `subject` got which verdict.
    std::map<Verdict, int> judge(int count, const std::string& client, std::uint64_t subject = 1) {
        std::map<Verdict, int> verdicts;
        Reply reply;
        reply.subject = subject;
        for (int i = 0; i < count; ++i) ++verdicts[limiter.judge(*parse_ip(client), reply, now)];
        return verdicts;
    }

    std::uint32_t now = 0xFFFFFF00;  // The clock may wrap around.
    RateLimiter limiter{{.responses_per_second = 10, .slip = 2}, 7};
};

TEST_F(Limiting, above_the_rate_every_second_reply_is_cut_short_and_the_others_are_dropped) {
    auto verdicts = judge(30, "198.51.100.1");

    EXPECT_EQ(verdicts[Verdict::send], 10);
    EXPECT_EQ(verdicts[Verdict::cut_short], 10);
    EXPECT_EQ(verdicts[Verdict::drop], 10);
}

TEST_F(Limiting, counts_a_network_as_one_client) {
    judge(10, "198.51.100.1");
    judge(10, "2001:db8:0:1::1");

    EXPECT_EQ(judge(1, "198.51.100.200")[Verdict::send], 0);
    EXPECT_EQ(judge(1, "2001:db8:0:ff:9::9")[Verdict::send], 0);
    EXPECT_EQ(judge(1, "198.51.101.1")[Verdict::send], 1);
    EXPECT_EQ(judge(1, "2001:db8:0:100::1")[Verdict::send], 1);
}

TEST_F(Limiting, counts_each_subject_by_itself) {
    judge(20, "198.51.100.1", 1);

    EXPECT_EQ(judge(20, "198.51.100.1", 2)[Verdict::send], 10);
}

TEST_F(Limiting, gives_credit_as_time_goes_by_up_to_one_second) {
    judge(20, "198.51.100.1");

    now += 100;
    EXPECT_EQ(judge(5, "198.51.100.1")[Verdict::send], 1);
    now += 50;
    EXPECT_EQ(judge(5, "198.51.100.1")[Verdict::send], 0);
    now += 50;
    EXPECT_EQ(judge(5, "198.51.100.1")[Verdict::send], 1);
    now += 3'600'000;
    EXPECT_EQ(judge(50, "198.51.100.1")[Verdict::send], 10);
}

TEST_F(Limiting, goes_on_when_more_networks_come_than_there_is_room_for) {
    for (unsigned i = 0; i < 100'000; ++i) {
        const auto client = "11." + std::to_string(i >> 16U & 255U) + "." +
                            std::to_string(i >> 8U & 255U) + "." + std::to_string(i & 255U);
        if ((i & 255U) == 0) judge(1, client, i);
        now += i % 16 == 0 ? 1U : 0U;
    }
    judge(20, "198.51.100.1");

    EXPECT_EQ(judge(1, "198.51.100.1")[Verdict::send], 0);
}

TEST(RateLimiter, without_a_rate_sends_everything) {
    RateLimiter limiter({.responses_per_second = 0}, 7);
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(limiter.judge(*parse_ip("198.51.100.1"), {}, 0), Verdict::send);
    }
}

TEST(RateLimiter, with_no_slip_drops_all_and_with_slip_1_cuts_all_short) {
    for (const std::uint32_t slip : {0U, 1U}) {
        RateLimiter limiter({.responses_per_second = 1, .slip = slip}, 7);
        limiter.judge(*parse_ip("198.51.100.1"), {}, 0);
        for (int i = 0; i < 10; ++i) {
            EXPECT_EQ(limiter.judge(*parse_ip("198.51.100.1"), {}, 0),
                      slip == 0 ? Verdict::drop : Verdict::cut_short);
        }
    }
}

}  // namespace
}  // namespace dns
