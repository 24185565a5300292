#include "dns/target.hpp"

#include <algorithm>
#include <array>

namespace dns {

namespace {

bool is_hostname(std::string_view text) {
    return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                   "0123456789-_.") == std::string_view::npos;
}

}  // namespace

bool is_mapped(const IpAddress& address) {
    constexpr std::array<std::uint8_t, 12> prefix{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
    return address.size == 16 && std::equal(prefix.begin(), prefix.end(), address.bytes.begin());
}

std::optional<IpAddress> parse_host_ip(std::string_view text) {
    const auto parsed = parse_ip(text);
    if (!parsed || !is_mapped(*parsed)) return parsed;
    IpAddress address;
    address.size = 4;
    std::copy_n(parsed->bytes.begin() + 12, 4, address.bytes.begin());
    return address;
}

std::optional<Labels> parse_hostname(std::string_view text) {
    if (!is_hostname(text)) return std::nullopt;
    return parse_name(text);
}

// The node's name if it leads to this address; it does not while the node is not published.
std::optional<Target>
find_target(const Grammar& grammar, const agent::InstanceView& instance, std::string_view address) {
    const auto ip = parse_host_ip(address);
    if (!ip) {
        const auto host = parse_hostname(address);
        if (!host) return std::nullopt;
        return Target{*host, {}, {}};
    }
    std::optional<Labels> owner;
    if (instance.node && address == instance.node->record.address) {
        owner = grammar.node_target(instance.record.node());
    }
    if (!owner) owner = grammar.address_target(*ip);
    return Target{*owner + grammar.domain(), *owner, ip};
}

}  // namespace dns
