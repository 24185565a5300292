#pragma once
// What the records of an instance lead to: its node, its address as a name, or its hostname.
//
// Fed by:  NameRecords and service_bindings, with an instance's address.
// Thread:  any; pure functions.
// Fails:   an empty optional for what is neither an address nor a hostname.

#include "agent/catalog.hpp"
#include "dns/address.hpp"
#include "dns/grammar.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace dns {

// An IPv4 address that is mapped into IPv6 (RFC 4291 §2.5.5.2) is that IPv4 address, to which
// connect() goes too.
std::optional<IpAddress> parse_host_ip(std::string_view text);
bool is_mapped(const IpAddress& address);

// A name fit for hosts, in wire form.
std::optional<Labels> parse_hostname(std::string_view text);

struct Target {
    Labels name;                  // complete
    Labels owner;                 // the same relative to the domain; empty: a hostname
    std::optional<IpAddress> ip;  // if it is one of ours
};

std::optional<Target>
find_target(const Grammar& grammar, const agent::InstanceView& instance, std::string_view address);

}  // namespace dns
