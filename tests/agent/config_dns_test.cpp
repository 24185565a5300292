#include "agent/config_dns.hpp"

#include "tests/agent/configuration_text.hpp"

#include <gtest/gtest.h>

namespace {

using std::chrono::milliseconds;
using tests::good;
using tests::Lines;
using tests::wrong;

TEST(ConfigDns, whom_dns_answers_and_how_much_is_read) {
    const auto config = good(R"(
[dns]
allow = ["203.0.113.0/24"]
trusted = ["10.0.0.0/8"]
rate_limit = 50
rate_limit_slip = 0
unverified_bytes_max = 1232
cookie_secrets = ["000102030405060708090a0b0c0d0e0f"]
identity = "ns1"
version = ""
tcp_connections_max = 20
tcp_connections_max_per_client = 3
tcp_idle_timeout = "5s"
tls_listen = ["127.0.0.1:853"]
tls_certificate = "/etc/roster/dns.crt"
tls_key = "/etc/roster/dns.key"
service_ttl = { web = "20s", "db-*" = "1m" }
prefer_zone = false
zone_healthy_percent_min = 70
)");

    EXPECT_EQ(config.dns.service_ttl,
              (std::map<std::string, std::chrono::seconds>{{"db-*", std::chrono::minutes(1)},
                                                           {"web", std::chrono::seconds(20)}}));
    EXPECT_FALSE(config.dns.prefer_zone);
    EXPECT_EQ(config.dns.zone_healthy_percent_min, 70U);
    EXPECT_EQ(config.dns.allow, Lines{"203.0.113.0/24"});
    EXPECT_EQ(config.dns.trusted, Lines{"10.0.0.0/8"});
    EXPECT_EQ(config.dns.rate_limit, 50U);
    EXPECT_EQ(config.dns.rate_limit_slip, 0U);
    EXPECT_EQ(config.dns.unverified_bytes_max, 1232U);
    EXPECT_EQ(config.dns.cookie_secrets, Lines{"000102030405060708090a0b0c0d0e0f"});
    EXPECT_EQ(config.dns.identity, "ns1");
    EXPECT_EQ(config.dns.version, "");
    EXPECT_EQ(config.dns.tcp_connections_max, 20U);
    EXPECT_EQ(config.dns.tcp_connections_max_per_client, 3U);
    EXPECT_EQ(config.dns.tcp_idle_timeout, milliseconds(5000));
    EXPECT_EQ(config.dns.tls_listen, Lines{"127.0.0.1:853"});
    EXPECT_EQ(config.dns.tls_certificate, "/etc/roster/dns.crt");
    EXPECT_EQ(config.dns.tls_key, "/etc/roster/dns.key");
}

TEST(ConfigDns, dns_over_tls_without_a_certificate_is_refused) {
    EXPECT_EQ(wrong("[dns]\ntls_listen = [\"127.0.0.1:853\"]\n"),
              Lines{"2: DNS over TLS needs \"tls_certificate\" and \"tls_key\""});
}

TEST(ConfigDns, has_names_of_the_operators_for_dns) {
    const auto config = good(R"([[dns.record]]
name = "www"
cname = "web.service"
[[dns.record]]
name = "printer"
address = "10.0.0.9"
txt = ["a", "b"]
ttl = "1m"
)");

    ASSERT_EQ(config.dns.records.size(), 2U);
    EXPECT_EQ(config.dns.records[0].cname, "web.service");
    EXPECT_EQ(config.dns.records[1].addresses, Lines{"10.0.0.9"});
    EXPECT_EQ(config.dns.records[1].texts, (Lines{"a", "b"}));
    EXPECT_EQ(config.dns.records[1].ttl, std::chrono::seconds(60));
    EXPECT_EQ(wrong("[[dns.record]]\nname = \"a\"\n"),
              Lines{"1: a dns.record has either a \"cname\" or \"address\" and \"txt\""});
    EXPECT_EQ(wrong("[[dns.record]]\ncname = \"a\"\n"), Lines{"1: a dns.record needs a \"name\""});
}

}  // namespace
