#pragma once
// Addresses as the configuration and the command line write them.
//
// Fed by:  config, cli/, checks/tcp_check.
// Thread:  any; pure functions.
// Fails:   nothing: a text that is no address yields no value.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

struct HostPort {
    std::string host;  // without brackets
    std::uint16_t port = 0;

    bool operator==(const HostPort&) const = default;
};

// "host:80", "127.0.0.1:80", "[::1]:80". Port 0 is accepted: a listener's "any free port".
std::optional<HostPort> parse_host_port(std::string_view text);
// "127.0.0.1:80" or "[::1]:80" again.
std::string format(const HostPort& endpoint);

bool is_ip_address(std::string_view text);
// "10.0.0.0/8", "fd00::/8"
bool is_ip_prefix(std::string_view text);
// IP:PORT, nothing to be looked up.
bool is_listen_address(std::string_view text);
// IP:PORT, or "unix:/absolute/path".
bool is_listen_address_or_unix(std::string_view text);
// A domain name: labels of letters, digits, hyphens and underscores; RFC 1035 §2.3.4 lengths.
bool is_domain(std::string_view text);

}  // namespace agent
