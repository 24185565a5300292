#pragma once
// [[dns.key]]: the secrets that messages are signed with; [[dns.update]]: what they let one change.
//
// Fed by:  config_dns.cpp.
// Thread:  any.
// Fails:   ConfigErrors, through the reader; none of them tells a secret.

#include "agent/config_table.hpp"

#include <optional>
#include <string>
#include <string_view>

namespace agent {

void read_dns_keys(TableReader& in, DnsConfig& dns);
// Of the keys that were read before.
void read_dns_updates(TableReader& in, DnsConfig& dns);

// RFC 4648 §4, with its padding. Empty for what is not base64, or nothing at all.
std::optional<Secret> parse_secret(std::string_view base64);

}  // namespace agent
