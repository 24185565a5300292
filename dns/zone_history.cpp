#include "dns/zone_history.hpp"

#include "dns/apex.hpp"
#include "dns/query.hpp"

#include <algorithm>
#include <utility>

namespace dns {

namespace {

constexpr std::uint16_t forward = 0;
constexpr std::string_view node_label{"\4node"};
constexpr std::string_view address_label{"\4addr"};

IpAddress address_of(const StoredRecord& record) {
    IpAddress address;
    address.size = static_cast<std::uint8_t>(record.rdata().size());
    std::copy(record.rdata().begin(), record.rdata().end(), address.bytes.begin());
    return address;
}

void add_address(StoredRecordsBuilder& builder,
                 const IpAddress& address,
                 std::chrono::seconds ttl) {
    builder.add(address.is_v4() ? rr::a : rr::aaaa,
                static_cast<std::uint32_t>(ttl.count()),
                address.octets());
}

Labels address_key(const IpAddress& address) {
    Labels key;
    append_label(key, format_hex(address));
    return key.append(address_label);
}

}  // namespace

ZoneHistory::ZoneHistory(const Grammar& grammar, ZoneHistoryOptions options)
    : grammar_(grammar), options_(options), journal_(options.journal_bytes_max) {}

std::set<std::uint16_t> ZoneHistory::advance(std::uint32_t serial, ZoneChanges changes) {
    const bool is_first = version_ == nullptr;
    if (is_first) version_ = std::make_shared<const ZoneVersion>();
    for (const auto& [name, records] : changes) {
        count(name, version_->find(name), false);
        count(name, records, true);
    }
    derive(changes);
    ZoneStep step{version_->serial(), serial, {}};
    std::set<std::uint16_t> zones;
    for (auto change = changes.begin(); change != changes.end();) {
        const auto& [name, records] = *change;
        const auto before = version_->find(name);
        if (before == records || (before && records && *before == *records)) {
            change = changes.erase(change);
            continue;
        }
        zones.insert(name.zone);
        if (!is_first) {
            step.changes.push_back(
                {name, difference(before, records), difference(records, before)});
        }
        ++change;
    }
    version_ = version_->next(serial, changes);
    if (!is_first) {
        journal_.push(std::move(step));
        return zones;
    }
    for (const auto* zone : grammar_.zones()) zones.insert(*zone->number);
    return zones;
}

// What the records of a name have to do with names that follow from others.
void ZoneHistory::count(const ZoneName& name, const StoredRecordsPointer& records, bool add) {
    if (!records || name.zone != forward) return;
    const bool is_node = name.key.ends_with(node_label);
    records->each([&](const auto& record) {
        if (is_node && (record.type() == rr::a || record.type() == rr::aaaa)) {
            use(servers_, address_of(record), add, servers_changed_);
        }
        if (record.type() != rr::srv) return;
        const auto target = target_address(record.rdata().subspan(6));
        if (target) use(targets_, *target, add, targets_changed_);
    });
}

void ZoneHistory::use(Uses& uses,
                      const IpAddress& address,
                      bool add,
                      std::set<IpAddress>& changed) {
    changed.insert(address);
    auto& count = uses[address];
    count = add ? count + 1 : count - 1;
    if (count == 0) uses.erase(address);
}

void ZoneHistory::derive(ZoneChanges& changes) {
    for (const auto& address : std::exchange(targets_changed_, {})) {
        StoredRecordsBuilder builder;
        if (targets_.contains(address)) add_address(builder, address, options_.ttl);
        changes[{forward, address_key(address)}] = builder.build();
    }
    if (std::exchange(servers_changed_, {}).empty()) return;
    StoredRecordsBuilder builder;
    std::size_t left = options_.records_max;
    for (const auto& [address, uses] : servers_) {
        if (left-- == 0) break;
        add_address(builder, address, options_.ttl);
    }
    changes[{forward, Labels(apex::name_server)}] = builder.build();
}

// Of <hex>.addr in our domain.
std::optional<IpAddress> ZoneHistory::target_address(Octets target) const {
    QueryName name;
    Place place;
    if (!read_name(target, 0, name)) return std::nullopt;
    grammar_.locate(name, place);
    if (place.kind != Place::Kind::address) return std::nullopt;
    return place.address;
}

}  // namespace dns
