#include "dns/update_policy.hpp"

#include <algorithm>
#include <stdexcept>
#include <utility>

namespace dns {

namespace {

// "*" is all names, "*.office" all below office.
bool matches(const std::string& pattern, const std::string& name) {
    if (pattern == "*") return true;
    return pattern.starts_with("*.") ? name.ends_with(pattern.substr(1)) : name == pattern;
}

}  // namespace

UpdatePolicy::UpdatePolicy(const std::vector<agent::DnsUpdateConfig>& rules,
                           const TsigKeyring& keys) {
    for (const auto& from : rules) {
        UpdateRule rule;
        const auto key = parse_name(from.key);
        if (!key || !keys.contains(fold(*key))) {
            throw std::runtime_error("dns.update: there is no dns.key \"" + from.key + "\"");
        }
        rule.key = fold(*key);
        for (const auto& name : from.names) rule.names.push_back(fold(name));
        rule.lease = from.lease;
        rule.may_remove_registered = from.may_remove_registered;
        rules_.push_back(std::move(rule));
    }
}

const UpdateRule* UpdatePolicy::find(const TsigKey& key, const std::string& name) const {
    const auto found = std::find_if(rules_.begin(), rules_.end(), [&](const UpdateRule& rule) {
        return rule.key == key.name &&
               std::any_of(rule.names.begin(), rule.names.end(), [&](const auto& pattern) {
                   return matches(pattern, name);
               });
    });
    return found == rules_.end() ? nullptr : &*found;
}

}  // namespace dns
