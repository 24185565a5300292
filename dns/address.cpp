#include "dns/address.hpp"

#include <algorithm>
#include <arpa/inet.h>
#include <cassert>
#include <charconv>
#include <cstring>

namespace dns {

namespace {

constexpr std::string_view hex_digits = "0123456789abcdef";

std::uint8_t nibble(const IpAddress& address, std::size_t i) {
    const std::uint8_t octet = address.bytes[i / 2];
    return static_cast<std::uint8_t>(i % 2 == 0 ? octet >> 4U : octet & 0x0FU);
}

}  // namespace

bool IpAddress::is_loopback() const {
    if (is_v4()) return bytes[0] == 127;
    return size == 16 && bytes[15] == 1 &&
           std::all_of(bytes.begin(), bytes.end() - 1, [](auto octet) { return octet == 0; });
}

std::optional<IpAddress> parse_ip(std::string_view text) {
    const std::string terminated(text);
    IpAddress address;
    const bool v6 = text.find(':') != std::string_view::npos;
    if (::inet_pton(v6 ? AF_INET6 : AF_INET, terminated.c_str(), address.bytes.data()) != 1) {
        return std::nullopt;
    }
    address.size = v6 ? 16 : 4;
    return address;
}

std::string format_ip(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    ::inet_ntop(
        address.is_v4() ? AF_INET : AF_INET6, address.bytes.data(), text.data(), text.size());
    return text.data();
}

std::optional<IpPrefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const auto address = parse_ip(text.substr(0, slash));
    if (!address) return std::nullopt;
    IpPrefix prefix{*address};
    const auto digits = text.substr(slash + 1);
    const auto* const end = digits.data() + digits.size();
    const auto [stop, error] = std::from_chars(digits.data(), end, prefix.bits);
    if (error != std::errc{} || stop != end || prefix.bits > address->size * 8U)
        return std::nullopt;
    return prefix;
}

bool contains(const IpPrefix& prefix, const IpAddress& address) {
    if (prefix.address.size != address.size) return false;
    const std::size_t whole = prefix.bits / 8;
    if (std::memcmp(prefix.address.bytes.data(), address.bytes.data(), whole) != 0) return false;
    if (prefix.bits % 8 == 0) return true;
    const unsigned differs = prefix.address.bytes[whole] ^ address.bytes[whole];
    return differs >> (8 - prefix.bits % 8) == 0;
}

bool contains(const std::vector<IpPrefix>& prefixes, const IpAddress& address) {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](const IpPrefix& prefix) {
        return contains(prefix, address);
    });
}

std::string format_hex(const IpAddress& address) {
    std::string hex;
    for (std::size_t i = 0; i < address.size * 2U; ++i) hex += hex_digits[nibble(address, i)];
    return hex;
}

std::optional<IpAddress> parse_hex(Octets label) {
    if (label.size() != 8 && label.size() != 32) return std::nullopt;
    IpAddress address;
    address.size = static_cast<std::uint8_t>(label.size() / 2);
    for (std::size_t i = 0; i < label.size(); ++i) {
        const auto digit = hex_digits.find(static_cast<char>(label[i]));
        if (digit == std::string_view::npos) return std::nullopt;
        auto& octet = address.bytes[i / 2];
        octet = static_cast<std::uint8_t>(std::size_t{octet} << 4U | digit);
    }
    return address;
}

Labels reverse_labels(const IpAddress& address, std::size_t units) {
    assert(units <= (address.is_v4() ? 4U : 32U));
    Labels labels;
    for (std::size_t i = units; i-- > 0;) {
        if (address.is_v4()) {
            append_label(labels, std::to_string(address.bytes[i]));
        } else {
            append_label(labels, hex_digits.substr(nibble(address, i), 1));
        }
    }
    append_label(labels, address.is_v4() ? "in-addr" : "ip6");
    return labels;
}

}  // namespace dns
