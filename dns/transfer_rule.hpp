#pragma once
// Who may have the zones.
//
// Fed by:  the configuration ([[dns.transfer]]).
// Read by: Transfers, and Responder for IXFR over UDP.
// Thread:  any; immutable.

#include "dns/address.hpp"
#include "dns/name.hpp"

#include <algorithm>
#include <string_view>
#include <vector>

namespace dns {

// Whoever asks from there, and signs with the key if there is one.
struct TransferRule {
    std::vector<IpPrefix> to;
    Labels key = {};  // complete, lower-case; empty: none is needed
};

// `key` is the one that the request is signed with; empty: none.
inline bool may_transfer(const std::vector<TransferRule>& rules,
                         const IpAddress& client,
                         std::string_view key) {
    return std::any_of(rules.begin(), rules.end(), [&](const TransferRule& rule) {
        return contains(rule.to, client) && (rule.key.empty() || rule.key == key);
    });
}

}  // namespace dns
