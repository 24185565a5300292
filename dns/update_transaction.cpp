#include "dns/update_transaction.hpp"

#include "dns/target.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <map>
#include <optional>
#include <string>
#include <utility>

namespace dns {

namespace {

using Hold = ZoneRecord::Hold;
using Kind = UpdateTarget::Kind;

constexpr std::uint32_t ttl_max = 7 * 86'400;

bool is_service_type(std::uint16_t type) {
    return type == rr::a || type == rr::aaaa || type == rr::srv;
}

bool is_name_type(std::uint16_t type) {
    return is_service_type(type) || type == rr::cname || type == rr::txt || type == rr::ptr;
}

// RFC 2136 §2.3 speaks of names of the zone, a policy of names below the domain.
std::string policy_name(const UpdateTarget& target) {
    return target.kind == Kind::service ? target.name + ".service" : target.name;
}

std::size_t count_own(const ZoneRecords& records) {
    return static_cast<std::size_t>(std::count_if(
        records.begin(), records.end(), [](const auto& record) { return record.is_own(); }));
}

}  // namespace

UpdateLease grant(const UpdateLease& asked,
                  const std::vector<UpdateEntry>& updates,
                  const TsigKey& key,
                  const UpdatePolicy& policy) {
    std::chrono::seconds most{0};
    for (const auto& entry : updates) {
        const auto* rule = policy.find(key, policy_name(entry.target));
        if (rule == nullptr || rule->lease.count() == 0) continue;
        if (most.count() == 0 || rule->lease < most) most = rule->lease;
    }
    return grant(asked, most);
}

bool UpdateTransaction::is_same(const ZoneRecord& record,
                                std::uint16_t type,
                                const std::string& canonical) const {
    return record.type == type && zone_.canonical(type, record.rdata) == canonical;
}

Rcode UpdateTransaction::check(const std::vector<UpdateEntry>& prerequisites) const {
    for (const auto& entry : prerequisites) {
        const auto rcode = check_one(entry);
        if (rcode != Rcode::no_error) return rcode;
    }
    return check_sets(prerequisites);
}

Rcode UpdateTransaction::check_one(const UpdateEntry& entry) const {
    const auto& records = state_.at(entry.target);
    const auto type = entry.record.type;
    const bool has_type = std::any_of(
        records.begin(), records.end(), [&](const auto& record) { return record.type == type; });
    // RFC 2136 §2.4: a name is in use if it owns a record; that others are below it is not enough.
    const bool in_use = !records.empty();
    if (entry.record.klass == class_any) {
        if (type == rr::any) return in_use ? Rcode::no_error : Rcode::name_error;
        return has_type ? Rcode::no_error : Rcode::rrset_missing;
    }
    if (entry.record.klass == class_none) {
        if (type == rr::any) return in_use ? Rcode::name_exists : Rcode::no_error;
        return has_type ? Rcode::rrset_exists : Rcode::no_error;
    }
    return Rcode::no_error;
}

// RFC 2136 §3.2.3: sets that must be there, exactly as they are given but for their TTL.
Rcode UpdateTransaction::check_sets(const std::vector<UpdateEntry>& prerequisites) const {
    using Set = std::set<std::string>;
    std::map<std::pair<UpdateTarget, std::uint16_t>, Set> wanted;
    for (const auto& [target, record] : prerequisites) {
        if (record.klass != class_in) continue;
        wanted[{target, record.type}].insert(zone_.canonical(record.type, record.rdata));
    }
    for (const auto& [of, set] : wanted) {
        Set found;
        for (const auto& record : state_.at(of.first)) {
            if (record.type == of.second) found.insert(zone_.canonical(record.type, record.rdata));
        }
        if (found != set) return Rcode::rrset_missing;
    }
    return Rcode::no_error;
}

Rcode UpdateTransaction::apply(const std::vector<UpdateEntry>& updates,
                               const TsigKey& key,
                               const UpdatePolicy& policy,
                               const std::optional<UpdateLease>& lease) {
    std::vector<const UpdateRule*> rules;
    for (const auto& entry : updates) {
        const auto* rule = policy.find(key, policy_name(entry.target));
        if (entry.target.kind == Kind::other || rule == nullptr) return Rcode::refused;
        rules.push_back(rule);
    }
    for (std::size_t i = 0; i < updates.size(); ++i) {
        const auto rcode = apply_one(updates[i], key, lease ? lease->all : rules[i]->lease);
        if (rcode != Rcode::no_error) return rcode;
    }
    return Rcode::no_error;
}

Rcode UpdateTransaction::apply_one(const UpdateEntry& entry,
                                   const TsigKey& key,
                                   std::chrono::seconds lease) {
    if (entry.record.klass == class_in) return add(entry, key, lease);
    if (entry.record.klass == class_none) return remove_record(entry);
    remove_sets(entry);
    return Rcode::no_error;
}

bool UpdateTransaction::can_hold(const UpdateEntry& entry) const {
    const auto& record = entry.record;
    if (record.rdata.size() > update_rdata_bytes_max) return false;
    if (entry.target.kind == Kind::name) return is_name_type(record.type);
    // A port of 0 would be none; an address mapped into IPv6 would be answered as A.
    const bool has_port = record.type != rr::srv || read_u16(octets(record.rdata), 4) != 0;
    const auto ip = record.type == rr::aaaa  ? ip_of(record.rdata)
                    : record.type == rr::srv ? zone_.address_of(record.rdata)
                                             : std::nullopt;
    return is_service_type(record.type) && has_port && !(ip && is_mapped(*ip));
}

// RFC 2136 §3.4.2.2.
Rcode UpdateTransaction::add(const UpdateEntry& entry,
                             const TsigKey& key,
                             std::chrono::seconds lease) {
    if (!can_hold(entry)) return Rcode::refused;
    auto& records = state_.at(entry.target);
    const auto type = entry.record.type;
    const auto is_cname = [](const ZoneRecord& record) { return record.type == rr::cname; };
    // An alias stands alone: beside other data it is passed over, as they are beside it.
    const bool has_alias = std::any_of(records.begin(), records.end(), is_cname);
    if (!records.empty() && has_alias != (type == rr::cname)) return Rcode::no_error;
    if (type == rr::cname) std::erase_if(records, is_cname);

    ZoneRecord made;
    made.type = type;
    made.ttl = std::min(entry.record.ttl, ttl_max);
    made.rdata = entry.target.kind == Kind::service ? zone_.canonical(type, entry.record.rdata)
                                                    : entry.record.rdata;
    made.key = format_name(octets(key.name));
    made.expires_ms = lease.count() == 0 ? 0 : now_ms_ + lease.count() * 1000;
    // RFC 2181 §5.2: all of a set have one TTL.
    for (auto& record : records) {
        if (record.type == type && record.is_own()) record.ttl = made.ttl;
    }
    const auto canonical = zone_.canonical(type, made.rdata);
    const auto same = std::find_if(records.begin(), records.end(), [&](const ZoneRecord& record) {
        return record.is_own() && is_same(record, type, canonical);
    });
    if (same != records.end()) {
        *same = std::move(made);
        return Rcode::no_error;
    }
    if (count_own(records) >= update_records_max) return Rcode::refused;
    records.push_back(made);
    if (entry.target.kind == Kind::service && type == rr::srv) imply_address(records, made);
    return Rcode::no_error;
}

// Whoever has a port has an address; it goes with the last port unless it was added itself.
void UpdateTransaction::imply_address(ZoneRecords& records, const ZoneRecord& srv) const {
    const auto ip = zone_.address_of(srv.rdata);
    if (!ip) return;
    ZoneRecord address = srv;
    address.type = ip->is_v4() ? rr::a : rr::aaaa;
    address.rdata = text(ip->octets());
    address.hold = Hold::implied;
    const bool is_there = std::any_of(records.begin(), records.end(), [&](const auto& record) {
        return record.is_own() && is_same(record, address.type, address.rdata);
    });
    if (!is_there) records.push_back(std::move(address));
}

// RFC 2136 §3.4.2.4. What is there only because somebody registered it is not ours to remove.
Rcode UpdateTransaction::remove_record(const UpdateEntry& entry) {
    auto& records = state_.at(entry.target);
    const auto type = entry.record.type;
    const auto canonical = zone_.canonical(type, entry.record.rdata);
    bool removed = false;
    bool fixed = false;
    for (const auto& record : ZoneRecords(records)) {
        if (!is_same(record, type, canonical)) continue;
        fixed |= record.hold == Hold::fixed;
        if (record.hold == Hold::fixed) continue;
        remove(entry.target, record);
        removed = true;
    }
    return fixed && !removed ? Rcode::refused : Rcode::no_error;
}

// RFC 2136 §3.4.2.3: what must stay is passed over, as SOA and NS of the apex would be.
void UpdateTransaction::remove_sets(const UpdateEntry& entry) {
    auto& records = state_.at(entry.target);
    for (const auto& record : ZoneRecords(records)) {
        const bool is_meant = entry.record.type == rr::any || entry.record.type == record.type;
        if (is_meant && record.hold != Hold::fixed) remove(entry.target, record);
    }
}

// With the ports of an address that goes, and with the implied address of a last port. Of a
// registered instance all records go.
void UpdateTransaction::remove(const UpdateTarget& target, const ZoneRecord& which) {
    auto& records = state_.at(target);
    const bool is_service = target.kind == Kind::service;
    const auto srv_address = [&](const ZoneRecord& record) -> std::string {
        const auto ip =
            is_service && record.type == rr::srv ? zone_.address_of(record.rdata) : std::nullopt;
        return ip ? std::string(text(ip->octets())) : std::string();
    };
    if (which.hold == Hold::registered) {
        std::erase_if(records, [&](const auto& record) { return record.path == which.path; });
        return;
    }
    const bool is_address = which.type == rr::a || which.type == rr::aaaa;
    std::erase_if(records, [&](const ZoneRecord& record) {
        if (!record.is_own()) return false;
        if (is_address && srv_address(record) == which.rdata) return true;
        return record.type == which.type && record.rdata == which.rdata;
    });
    const auto address = srv_address(which);
    if (address.empty()) return;
    const bool has_port = std::any_of(records.begin(), records.end(), [&](const auto& record) {
        return record.is_own() && srv_address(record) == address;
    });
    if (has_port) return;
    std::erase_if(records, [&](const ZoneRecord& record) {
        return record.hold == Hold::implied && record.rdata == address;
    });
}

}  // namespace dns
