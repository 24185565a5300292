#include "coord/tree/acl_table.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

const AclList read_only{{perm::read, {"world", "anyone"}}};

TEST(AclTable, has_equal_lists_once) {
    AclTable table;

    const auto first = table.intern(read_only);
    const auto second = table.intern(read_only);

    EXPECT_EQ(first, second);
    EXPECT_EQ(table[first], read_only);
    EXPECT_EQ(table.size(), 2U);
}

TEST(AclTable, knows_the_open_list_for_ever) {
    AclTable table;

    EXPECT_EQ(table.intern(open_acl_unsafe), AclId::open);
    table.release(AclId::open);
    table.release(AclId::open);
    EXPECT_EQ(table[AclId::open], open_acl_unsafe);
}

TEST(AclTable, lets_a_list_go_with_the_last_who_had_it) {
    AclTable table;
    const auto id = table.intern(read_only);
    table.retain(id);

    table.release(id);
    EXPECT_EQ(table[id], read_only);
    table.release(id);
    EXPECT_EQ(table.size(), 1U);

    const AclList other{{perm::write, {"world", "anyone"}}};
    EXPECT_EQ(table.intern(other), id);  // the place is used again
    EXPECT_EQ(table[id], other);
}

}  // namespace
}  // namespace coord
