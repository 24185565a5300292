#include "dns/zone_journal.hpp"

#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dns {
namespace {

ZoneStep step(std::uint32_t from, std::uint32_t to) {
    return {from,
            to,
            {{{0, support::labels("web")},
              support::addresses({"10.0.0.1"}),
              support::addresses({"10.0.0.2"})}}};
}

TEST(ZoneJournal, has_all_steps_since_a_serial_it_had) {
    ZoneJournal journal(1 << 20);
    journal.push(step(0xFFFF'FFF0, 0xFFFF'FFF9));
    journal.push(step(0xFFFF'FFF9, 3));
    journal.push(step(3, 8));

    const auto steps = journal.since(0xFFFF'FFF9);

    ASSERT_TRUE(steps.has_value());
    ASSERT_EQ(steps->size(), 2U);
    EXPECT_EQ(steps->front()->from, 0xFFFF'FFF9);
    EXPECT_EQ(steps->back()->to, 8U);
    EXPECT_FALSE(journal.since(4).has_value()) << "between two of ours";
    EXPECT_FALSE(journal.since(8).has_value()) << "nothing came after it";
}

TEST(ZoneJournal, lets_the_oldest_go_when_there_is_no_room) {
    const auto each = step(1, 2).bytes();
    ZoneJournal journal(3 * each);

    for (std::uint32_t serial = 1; serial <= 5; ++serial) journal.push(step(serial, serial + 1));

    EXPECT_EQ(journal.bytes(), 3 * each);
    EXPECT_EQ(journal.dropped().value(), 2U);
    EXPECT_FALSE(journal.since(2).has_value());
    EXPECT_EQ(journal.since(3)->size(), 3U);
}

TEST(ZoneJournal, without_room_it_has_nothing) {
    ZoneJournal journal(0);

    journal.push(step(1, 2));
    journal.push(step(2, 3));

    EXPECT_FALSE(journal.since(2).has_value());
    EXPECT_EQ(journal.bytes(), 0U);
}

}  // namespace
}  // namespace dns
