#include "agent/endpoint.hpp"

#include <gtest/gtest.h>

#include <string>

namespace {

TEST(Endpoint, host_and_port_are_told_apart) {
    EXPECT_EQ(agent::parse_host_port("web.local:80"), (agent::HostPort{"web.local", 80}));
    EXPECT_EQ(agent::parse_host_port("127.0.0.1:0"), (agent::HostPort{"127.0.0.1", 0}));
    EXPECT_EQ(agent::parse_host_port("[::1]:8500"), (agent::HostPort{"::1", 8500}));
    EXPECT_EQ(agent::format(agent::HostPort{"::1", 8500}), "[::1]:8500");
    EXPECT_EQ(agent::format(agent::HostPort{"127.0.0.1", 53}), "127.0.0.1:53");
}

TEST(Endpoint, what_is_no_address_is_refused) {
    for (const auto* text : {"",
                             ":80",
                             "host",
                             "host:",
                             "host:x",
                             "host:65536",
                             "host:-1",
                             "::1:80",
                             "[::1]",
                             "[x]:1",
                             "[]:1",
                             "a b:1",
                             "http://x:1"}) {
        EXPECT_FALSE(agent::parse_host_port(text)) << text;
    }
}

TEST(Endpoint, a_listener_takes_an_address_and_no_name) {
    EXPECT_TRUE(agent::is_listen_address("0.0.0.0:53"));
    EXPECT_TRUE(agent::is_listen_address("[::]:53"));
    EXPECT_FALSE(agent::is_listen_address("localhost:53"));
    EXPECT_FALSE(agent::is_listen_address("unix:/run/x"));
    EXPECT_TRUE(agent::is_listen_address_or_unix("unix:/run/roster/http.sock"));
    EXPECT_FALSE(agent::is_listen_address_or_unix("unix:relative"));
    EXPECT_FALSE(agent::is_listen_address_or_unix("unix:/" + std::string(200, 'x')));
}

TEST(Endpoint, a_domain_has_labels_of_the_right_letters_and_lengths) {
    EXPECT_TRUE(agent::is_domain("consul"));
    EXPECT_TRUE(agent::is_domain("roster.internal."));
    EXPECT_FALSE(agent::is_domain(""));
    EXPECT_FALSE(agent::is_domain("."));
    EXPECT_FALSE(agent::is_domain("a..b"));
    EXPECT_FALSE(agent::is_domain("-a.b"));
    EXPECT_FALSE(agent::is_domain("sp ace"));
    EXPECT_FALSE(agent::is_domain(std::string(64, 'a')));
}

TEST(Endpoint, a_prefix_is_of_either_family) {
    EXPECT_TRUE(agent::is_ip_prefix("10.0.0.0/8"));
    EXPECT_TRUE(agent::is_ip_prefix("fd00::/8"));
    EXPECT_FALSE(agent::is_ip_prefix("10.0.0.0"));
    EXPECT_FALSE(agent::is_ip_prefix("10.0.0.0/33"));
}

}  // namespace
