#include "dns/zone_version.hpp"

#include "tests/support/dns_messages.hpp"
#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <map>
#include <random>
#include <string>

namespace dns {
namespace {

using support::addresses;

ZoneName name(std::size_t zone, std::size_t number) {
    return {static_cast<std::uint16_t>(zone), support::labels("n" + std::to_string(number))};
}

std::map<ZoneName, StoredRecordsPointer> contents(const ZoneVersion& version, std::uint16_t zone) {
    std::map<ZoneName, StoredRecordsPointer> found;
    ZoneVersion::Cursor cursor(version, zone);
    const ZoneName* last = nullptr;
    while (const auto* entry = cursor.next()) {
        EXPECT_TRUE(last == nullptr || *last < entry->first) << "in order";
        last = &entry->first;
        found.insert(*entry);
    }
    return found;
}

TEST(ZoneVersion, an_empty_one_has_no_names) {
    const ZoneVersion version;

    EXPECT_TRUE(contents(version, 0).empty());
    EXPECT_EQ(version.find(name(0, 1)), nullptr);
}

TEST(ZoneVersion, stays_as_it_is_when_the_next_is_made) {
    const auto one = ZoneVersion().next(7, {{name(0, 1), addresses({"10.0.0.1"})}});

    const auto two = one->next(8, {{name(0, 1), nullptr}, {name(1, 2), addresses({"10.0.0.2"})}});

    EXPECT_EQ(one->serial(), 7U);
    EXPECT_EQ(one->names(), 1U);
    EXPECT_NE(one->find(name(0, 1)), nullptr);
    EXPECT_EQ(two->serial(), 8U);
    EXPECT_EQ(two->find(name(0, 1)), nullptr);
    EXPECT_TRUE(contents(*two, 0).empty());
    EXPECT_EQ(contents(*two, 1).size(), 1U);
}

TEST(ZoneVersion, is_what_a_map_would_be_after_any_changes) {
    std::mt19937 random(support::seed());
    std::map<ZoneName, StoredRecordsPointer> truth;
    std::shared_ptr<const ZoneVersion> version = std::make_shared<const ZoneVersion>();
    for (std::uint32_t round = 1; round <= 60; ++round) {
        ZoneChanges changes;
        const bool grows = round % 20 < 12;
        for (unsigned i = 0; i < random() % 400; ++i) {
            const bool put = random() % 10 < (grows ? 8U : 1U);
            const auto address = "10.0." + std::to_string(random() % 200) + ".1";
            changes[name(random() % 3, random() % 1000)] = put ? addresses({address}) : nullptr;
        }

        version = version->next(round, changes);

        std::size_t bytes = 0;
        for (const auto& [changed, records] : changes) {
            if (records) {
                truth[changed] = records;
            } else {
                truth.erase(changed);
            }
        }
        for (const auto& [there, records] : truth) bytes += records->bytes();
        auto all = contents(*version, 0);
        all.merge(contents(*version, 1));
        all.merge(contents(*version, 2));
        ASSERT_EQ(all, truth) << "round " << round;
        ASSERT_EQ(version->names(), truth.size());
        ASSERT_EQ(version->bytes(), bytes);
        for (const auto& [there, records] : truth) ASSERT_EQ(version->find(there), records);
    }
}

}  // namespace
}  // namespace dns
