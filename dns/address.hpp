#pragma once
// IP addresses as DNS writes them: rdata, the hexadecimal label, and the reverse name.
//
// Fed by:  AnswerCompiler (addresses of instances), Grammar (prefixes, labels of queries).
// Thread:  any; values and pure functions.
// Fails:   an empty optional for text that is no address; a hostname is none.

#include "dns/name.hpp"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};
    std::uint8_t size = 0;  // 4 or 16

    [[nodiscard]] Octets octets() const { return Octets(bytes).first(size); }
    [[nodiscard]] bool is_v4() const { return size == 4; }
    [[nodiscard]] bool is_loopback() const;

    auto operator<=>(const IpAddress&) const = default;
};

// Who asks, and when: Unix time in seconds.
struct Client {
    IpAddress address;
    std::uint32_t now = 0;
};

struct IpPrefix {
    IpAddress address;
    std::size_t bits = 0;
};

std::optional<IpAddress> parse_ip(std::string_view text);
std::string format_ip(const IpAddress& address);
std::optional<IpPrefix> parse_prefix(std::string_view text);  // "10.0.0.0/8"
bool contains(const IpPrefix& prefix, const IpAddress& address);
bool contains(const std::vector<IpPrefix>& prefixes, const IpAddress& address);

// 10.0.0.1 is "0a000001", as in <hexip>.addr.<domain>.
std::string format_hex(const IpAddress& address);
std::optional<IpAddress> parse_hex(Octets label);  // lower-case

// The labels of the name under in-addr.arpa or ip6.arpa, "in-addr" or "ip6" included but without
// "arpa" and the root. `units` is how many octets or nibbles are used: 4 and 32 for an address.
Labels reverse_labels(const IpAddress& address, std::size_t units);
inline Labels reverse_labels(const IpAddress& address) {
    return reverse_labels(address, address.is_v4() ? 4 : 32);
}

}  // namespace dns
