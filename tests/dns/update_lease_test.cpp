#include "dns/update_lease.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dns {
namespace {

using std::chrono::hours;
using std::chrono::seconds;
using std::string_literals::operator""s;

std::optional<UpdateLease> read(const std::string& options) {
    std::optional<UpdateLease> lease;
    EXPECT_TRUE(read_update_lease(octets(options), lease));
    return lease;
}

bool is_malformed(const std::string& options) {
    std::optional<UpdateLease> lease;
    return !read_update_lease(octets(options), lease);
}

TEST(UpdateLease, is_read_in_both_variants_among_other_options) {
    EXPECT_EQ(read(""), std::nullopt);
    EXPECT_EQ(read("\0\3\0\0"s), std::nullopt);
    EXPECT_EQ(read("\0\2\0\4\0\0\x0E\x10"s), UpdateLease{seconds(3600)});
    EXPECT_EQ(read("\0\3\0\0\0\2\0\10\0\0\0\x3C\0\1\0\0\0\3\0\1x"s),
              (UpdateLease{seconds(60), seconds(65'536)}));
    EXPECT_EQ(read("\0\2\0\4\xFF\xFF\xFF\xFF"s), UpdateLease{seconds(0xFFFFFFFF)});
}

TEST(UpdateLease, of_another_length_or_twice_is_malformed) {
    EXPECT_TRUE(is_malformed("\0\2\0\0"s));
    EXPECT_TRUE(is_malformed("\0\2\0\6\0\0\0\1\0\0"s));
    EXPECT_TRUE(is_malformed("\0\2\0\4\0\0\0"s));
    EXPECT_TRUE(is_malformed("\0\2\0"s));
    EXPECT_TRUE(is_malformed("\0\2\0\4\0\0\0\1\0\2\0\4\0\0\0\1"s));
}

TEST(UpdateLease, is_granted_up_to_what_the_rule_allows) {
    EXPECT_EQ(grant({seconds(60)}, seconds(600)).all, seconds(60));
    EXPECT_EQ(grant({seconds(6000)}, seconds(600)).all, seconds(600));
    EXPECT_EQ(grant({seconds(1)}, seconds(600)).all, seconds(30));
    EXPECT_EQ(grant({seconds(1)}, seconds(2)).all, seconds(2));
    EXPECT_EQ(grant({seconds(60)}, seconds(600)).key, std::nullopt);
    EXPECT_EQ(grant({seconds(60), seconds(6000)}, seconds(600)).key, seconds(600));
}

TEST(UpdateLease, is_granted_up_to_a_day_where_no_rule_says_anything) {
    const auto granted = grant({seconds(0xFFFFFFFF), seconds(0xFFFFFFFF)}, seconds(0));

    EXPECT_EQ(granted.all, hours(24));
    EXPECT_EQ(granted.key, hours(24 * 7));
    EXPECT_EQ(grant({seconds(60)}, seconds(0)).all, seconds(60));
}

TEST(UpdateLease, is_written_in_the_variant_in_which_it_was_asked) {
    for (const auto& option : {"\0\2\0\4\0\0\x0E\x10"s, "\0\2\0\10\0\0\0\x3C\0\1\0\0"s}) {
        std::vector<std::uint8_t> written;
        append_update_lease(written, read(option).value());
        EXPECT_EQ(text(written), option);
    }
}

}  // namespace
}  // namespace dns
