#include "coord/tree/session_table.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

namespace coord {
namespace {

using std::chrono_literals::operator""s;

constexpr SessionId alice{1};
constexpr SessionId bob{2};
constexpr Password secret{'s'};

TEST(SessionTable, keeps_the_ephemerals_in_path_order) {
    SessionTable table;
    ASSERT_TRUE(table.open(alice, 10s, secret));
    table.own(alice, "/b");
    table.own(alice, "/a");

    const auto& owned = table.find(alice)->ephemerals;

    EXPECT_EQ(std::vector(owned.begin(), owned.end()), (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(table.ephemeral_count(), 2U);
}

TEST(SessionTable, disowns_what_was_removed) {
    SessionTable table;
    ASSERT_TRUE(table.open(alice, 10s, secret));
    table.own(alice, "/a");

    table.disown(alice, "/a");

    EXPECT_TRUE(table.find(alice)->ephemerals.empty());
    EXPECT_EQ(table.ephemeral_count(), 0U);
}

TEST(SessionTable, a_closed_session_is_gone_and_the_others_stay) {
    SessionTable table;
    ASSERT_TRUE(table.open(alice, 10s, secret));
    ASSERT_TRUE(table.open(bob, 10s, secret));

    table.close(alice);

    EXPECT_EQ(table.find(alice), nullptr);
    EXPECT_NE(table.find(bob), nullptr);
}

TEST(SessionTable, opening_again_renews_the_timeout_for_who_knows_the_password) {
    SessionTable table;
    ASSERT_TRUE(table.open(alice, 10s, secret));
    table.own(alice, "/a");

    EXPECT_TRUE(table.open(alice, 20s, secret));
    EXPECT_FALSE(table.open(alice, 30s, Password{'x'}));

    EXPECT_EQ(table.find(alice)->timeout, 20s);
    EXPECT_EQ(table.find(alice)->ephemerals.size(), 1U);
}

TEST(SessionTable, a_session_goes_over_to_who_knows_its_password) {
    SessionTable table;
    ASSERT_TRUE(table.open(alice, 10s, secret, 1));

    EXPECT_FALSE(table.attach(alice, 20s, Password{'x'}, 2));
    EXPECT_FALSE(table.attach(bob, 20s, secret, 2));
    EXPECT_EQ(table.find(alice)->owner, 1U);
    EXPECT_TRUE(table.attach(alice, 20s, secret, 2));

    EXPECT_EQ(table.find(alice)->owner, 2U);
    EXPECT_EQ(table.find(alice)->timeout, 20s);
    EXPECT_EQ(table.find(bob), nullptr);
}

TEST(SessionTable, refuses_ids_that_mark_other_owners) {
    SessionTable table;

    EXPECT_FALSE(table.open(SessionId{0}, 1s, secret));
    EXPECT_FALSE(table.open(SessionId{std::numeric_limits<std::int64_t>::min()}, 1s, secret));
    EXPECT_FALSE(table.open(SessionId{-1}, 1s, secret));
    EXPECT_TRUE(table.all().empty());
}

}  // namespace
}  // namespace coord
