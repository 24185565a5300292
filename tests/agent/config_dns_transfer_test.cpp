#include "agent/config_dns_transfer.hpp"

#include "tests/agent/configuration_text.hpp"

#include <gtest/gtest.h>

namespace {

using tests::good;
using tests::Lines;
using tests::wrong;

TEST(ConfigDnsTransfer, names_the_networks_of_the_secondaries) {
    const auto config = good(R"(
[dns]
transfers_max = 3
transfer_records_max = 50
transfer_journal_bytes_max = 0
[[dns.transfer]]
to = ["10.0.0.0/8", "fd00::/8"]
key = "backup"
notify = ["10.0.0.53:53", "[fd00::53]:53"]
[[dns.transfer]]
to = ["192.0.2.1/32"]
)");

    ASSERT_EQ(config.dns.transfers.size(), 2U);
    EXPECT_EQ(config.dns.transfers[0].to, (Lines{"10.0.0.0/8", "fd00::/8"}));
    EXPECT_EQ(config.dns.transfers[0].key, "backup");
    EXPECT_EQ(config.dns.transfers[0].notify, (Lines{"10.0.0.53:53", "[fd00::53]:53"}));
    EXPECT_TRUE(config.dns.transfers[1].key.empty());
    EXPECT_EQ(config.dns.transfers[1].to, (Lines{"192.0.2.1/32"}));
    EXPECT_EQ(config.dns.transfers_max, 3U);
    EXPECT_EQ(config.dns.transfer_records_max, 50U);
    EXPECT_EQ(config.dns.transfer_journal_bytes_max, 0U);
}

TEST(ConfigDnsTransfer, without_a_table_nobody_gets_a_zone) {
    EXPECT_TRUE(good("[dns]").dns.transfers.empty());
}

TEST(ConfigDnsTransfer, that_is_wrong_is_told_with_its_line) {
    EXPECT_EQ(wrong("[[dns.transfer]]"),
              Lines{"1: a dns.transfer needs \"to\": the networks of the secondaries"});
    EXPECT_EQ(wrong("[[dns.transfer]]\nto = [\"ns2\"]").size(), 2U);
    for (const auto* notify : {"10.0.0.53", "10.0.0.53:0", "ns2:53"}) {
        const std::string rule = "[[dns.transfer]]\nto = [\"10.0.0.53/32\"]\n";
        EXPECT_EQ(wrong(rule + "notify = [\"" + notify + "\"]").size(), 1U) << notify;
    }
}

}  // namespace
