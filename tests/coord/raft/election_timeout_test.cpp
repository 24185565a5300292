#include "coord/raft/election_timeout.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

TEST(ElectionTimeout, a_vote_or_two_change_nothing) {
    ElectionTimeout timeout(300ms);
    timeout.vote_begins(1s);
    timeout.vote_begins(2s);
    EXPECT_EQ(timeout.value(), 300ms);
    timeout.led();
    timeout.vote_begins(3s);
    timeout.vote_begins(4s);
    EXPECT_EQ(timeout.value(), 300ms);
}

TEST(ElectionTimeout, votes_in_vain_double_it_up_to_eight_times) {
    ElectionTimeout timeout(300ms);
    for (int i = 0; i < 3; ++i) timeout.vote_begins(1s);
    EXPECT_EQ(timeout.value(), 600ms);
    for (int i = 0; i < 10; ++i) timeout.vote_begins(1s);
    EXPECT_EQ(timeout.value(), 2400ms);
}

TEST(ElectionTimeout, it_is_halved_in_quiet_times_and_only_then) {
    ElectionTimeout timeout(300ms);
    for (int i = 0; i < 4; ++i) timeout.vote_begins(1s);
    EXPECT_EQ(timeout.value(), 1200ms);
    timeout.pass(100s);
    EXPECT_EQ(timeout.value(), 1200ms);

    timeout.led();
    timeout.pass(30s);
    EXPECT_EQ(timeout.value(), 1200ms);
    timeout.pass(31s);
    EXPECT_EQ(timeout.value(), 600ms);
    timeout.pass(60s);
    EXPECT_EQ(timeout.value(), 600ms);
    timeout.pass(61s);
    timeout.pass(91s);
    EXPECT_EQ(timeout.value(), 300ms);
}

TEST(ElectionTimeout, a_peer_that_is_back_begins_it_anew) {
    ElectionTimeout timeout(300ms);
    for (int i = 0; i < 9; ++i) timeout.vote_begins(1s);

    timeout.begin_anew();

    EXPECT_EQ(timeout.value(), 300ms);
    timeout.vote_begins(2s);
    EXPECT_EQ(timeout.value(), 300ms);
}

}  // namespace
}  // namespace coord
