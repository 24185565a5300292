#include "dns/reverse_names.hpp"

#include "dns/name_records.hpp"
#include "dns/target.hpp"

#include <utility>

namespace dns {

void ReverseNames::collect(std::string_view address, std::set<IpAddress>& addresses) const {
    const auto ip = parse_host_ip(address);
    if (ip && compilation_.grammar.is_ours(*ip)) addresses.insert(*ip);
}

void ReverseNames::track(Side side,
                         const Labels& key,
                         std::set<IpAddress>& before,
                         std::set<IpAddress> after) {
    for (const auto& ip : before) {
        if (after.contains(ip)) continue;
        owners_.at(ip).of(side).erase(key);
        changed_.insert(ip);
    }
    for (const auto& ip : after) {
        if (before.contains(ip)) continue;
        owners_[ip].of(side).insert(key);
        changed_.insert(ip);
    }
    before = std::move(after);
}

void ReverseNames::publish(const TargetOf& target_of) {
    auto& table = compilation_.table;
    for (const auto& ip : std::exchange(changed_, {})) {
        auto& owners = owners_.at(ip);
        const auto key = reverse_labels(ip);
        if (owners.nodes.empty() && owners.services.empty()) {
            if (owners.published) table.remove(Space::reverse, key);
            owners_.erase(ip);
            continue;
        }
        owners.published = true;
        NameRecords records(compilation_, compilation_.options.ttl);
        const auto side = owners.nodes.empty() ? Side::service : Side::node;
        for (const auto& owner : owners.of(side)) {
            if (const auto target = target_of(side, owner)) records.add_ptr(*target);
        }
        table.put(Space::reverse, key, records.build());
    }
}

}  // namespace dns
