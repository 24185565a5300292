#include "coord/client/hosts.hpp"

#include "coord/proto/error.hpp"

#include <gtest/gtest.h>

#include <set>

namespace coord {
namespace {

TEST(ConnectString, names_hosts_ports_and_a_chroot) {
    const auto parsed = parse_connect_string("zk1:2182, zk2 ,10.0.0.3:99/app/a");

    ASSERT_TRUE(parsed);
    const std::vector<EnsembleHost> hosts = {{"zk1", 2182}, {"zk2", 2181}, {"10.0.0.3", 99}};
    EXPECT_EQ(parsed->hosts, hosts);
    EXPECT_EQ(parsed->chroot, "/app/a");
}

TEST(ConnectString, takes_ipv6_addresses_in_brackets) {
    const auto parsed = parse_connect_string("[::1]:2000,[fe80::2]");

    ASSERT_TRUE(parsed);
    const std::vector<EnsembleHost> hosts = {{"::1", 2000}, {"fe80::2", 2181}};
    EXPECT_EQ(parsed->hosts, hosts);
}

TEST(ConnectString, has_no_chroot_when_it_is_the_root) {
    const auto parsed = parse_connect_string("zk1/");

    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->chroot, "");
}

TEST(ConnectString, is_refused_when_a_part_cannot_be_read) {
    for (const auto* text : {"",
                             "/chroot",
                             "zk1,,zk2",
                             "zk1,",
                             "zk1:",
                             "zk1:0",
                             "zk1:65536",
                             "zk1:port",
                             "zk1:21 81",
                             ":2181",
                             "::1:2181",
                             "[::1",
                             "[]:2181",
                             "[::1]2181",
                             "zk1/a/",
                             "zk1/a//b",
                             "zk1/.."}) {
        const auto parsed = parse_connect_string(text);
        ASSERT_FALSE(parsed) << text;
        EXPECT_EQ(parsed.error(), Errc::bad_arguments);
    }
}

TEST(HostCycle, visits_every_host_before_it_comes_to_one_again) {
    HostCycle cycle({{"a"}, {"b"}, {"c"}}, 7);

    for (int pass = 0; pass < 3; ++pass) {
        std::set<std::string> seen;
        for (int i = 0; i < 3; ++i) seen.insert(cycle.next().name);
        EXPECT_EQ(seen.size(), 3U);
    }
}

TEST(HostCycle, begins_elsewhere_for_another_seed) {
    std::set<std::string> first;
    for (std::uint64_t seed = 0; seed < 20; ++seed) {
        first.insert(HostCycle({{"a"}, {"b"}, {"c"}}, seed).next().name);
    }

    EXPECT_EQ(first.size(), 3U);
}

TEST(ReconnectBackoff, doubles_to_its_longest_with_jitter_in_the_upper_half) {
    using std::chrono::milliseconds;
    ReconnectBackoff backoff(milliseconds(10), milliseconds(50), 7);

    for (const auto step : {10, 20, 40, 50, 50}) {
        const auto delay = backoff.next();
        EXPECT_LE(delay, milliseconds(step));
        EXPECT_GE(delay, milliseconds(step) / 2);
    }
}

TEST(ReconnectBackoff, begins_anew_after_a_reset) {
    using std::chrono::milliseconds;
    ReconnectBackoff backoff(milliseconds(10), milliseconds(1000), 7);
    for (int i = 0; i < 10; ++i) (void)backoff.next();

    backoff.reset();

    EXPECT_LE(backoff.next(), milliseconds(10));
}

}  // namespace
}  // namespace coord
