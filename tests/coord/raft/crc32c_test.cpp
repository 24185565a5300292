#include "coord/raft/crc32c.hpp"

#include <boost/crc.hpp>
#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

// RFC 3720 appendix B.4.
TEST(Crc32c, gives_the_values_of_the_standard) {
    EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAU);
    EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43U);
    EXPECT_EQ(crc32c("123456789"), 0xE3069283U);
    EXPECT_EQ(crc32c(""), 0U);
}

TEST(Crc32c, agrees_with_boost_and_without_the_instruction_at_every_length) {
    std::string bytes;
    for (int i = 0; i < 100; ++i) {
        boost::crc_optimal<32, 0x1EDC6F41, 0xFFFFFFFF, 0xFFFFFFFF, true, true> oracle;
        oracle.process_bytes(bytes.data(), bytes.size());

        EXPECT_EQ(crc32c(bytes), oracle.checksum());
        EXPECT_EQ(crc32c_portable(bytes), oracle.checksum());
        bytes.push_back(static_cast<char>(i * 37));
    }
}

TEST(Crc32c, goes_on_where_it_stopped) {
    EXPECT_EQ(crc32c("456789", crc32c("123")), crc32c("123456789"));
}

}  // namespace
}  // namespace coord
