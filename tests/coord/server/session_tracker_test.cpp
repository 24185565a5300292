#include "coord/server/session_tracker.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono::milliseconds;
using Sessions = std::vector<SessionId>;

SessionTracker::Time at(int ms) { return SessionTracker::Time(milliseconds(ms)); }

struct SessionTrackerTest : testing::Test {
    SessionTracker tracker{milliseconds(2000)};
    SessionId one{1};
    SessionId two{2};
};

TEST_F(SessionTrackerTest, a_session_expires_after_its_timeout_and_within_a_tick_of_it) {
    tracker.open(one, milliseconds(4000), at(100));

    EXPECT_EQ(tracker.expire(at(5999)), Sessions{});
    EXPECT_EQ(tracker.expire(at(6000)), Sessions{one});
    EXPECT_EQ(tracker.expire(at(60000)), Sessions{});
}

TEST_F(SessionTrackerTest, a_touch_starts_the_timeout_anew) {
    tracker.open(one, milliseconds(4000), at(0));

    EXPECT_TRUE(tracker.touch(one, at(4100)));

    EXPECT_EQ(tracker.expire(at(8000)), Sessions{});
    EXPECT_EQ(tracker.expire(at(9999)), Sessions{});
    EXPECT_EQ(tracker.expire(at(10000)), Sessions{one});
}

TEST_F(SessionTrackerTest, sessions_that_are_due_together_expire_together) {
    tracker.open(one, milliseconds(4000), at(100));
    tracker.open(two, milliseconds(5000), at(200));

    EXPECT_EQ(tracker.sets().size(), 1U);
    EXPECT_EQ(tracker.expire(at(6000)), (Sessions{one, two}));
}

TEST_F(SessionTrackerTest, a_late_look_finds_everything_that_was_due) {
    tracker.open(one, milliseconds(4000), at(0));
    tracker.open(two, milliseconds(8000), at(0));
    tracker.touch(one, at(3000));

    EXPECT_EQ(tracker.expire(at(100000)), (Sessions{one, two}));
}

TEST_F(SessionTrackerTest, a_closing_session_cannot_be_touched_and_does_not_expire_again) {
    tracker.open(one, milliseconds(4000), at(0));
    tracker.begin_closing(one);

    EXPECT_FALSE(tracker.touch(one, at(1)));
    EXPECT_FALSE(tracker.is_open(one));
    EXPECT_EQ(tracker.expire(at(100000)), Sessions{});
}

TEST_F(SessionTrackerTest, a_closed_session_is_unknown) {
    tracker.open(one, milliseconds(4000), at(0));
    tracker.close(one);

    EXPECT_FALSE(tracker.touch(one, at(1)));
    EXPECT_EQ(tracker.expire(at(100000)), Sessions{});
    EXPECT_EQ(tracker.size(), 0U);
}

TEST_F(SessionTrackerTest, a_shorter_timeout_negotiated_anew_takes_effect_at_once) {
    tracker.open(one, milliseconds(40000), at(0));
    tracker.set_timeout(one, milliseconds(4000), at(1000));

    EXPECT_EQ(tracker.timeout(one), milliseconds(4000));
    EXPECT_EQ(tracker.expire(at(6000)), Sessions{one});
    EXPECT_EQ(tracker.expire(at(50000)), Sessions{});
}

TEST_F(SessionTrackerTest, a_new_leader_gives_every_session_its_full_timeout) {
    tracker.open(one, milliseconds(4000), at(0));
    tracker.open(two, milliseconds(4000), at(0));
    tracker.begin_closing(two);

    tracker.restart(at(5900));

    EXPECT_TRUE(tracker.is_open(two));
    EXPECT_EQ(tracker.expire(at(9999)), Sessions{});
    EXPECT_EQ(tracker.expire(at(10000)).size(), 2U);
}

TEST_F(SessionTrackerTest, lists_which_sessions_expire_when) {
    tracker.open(two, milliseconds(4000), at(0));
    tracker.open(one, milliseconds(4000), at(0));
    tracker.touch(one, at(3000));

    const auto sets = tracker.sets();

    ASSERT_EQ(sets.size(), 2U);
    EXPECT_EQ(sets.begin()->first, at(6000));
    EXPECT_EQ(sets.begin()->second, Sessions{two});
    EXPECT_EQ(sets.rbegin()->first, at(8000));
}

}  // namespace
}  // namespace coord
