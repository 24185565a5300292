#pragma once
// Which keys may change which names, for how long, and how far.
//
// Fed by:  the configuration: [[dns.update]].
// Read by: Updater, UpdateTransaction.
// Thread:  any; immutable.
// Holds:   who is named in no rule may change nothing.
// Fails:   construction throws std::runtime_error with one line: a rule for a key that there is not.

#include "agent/config.hpp"
#include "dns/name.hpp"
#include "dns/tsig.hpp"

#include <chrono>
#include <string>
#include <vector>

namespace dns {

struct UpdateRule {
    Labels key;                      // lower-case, complete
    std::vector<std::string> names;  // below the domain, lower-case: "web.service", "*.office", "*"
    std::chrono::seconds lease{0};   // 0: until it is removed
    bool may_remove_registered = false;  // entries of the catalog that no agent holds
};

class UpdatePolicy {
public:
    UpdatePolicy(const std::vector<agent::DnsUpdateConfig>& rules, const TsigKeyring& keys);

    // The first rule of this key for this name, which is as text below the domain. Null: none.
    [[nodiscard]] const UpdateRule* find(const TsigKey& key, const std::string& name) const;
    [[nodiscard]] bool empty() const { return rules_.empty(); }

private:
    std::vector<UpdateRule> rules_;
};

}  // namespace dns
