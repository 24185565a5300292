#pragma once
// Where a member listens to its peers, as configured and as members tell each other.
//
// Fed by:  the configuration, Hellos.
// Read by: PeerLinks and PeerRegister; Server.
// Thread:  any; they are functions.
// Fails:   nothing: a text that is no address yields no value.

#include <optional>
#include <string>
#include <string_view>

namespace coord {

struct PeerAddress {
    std::string host;  // without brackets
    std::string port;

    bool operator==(const PeerAddress&) const = default;
};

// "10.0.0.1:2888", "[::1]:2888", "host:2888"
std::optional<PeerAddress> parse_peer_address(std::string_view text);

// Whether it is one of this machine only, so that nobody else can listen in.
bool is_loopback(const std::string& host);

}  // namespace coord
