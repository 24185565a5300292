#include "coord/raft/peer_address.hpp"

#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

TEST(PeerAddress, is_a_host_and_a_port) {
    EXPECT_EQ(parse_peer_address("10.0.0.1:2888"), (PeerAddress{"10.0.0.1", "2888"}));
    EXPECT_EQ(parse_peer_address("[::1]:2888"), (PeerAddress{"::1", "2888"}));
    EXPECT_EQ(parse_peer_address("host.example:1"), (PeerAddress{"host.example", "1"}));
}

TEST(PeerAddress, anything_else_is_none) {
    for (const auto* text :
         {"", "host", ":1", "host:", "host:x", "::1:2888", "host:65536", "local"}) {
        EXPECT_EQ(parse_peer_address(text), std::nullopt) << text;
    }
    EXPECT_EQ(parse_peer_address(std::string(400, 'x') + ":1"), std::nullopt);
}

TEST(PeerAddress, of_this_machine_only_is_loopback) {
    EXPECT_TRUE(is_loopback("127.0.0.2"));
    EXPECT_TRUE(is_loopback("::1"));
    EXPECT_TRUE(is_loopback("localhost"));
    EXPECT_FALSE(is_loopback("0.0.0.0"));
    EXPECT_FALSE(is_loopback("10.0.0.1"));
    EXPECT_FALSE(is_loopback("host"));
}

}  // namespace
}  // namespace coord
