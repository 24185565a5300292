#include "coord/proto/error.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

TEST(Errc, keeps_the_number_that_travels_on_the_wire) {
    EXPECT_EQ(Error(Errc::no_node).value(), -101);
    EXPECT_EQ(Error(Errc::session_expired).value(), -112);
}

TEST(Errc, reads_as_a_sentence) {
    EXPECT_EQ(Error(Errc::bad_version).message(), "version does not match");
    EXPECT_STREQ(Error(Errc::bad_version).category().name(), "zookeeper");
    EXPECT_EQ(Error(Errc{-77}).message(), "unknown code -77");
}

TEST(Errc, is_what_a_failed_result_holds) {
    const Result<int> failed = Errc::no_auth;

    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), Errc::no_auth);
}

TEST(Errc, ok_is_no_failure) { EXPECT_FALSE(Error(Errc::ok).failed()); }

}  // namespace
}  // namespace coord
