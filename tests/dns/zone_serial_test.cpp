#include "dns/zone_serial.hpp"

#include <gtest/gtest.h>

#include <initializer_list>

namespace dns {
namespace {

std::uint32_t serial(std::uint64_t index) { return serial_of(agent::CatalogIndex{index}); }

TEST(ZoneSerial, is_the_index_while_that_has_32_bits) {
    EXPECT_EQ(serial(0), 0U);
    EXPECT_EQ(serial(4711), 4711U);
    EXPECT_EQ(serial(0xFFFF'FFFF), 0xFFFF'FFFFU);
}

TEST(ZoneSerial, goes_up_with_the_index_whatever_half_of_it_changes) {
    constexpr std::uint64_t epoch = std::uint64_t{1} << 32U;
    constexpr std::uint64_t restore = std::uint64_t{1} << 40U;

    EXPECT_TRUE(is_later(serial(epoch), serial(epoch - 1))) << "more than 32 bits can count";
    for (const std::uint64_t count : {1U, 1000U, 200'000'000U}) {
        for (std::uint64_t elections = 1; elections < 8; ++elections) {
            EXPECT_TRUE(is_later(serial((5 + elections) * epoch + 1), serial(5 * epoch + count)))
                << elections << " elections of an Apache ZooKeeper after " << count;
        }
        EXPECT_TRUE(is_later(serial(restore + 1), serial(count))) << "a restored core";
        EXPECT_TRUE(is_later(serial(3 * restore + 1), serial(2 * restore + count)));
    }
}

TEST(ZoneSerial, is_compared_as_RFC_1982_says) {
    EXPECT_TRUE(is_later(1, 0));
    EXPECT_FALSE(is_later(0, 1));
    EXPECT_FALSE(is_later(7, 7));
    EXPECT_TRUE(is_later(5, 0xFFFF'FFF0));
    EXPECT_FALSE(is_later(0xFFFF'FFF0, 5));
    EXPECT_FALSE(is_later(0x8000'0000, 0)) << "neither is later";
}

}  // namespace
}  // namespace dns
