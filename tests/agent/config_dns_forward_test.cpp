#include "agent/config_dns_forward.hpp"

#include "tests/agent/configuration_text.hpp"

#include <gtest/gtest.h>

namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::good;
using tests::Lines;
using tests::wrong;

TEST(ConfigDnsForward, is_off_until_servers_are_given_or_it_is_turned_on) {
    EXPECT_FALSE(good("").dns.forward.enabled);
    EXPECT_FALSE(good("[dns.forward]\n").dns.forward.enabled);
    EXPECT_TRUE(good("[dns.forward]\nservers = [\"10.0.0.2\"]\n").dns.forward.enabled);
    EXPECT_TRUE(good("[dns.forward]\nenabled = true\n").dns.forward.enabled);
    EXPECT_TRUE(good("[[dns.forward.domain]]\nname = \"a.example\"\nservers = [\"10.0.0.2\"]\n")
                    .dns.forward.enabled);
    EXPECT_FALSE(
        good("[dns.forward]\nenabled = false\nservers = [\"10.0.0.2\"]\n").dns.forward.enabled);
}

TEST(ConfigDnsForward, every_key_is_read) {
    const auto forward = good(R"(
[dns.forward]
servers = ["10.0.0.2", "[fd00::2]:5353", "fd00::3"]
allow = ["10.0.0.0/8"]
queries_max_per_client = 20
cache_bytes_max = 1000000
cache_entries_max = 100
ttl_max = "1h"
negative_ttl_max = "1m"
serve_stale = "0s"
timeout = "300ms"
tries = 3
prefetch = false
rebind_allow = ["intranet.example"]
[[dns.forward.domain]]
name = "corp.example"
servers = ["10.0.0.53:5353"]
)")
                             .dns.forward;

    EXPECT_EQ(forward.servers, (Lines{"10.0.0.2", "[fd00::2]:5353", "fd00::3"}));
    EXPECT_EQ(forward.allow, Lines{"10.0.0.0/8"});
    EXPECT_EQ(forward.queries_max_per_client, 20U);
    EXPECT_EQ(forward.cache_bytes_max, 1'000'000U);
    EXPECT_EQ(forward.cache_entries_max, 100U);
    EXPECT_EQ(forward.ttl_max, seconds(3600));
    EXPECT_EQ(forward.negative_ttl_max, seconds(60));
    EXPECT_EQ(forward.serve_stale, seconds(0));
    EXPECT_EQ(forward.timeout, milliseconds(300));
    EXPECT_EQ(forward.tries, 3U);
    EXPECT_FALSE(forward.prefetch);
    EXPECT_EQ(forward.rebind_allow, Lines{"intranet.example"});
    ASSERT_EQ(forward.domains.size(), 1U);
    EXPECT_EQ(forward.domains[0].name, "corp.example");
    EXPECT_EQ(forward.domains[0].servers, Lines{"10.0.0.53:5353"});
}

TEST(ConfigDnsForward, a_server_is_an_address) {
    EXPECT_EQ(wrong("[dns.forward]\nservers = [\"ns.example\"]\n"),
              Lines{"2: \"servers\" must be a server such as \"10.0.0.2\" or \"10.0.0.2:5353\", "
                    "found the string \"ns.example\""});
}

TEST(ConfigDnsForward, a_domain_has_a_name_and_servers) {
    EXPECT_EQ(wrong("[[dns.forward.domain]]\nname = \"a.example\"\n"),
              Lines{"1: a dns.forward.domain needs a \"name\" and \"servers\""});
}

}  // namespace
