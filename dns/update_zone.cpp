#include "dns/update_zone.hpp"

#include "dns/address.hpp"
#include "dns/answer.hpp"
#include "dns/target.hpp"

#include <algorithm>
#include <charconv>
#include <optional>
#include <set>
#include <utility>

namespace dns {

namespace {

using Hold = ZoneRecord::Hold;

constexpr std::size_t srv_target_at = 6;  // behind priority, weight and port
constexpr std::string_view ttl_key = "dns-ttl";
constexpr std::string_view priority_key = "dns-priority";
constexpr std::uint16_t priority_max = 32'767;

std::uint16_t number_at(std::string_view rdata, std::size_t at) {
    return read_u16(octets(rdata), at);
}

bool is_address(std::uint16_t type) { return type == rr::a || type == rr::aaaa; }

std::uint32_t ttl_of(const agent::InstanceRecord& record) {
    const auto found = record.service.meta.find(std::string(ttl_key));
    const auto ttl =
        found == record.service.meta.end() ? std::nullopt : agent::parse_duration(found->second);
    return ttl ? static_cast<std::uint32_t>(ttl->count() / 1000) : 0;
}

std::uint16_t priority_of(const agent::InstanceRecord& record) {
    const auto found = record.service.meta.find(std::string(priority_key));
    std::uint16_t priority = 1;
    if (found == record.service.meta.end()) return priority;
    const auto& text = found->second;
    std::from_chars(text.data(), text.data() + text.size(), priority);
    return priority;
}

// 0 is for ever.
std::int64_t later(std::int64_t a, std::int64_t b) { return a == 0 || b == 0 ? 0 : std::max(a, b); }

}  // namespace

std::optional<IpAddress> ip_of(std::string_view rdata) {
    IpAddress ip;
    if (rdata.size() != 4 && rdata.size() != ip.bytes.size()) return std::nullopt;
    ip.size = static_cast<std::uint8_t>(rdata.size());
    std::copy(rdata.begin(), rdata.end(), ip.bytes.begin());
    return ip;
}

std::string canonical_rdata(std::uint16_t type, std::string rdata) {
    if (type == rr::cname || type == rr::ptr || type == rr::ns) return fold(rdata);
    if (type != rr::srv || rdata.size() < srv_target_at) return rdata;
    // No priority and the first of ours are the same.
    if (number_at(rdata, 0) == 0) rdata[1] = 1;
    return rdata.substr(0, srv_target_at) + fold(std::string_view(rdata).substr(srv_target_at));
}

std::string UpdateZone::canonical(std::uint16_t type, const std::string& rdata) const {
    auto made = canonical_rdata(type, rdata);
    const auto ip = type == rr::srv ? address_of(made) : std::nullopt;
    if (!ip) return made;
    return made.substr(0, srv_target_at) + grammar_.address_target(*ip) + grammar_.domain();
}

std::optional<IpAddress> UpdateZone::address_of(std::string_view srv_rdata) const {
    QueryName name;
    Place place;
    if (!read_name(octets(srv_rdata), srv_target_at, name)) return std::nullopt;
    grammar_.locate(name, place);
    if (place.kind != Place::Kind::address) return std::nullopt;
    return place.address;
}

ZoneRecords UpdateZone::records_of(const agent::HeldInstance& held, bool may_remove) const {
    const auto& record = held.record;
    const bool removable = may_remove && held.persistent;
    ZoneRecord like;
    like.ttl = ttl_of(record);
    like.path = held.path;
    like.hold = record.dns ? Hold::own : removable ? Hold::registered : Hold::fixed;
    if (record.dns) {
        like.key = record.dns->key;
        like.expires_ms = record.dns->expires_ms;
    }
    ZoneRecords records;
    const auto& address =
        record.service.address.empty() ? record.node_address : record.service.address;
    const auto ip = parse_host_ip(address);
    if (ip) {
        auto& own = records.emplace_back(like);
        own.type = ip->is_v4() ? rr::a : rr::aaaa;
        own.rdata = text(ip->octets());
        if (record.dns && !record.dns->has_address) own.hold = Hold::implied;
    }
    const auto host = ip ? std::nullopt : parse_name(address);
    if (record.service.port == 0 || (!ip && !host)) return records;
    std::vector<std::uint8_t> rdata;
    append_u16(rdata, priority_of(record));
    append_u16(rdata, record.service.weights.passing);
    append_u16(rdata, record.service.port);
    append(rdata, octets(ip ? grammar_.address_target(*ip) + grammar_.domain() : *host));
    auto& srv = records.emplace_back(like);
    srv.type = rr::srv;
    srv.rdata = canonical(rr::srv, std::string(text(rdata)));
    return records;
}

// An address that several instances imply is one record.
ZoneRecords UpdateZone::to_records(const std::vector<agent::HeldInstance>& instances,
                                   bool may_remove) const {
    ZoneRecords all;
    for (const auto& instance : instances) {
        for (auto& record : records_of(instance, may_remove)) {
            const auto same = std::find_if(all.begin(), all.end(), [&](const ZoneRecord& other) {
                return record.is_own() && other.is_own() && other.type == record.type &&
                       other.rdata == record.rdata;
            });
            if (same == all.end()) {
                all.push_back(std::move(record));
            } else if (record.hold == Hold::own) {
                if (same->hold == Hold::own) {
                    record.expires_ms = later(record.expires_ms, same->expires_ms);
                }
                *same = std::move(record);
            }
        }
    }
    return all;
}

ZoneRecords UpdateZone::to_records(const agent::DynamicName& name) {
    ZoneRecords records;
    for (const auto& from : name.records) {
        auto& record = records.emplace_back();
        record.type = from.type;
        record.ttl = from.ttl;
        record.rdata = from.rdata;
        record.key = from.key;
        record.expires_ms = from.expires_ms;
    }
    return records;
}

// Of an SRV, or of an address that has none.
agent::InstanceRecord UpdateZone::instance_of(const std::string& service,
                                              const ZoneRecord& record) const {
    agent::InstanceRecord made;
    made.external = true;
    made.service.name = service;
    made.service.meta[std::string(ttl_key)] = std::to_string(record.ttl) + "s";
    made.dns.emplace();
    made.dns->key = record.key;
    made.dns->expires_ms = record.expires_ms;
    std::optional<IpAddress> ip;
    if (record.type == rr::srv) {
        ip = address_of(record.rdata);
        const auto priority = std::min(number_at(record.rdata, 0), priority_max);
        made.service.meta[std::string(priority_key)] = std::to_string(priority);
        made.service.weights.passing = number_at(record.rdata, 2);
        made.service.weights.warning = number_at(record.rdata, 2);
        made.service.port = number_at(record.rdata, 4);
    } else {
        ip = ip_of(record.rdata);
        made.dns->has_address = true;
    }
    auto& address = made.service.address;
    if (ip) {
        address = format_ip(*ip);
    } else {
        address = format_name(octets(record.rdata).subspan(srv_target_at));
        address.pop_back();  // the dot at the end
    }
    made.service.id = "dns:" + address;
    if (made.service.port != 0) made.service.id += ":" + std::to_string(made.service.port);
    made.node = address;
    made.node_address = address;
    made.datacenter = grammar_.datacenter();
    return made;
}

// By path.
std::map<std::string, agent::InstanceRecord>
UpdateZone::instances_of(const std::string& service, const ZoneRecords& records) const {
    std::map<std::string, agent::InstanceRecord> made;
    std::map<std::string, const ZoneRecord*> addresses;  // by rdata
    for (const auto& record : records) {
        if (is_address(record.type) && record.hold == Hold::own) {
            addresses.emplace(record.rdata, &record);
        }
    }
    const auto put = [&](agent::InstanceRecord instance) {
        auto path = agent::instance_path(service, instance.service.id, instance.node);
        made.insert_or_assign(std::move(path), std::move(instance));
    };
    std::set<std::string> with_port;
    for (const auto& record : records) {
        if (record.type != rr::srv || !record.is_own()) continue;
        auto instance = instance_of(service, record);
        if (const auto ip = address_of(record.rdata)) {
            const auto address = addresses.find(std::string(text(ip->octets())));
            if (address != addresses.end()) {
                with_port.insert(address->first);
                instance.dns->has_address = true;
                instance.dns->expires_ms =
                    later(instance.dns->expires_ms, address->second->expires_ms);
            }
        }
        put(std::move(instance));
    }
    for (const auto& [rdata, record] : addresses) {
        if (!with_port.contains(rdata)) put(instance_of(service, *record));
    }
    return made;
}

void UpdateZone::add_service_change(const std::string& service,
                                    const ZoneRecords& records,
                                    const agent::DynamicView& view,
                                    std::int64_t now_ms,
                                    agent::DynamicChange& change) const {
    auto wanted = instances_of(service, records);
    const auto of = view.services.find(service);
    static const std::vector<agent::HeldInstance> none;
    for (const auto& held : of == view.services.end() ? none : of->second) {
        const auto still = wanted.find(held.path);
        if (!held.record.dns) {
            const bool stays = std::any_of(records.begin(), records.end(), [&](const auto& record) {
                return record.path == held.path;
            });
            const bool was_there = !records_of(held, true).empty();
            if (!stays && was_there && held.persistent) change.remove.push_back(held.path);
            // What is there by another hand is as good.
            if (still != wanted.end()) wanted.erase(still);
        } else if (still == wanted.end()) {
            change.remove.push_back(held.path);
        } else {
            still->second.registered_ms = held.record.registered_ms;
            still->second.checks = held.record.checks;
            still->second.maintenance = held.record.maintenance;
            if (still->second == held.record) wanted.erase(still);
        }
    }
    for (auto& [path, instance] : wanted) {
        if (instance.registered_ms == 0) instance.registered_ms = now_ms;
        change.put.push_back(std::move(instance));
    }
}

void UpdateZone::add_name_change(const std::string& name,
                                 const ZoneRecords& records,
                                 const agent::DynamicView& view,
                                 agent::DynamicChange& change) {
    agent::DynamicName wanted{name, {}};
    for (const auto& record : records) {
        wanted.records.push_back(
            {record.type, record.ttl, record.rdata, record.key, record.expires_ms});
    }
    const auto held = view.names.find(name);
    const bool is_same =
        held == view.names.end() ? wanted.records.empty() : held->second.name == wanted;
    if (!is_same) change.names.push_back(std::move(wanted));
}

}  // namespace dns
