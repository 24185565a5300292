#include "agent/config_dns_keys.hpp"

#include "tests/agent/configuration_text.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace {

using tests::good;
using tests::Lines;
using tests::wrong;

TEST(ConfigDnsKeys, have_a_name_an_algorithm_and_a_secret_in_base64) {
    const auto config = good(R"(
[[dns.key]]
name = "dhcp.example"
secret = "AAECAw=="
[[dns.key]]
name = "backup"
algorithm = "hmac-sha512"
mac_bits_min = 256
secret = "YWJj"
)");

    ASSERT_EQ(config.dns.keys.size(), 2U);
    EXPECT_EQ(config.dns.keys[0].name, "dhcp.example");
    EXPECT_EQ(config.dns.keys[0].algorithm, "hmac-sha256");
    EXPECT_EQ(config.dns.keys[0].secret.octets, std::string("\0\1\2\3", 4));
    EXPECT_EQ(config.dns.keys[0].mac_bits_min, 0U);
    EXPECT_EQ(config.dns.keys[1].algorithm, "hmac-sha512");
    EXPECT_EQ(config.dns.keys[1].mac_bits_min, 256U);
    EXPECT_EQ(config.dns.keys[1].secret.octets, "abc");
}

TEST(ConfigDnsKeys, may_have_their_secret_in_a_file) {
    const coord::TemporaryDirectory directory;
    const auto file = directory / "key";
    std::ofstream(file) << "YWJj\n";

    const auto config = good("[[dns.key]]\nname = \"k\"\nsecret_file = \"" + file.string() + "\"");

    ASSERT_EQ(config.dns.keys.size(), 1U);
    EXPECT_EQ(config.dns.keys[0].secret.octets, "abc");
    EXPECT_EQ(wrong("[[dns.key]]\nname = \"k\"\nsecret_file = \"/nowhere/key\""),
              Lines{"3: \"secret_file\": /nowhere/key cannot be read, or holds no base64"});
}

TEST(ConfigDnsKeys, never_tell_a_secret_in_an_error) {
    EXPECT_EQ(wrong("[[dns.key]]\nname = \"k\"\nsecret = \"hunter2\""),
              Lines{"3: \"secret\" must be base64, such as tsig-keygen prints"});
}

TEST(ConfigDnsKeys, that_are_wrong_are_told_with_their_line) {
    EXPECT_EQ(wrong("[[dns.key]]\nname = \"k\""),
              Lines{"1: a dns.key has either a \"secret\" or a \"secret_file\""});
    EXPECT_EQ(wrong("[[dns.key]]\nsecret = \"YWJj\""), Lines{"1: a dns.key needs a \"name\""});
    EXPECT_EQ(
        wrong("[[dns.key]]\nname = \"k\"\nsecret = \"YWJj\"\nalgorithm = \"hmac-md5\"").size(), 1U);
    EXPECT_EQ(
        wrong("[[dns.key]]\nname = \"k\"\nsecret = \"YWJj\"\n[[dns.key]]\nname = \"k\"\nsecret "
              "= \"YWJj\"")
            .size(),
        1U);
}

TEST(ConfigDnsKeys, say_what_may_be_updated_with_them) {
    const auto config = good(R"(
[[dns.key]]
name = "dhcp"
secret = "YWJj"
[[dns.update]]
key = "dhcp"
names = ["*.office", "web.service"]
lease = "10m"
[[dns.update]]
key = "dhcp"
names = "*"
may_remove_registered = true
)");

    ASSERT_EQ(config.dns.updates.size(), 2U);
    EXPECT_EQ(config.dns.updates[0].key, "dhcp");
    EXPECT_EQ(config.dns.updates[0].names, (Lines{"*.office", "web.service"}));
    EXPECT_EQ(config.dns.updates[0].lease, std::chrono::minutes(10));
    EXPECT_FALSE(config.dns.updates[0].may_remove_registered);
    EXPECT_EQ(config.dns.updates[1].lease.count(), 0);
    EXPECT_TRUE(config.dns.updates[1].may_remove_registered);
}

TEST(ConfigDnsKeys, that_nobody_has_and_patterns_that_are_none_are_told) {
    const std::string key = "[[dns.key]]\nname = \"k\"\nsecret = \"YWJj\"\n[[dns.update]]\n";
    EXPECT_EQ(wrong("[[dns.update]]\nkey = \"k\"\nnames = \"*\""),
              Lines{"2: \"key\" must be the name of a dns.key, found the string \"k\""});
    EXPECT_EQ(wrong(key + "key = \"k\""), Lines{"4: a dns.update needs \"names\""});
    EXPECT_EQ(wrong(key + "names = \"*\""), Lines{"4: a dns.update needs a \"key\""});
    const std::string long_label(64, 'x');
    for (const auto* names :
         {"", "a.*", "*a", "a.", ".a", "*.", "**", "a..b", "*..a", "a b", long_label.c_str()}) {
        EXPECT_EQ(wrong(key + "key = \"k\"\nnames = \"" + names + "\"").size(), 1U) << names;
    }
}

TEST(ConfigDnsKeys, have_base64_with_its_padding_and_nothing_else) {
    EXPECT_EQ(agent::parse_secret("YQ==")->octets, "a");
    EXPECT_EQ(agent::parse_secret("YWI=")->octets, "ab");
    for (const auto* text : {"", "YQ", "YQ=", "Y===", "YQ==YQ==", "Y!==", "=YQ="}) {
        EXPECT_FALSE(agent::parse_secret(text)) << text;
    }
}

}  // namespace
