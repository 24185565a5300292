#include "coord/tree/origin.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

TEST(Origin, stands_at_the_front_of_an_entry) {
    std::string entry(origin_bytes, '\0');
    entry += "rest";
    const Origin origin{0xFEDC'BA98'7654'3210U, 2, 3};
    write_origin(entry, origin);

    std::string_view rest = entry;
    EXPECT_EQ(take_origin(rest), origin);
    EXPECT_EQ(rest, "rest");
}

TEST(Origin, an_entry_of_another_format_has_none) {
    const std::string old("\0\0\0\1 and then the fields of a command", 38);
    for (std::string_view entry : {std::string_view(old), std::string_view("\2 too short")}) {
        EXPECT_FALSE(take_origin(entry));
    }
}

TEST(OriginTable, accepts_each_entry_of_a_member_once_and_in_order) {
    OriginTable table;
    EXPECT_TRUE(table.accept({1, 7, 1}));
    EXPECT_TRUE(table.accept({1, 7, 2}));
    EXPECT_TRUE(table.accept({2, 7, 1})) << "another member counts for itself";

    EXPECT_FALSE(table.accept({1, 7, 1})) << "sent again";
    EXPECT_FALSE(table.accept({1, 7, 2}));
    EXPECT_FALSE(table.accept({1, 7, 4})) << "3 is missing";
    EXPECT_TRUE(table.accept({1, 7, 3}));
}

TEST(OriginTable, a_new_life_begins_with_its_first_entry_and_ends_the_one_before) {
    OriginTable table;
    table.accept({1, 7, 1});
    table.accept({1, 7, 2});

    EXPECT_FALSE(table.accept({1, 8, 2}));
    EXPECT_TRUE(table.accept({1, 8, 1}));
    EXPECT_FALSE(table.accept({1, 7, 3}));
    EXPECT_TRUE(table.accept({1, 8, 2}));
}

TEST(OriginTable, is_bounded_and_forgets_who_was_not_heard_of_for_longest) {
    OriginTable table;
    for (std::uint64_t member = 1; member <= OriginTable::members_max; ++member) {
        table.accept({member, 7, 1});
    }
    table.accept({1, 7, 2});
    table.accept({1000, 7, 1});

    EXPECT_EQ(table.all().size(), OriginTable::members_max);
    EXPECT_TRUE(table.accept({1, 7, 3}));
    EXPECT_FALSE(table.accept({2, 7, 2})) << "forgotten";
    EXPECT_FALSE(table.accept({2000, 7, 9})) << "and what is refused takes nobody's place";
    EXPECT_EQ(table.all().size(), OriginTable::members_max);
}

TEST(OriginTable, goes_on_from_what_was_saved) {
    OriginTable table;
    table.accept({2, 7, 1});
    table.accept({1, 7, 1});
    OriginTable again;
    for (const auto& origin : table.all()) again.restore(origin);

    EXPECT_EQ(again.all(), table.all());
    EXPECT_FALSE(again.accept({1, 7, 1}));
    EXPECT_TRUE(again.accept({1, 7, 2}));
}

}  // namespace
}  // namespace coord
