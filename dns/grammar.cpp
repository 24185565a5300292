#include "dns/grammar.hpp"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace dns {

namespace {

constexpr std::string_view arpa{"\4arpa\0", 6};
constexpr std::string_view service_label{"\7service"};

bool is_service_label(std::string_view name) {
    return name.find('.') == std::string_view::npos && name.size() <= label_bytes_max &&
           name != "*";
}

// The labels of <name>.<kind>; dots in the name separate labels.
std::optional<Labels> dotted(std::string_view name, std::string_view kind) {
    if (name == "*" || name.starts_with("*.")) return std::nullopt;
    Labels labels;
    while (!name.empty()) {
        const auto dot = name.find('.');
        if (!append_label(labels, name.substr(0, dot))) return std::nullopt;
        name.remove_prefix(dot == std::string_view::npos ? name.size() : dot + 1);
    }
    if (labels.empty() || labels.size() > name_bytes_max) return std::nullopt;
    append_label(labels, kind);
    return labels;
}

bool is_underscored(Octets label) { return label[0] == '_'; }

// _web._tcp and _web._primary, but for what DNS-SD has its own names below.
bool is_service_spelling(const QueryName& name) {
    if (!is_underscored(name.label(0)) || !is_underscored(name.label(1))) return false;
    return text(name.label(0)) != "_dns-sd" || text(name.label(1)) != "_udp";
}

// _web._tcp becomes web.service, _web._primary becomes primary.web.service. False for "_" alone.
bool compose(Octets service, Octets tag, Place& place) {
    std::size_t at = 0;
    const auto put = [&](Octets label) {
        place.composed[at++] = static_cast<std::uint8_t>(label.size());
        std::memcpy(&place.composed[at], label.data(), label.size());
        at += label.size();
    };
    if (service.size() < 2 || tag.size() < 2) return false;
    if (text(tag) != "_tcp") put(tag.subspan(1));
    put(service.subspan(1));
    std::memcpy(&place.composed[at], service_label.data(), service_label.size());
    place.key = Octets(place.composed).first(at + service_label.size());
    return true;
}

// What may stand below the domain for a key: web.service is _web._tcp.service and _web._tcp too,
// primary.web.service is _web._primary.service and _web._primary.
std::vector<Labels> spelled_below(std::string_view key) {
    std::vector<Labels> spelled{Labels(key)};
    if (!key.ends_with(service_label)) return spelled;
    std::vector<std::string_view> labels;
    for (auto rest = key.substr(0, key.size() - service_label.size()); !rest.empty();) {
        const std::size_t end = 1U + static_cast<std::uint8_t>(rest[0]);
        labels.push_back(rest.substr(1, end - 1));
        rest.remove_prefix(end);
    }
    if (labels.empty() || labels.size() > 2) return spelled;
    Labels composed;
    const auto tag = labels.size() == 1 ? "tcp" : labels[0];
    if (!append_label(composed, "_" + std::string(labels.back()))) return spelled;
    if (!append_label(composed, "_" + std::string(tag))) return spelled;
    spelled.push_back(composed + std::string(service_label));
    spelled.push_back(composed);
    return spelled;
}

// b.a.web.service and a.b.a.web.service become a.b.web.service. False, and the name as it is, if it
// has too many tags to be a key.
bool compose(const QueryName& name, std::size_t tags, Place& place) {
    std::array<std::string_view, Grammar::tags_together_max> sorted;
    if (tags > sorted.size()) return false;
    for (std::size_t i = 0; i < tags; ++i) sorted[i] = text(name.label(i));
    std::sort(sorted.begin(), sorted.begin() + tags);
    const auto* const end = std::unique(sorted.begin(), sorted.begin() + tags);
    std::size_t at = 0;
    for (const auto* tag = sorted.begin(); tag != end; ++tag) {
        place.composed[at++] = static_cast<std::uint8_t>(tag->size());
        std::memcpy(&place.composed[at], tag->data(), tag->size());
        at += tag->size();
    }
    const auto rest = place.key.subspan(name.label_at[tags]);
    std::memcpy(&place.composed[at], rest.data(), rest.size());
    place.key = Octets(place.composed).first(at + rest.size());
    return true;
}

}  // namespace

Grammar::Grammar(std::string_view domain,
                 std::string_view datacenter,
                 const std::vector<std::string>& reverse_prefixes)
    : datacenter_(datacenter), datacenter_label_(fold(datacenter)) {
    const auto apex = parse_name(domain);
    // 64 octets are left for the names below it.
    if (!apex || apex->size() == 1 || apex->size() > name_bytes_max - 64) {
        throw std::runtime_error("\"" + std::string(domain) + "\" is no domain for dns to serve");
    }
    if (datacenter.empty() || datacenter.size() > label_bytes_max) {
        throw std::runtime_error("datacenter \"" + std::string(datacenter) + "\" is no DNS label");
    }
    for (const auto* kind : {"service", "node", "addr", "ns"}) {
        if (datacenter_label_ != kind) continue;
        throw std::runtime_error("datacenter \"" + std::string(datacenter) +
                                 "\" would hide the names below " + kind + ".<domain>");
    }
    forward_ = {Space::forward, fold(*apex)};
    // RFC 6762 §3 and RFC 6761 §6: resolvers do not ask us for these.
    for (const auto* reserved : {"local", "localhost", "invalid", "onion"}) {
        if (!forward_.apex.ends_with(*parse_name(reserved))) continue;
        throw std::runtime_error("\"" + std::string(domain) +
                                 "\" is no domain for dns to serve: ." + reserved + " is reserved");
    }
    number(forward_);
    add_reverse(*parse_prefix("127.0.0.0/8"), false);
    add_reverse(*parse_prefix("::1/128"), false);
    for (const auto& text : reverse_prefixes) {
        const auto prefix = parse_prefix(text);
        if (!prefix) throw std::runtime_error("dns.reverse: \"" + text + "\" is no address prefix");
        add_reverse(*prefix, true);
    }
}

void Grammar::number(Zone& zone) {
    zone.number = static_cast<std::uint16_t>(zones_.size());
    zones_.push_back(&zone);
}

// A prefix that does not end at an octet (nibble) is several zones: at most 128 (8).
void Grammar::add_reverse(const IpPrefix& prefix, bool is_numbered) {
    const std::size_t unit_bits = prefix.address.is_v4() ? 8 : 4;
    const std::size_t units = (prefix.bits + unit_bits - 1) / unit_bits;
    const std::size_t zones = std::size_t{1} << (units * unit_bits - prefix.bits);
    prefixes_.push_back(prefix);
    IpAddress address = prefix.address;
    for (std::size_t i = 0; i < zones; ++i) {
        if (units > 0) {
            const std::size_t last = (units * unit_bits - 1) / 8;
            const std::size_t shift = (8 - units * unit_bits % 8) % 8;
            const auto keep = static_cast<std::uint8_t>(~((zones - 1) << shift));
            address.bytes[last] =
                static_cast<std::uint8_t>((prefix.address.bytes[last] & keep) | i << shift);
        }
        Labels apex = reverse_labels(address, units);
        apex += arpa;
        const auto [zone, is_new] = reverse_.emplace(apex, Zone{Space::reverse, apex});
        if (is_new && is_numbered) number(zone->second);
    }
}

bool Grammar::is_ours(const IpAddress& address) const { return contains(prefixes_, address); }

void Grammar::locate(const QueryName& name, Place& place) const {
    place.kind = Place::Kind::outside;
    place.key = {};
    place.underscored = name.labels > 0 && is_underscored(name.label(0));
    const auto whole = text(name.whole());
    const std::string_view apex = forward_.apex;
    if (whole.ends_with(apex)) {
        place.apex_at = whole.size() - apex.size();
        // The suffix counts only where a label begins.
        for (std::size_t i = 0; i <= name.labels; ++i) {
            const std::size_t at = i < name.labels ? name.label_at[i] : name.bytes - 1U;
            if (at < place.apex_at) continue;
            if (at > place.apex_at) break;
            place.zone = &forward_;
            return locate_forward(name, i, place);
        }
    }
    if (whole.ends_with(arpa)) locate_reverse(name, place);
}

// `labels` of the name are left of the domain.
void Grammar::locate_forward(const QueryName& name, std::size_t labels, Place& place) const {
    using Kind = Place::Kind;
    place.kind = Kind::apex;
    if (labels == 0) return;
    std::size_t end = place.apex_at;
    if (labels > 1 && text(name.label(labels - 1)) == "dc" &&
        text(name.label(labels - 2)) == datacenter_label_) {
        --labels;
    }
    if (text(name.label(labels - 1)) == datacenter_label_) {
        place.kind = Kind::implied;
        if (--labels == 0) return;
        end = name.label_at[labels];
    }
    place.end = end;
    const auto kind = text(name.label(labels - 1));
    if (kind == "addr" && labels > 1) {
        const auto address = labels == 2 ? parse_hex(name.label(0)) : std::nullopt;
        place.kind = address ? Kind::address : Kind::missing;
        if (address) place.address = *address;
        return;
    }
    place.kind = Kind::key;
    place.key = name.whole().first(end);
    const std::size_t service_labels = kind == "service" ? labels - 1 : labels;
    if (service_labels == 2 && is_service_spelling(name) &&
        !compose(name.label(0), name.label(1), place)) {
        place.kind = Kind::missing;
        place.key = {};
    }
    if (kind == "service" && service_labels > 2 && !is_underscored(name.label(0)) &&
        !compose(name, service_labels - 1, place)) {
        place.kind = Kind::missing;
        place.key = {};
    }
}

void Grammar::locate_reverse(const QueryName& name, Place& place) const {
    const auto whole = text(name.whole());
    for (std::size_t i = 0; i < name.labels; ++i) {
        const auto zone = reverse_.find(whole.substr(name.label_at[i]));
        if (zone == reverse_.end()) continue;
        place.kind = i == 0 ? Place::Kind::apex : Place::Kind::key;
        place.zone = &zone->second;
        place.apex_at = name.label_at[i];
        // A zone of one address has its pointer at the apex.
        place.key = name.whole().first(name.bytes - arpa.size());
        return;
    }
}

const Zone* Grammar::zone_of(Space space, std::string_view key) const {
    if (space == Space::forward) return &forward_;
    const auto whole = Labels(key).append(arpa);
    QueryName name;
    Place place;
    if (!read_name(octets(whole), 0, name)) return nullptr;
    locate(name, place);
    return place.kind == Place::Kind::outside ? nullptr : place.zone;
}

std::vector<Labels> Grammar::spellings(Space space, std::string_view key) const {
    std::vector<Labels> wholes;
    if (space == Space::reverse) {
        wholes.push_back(Labels(key).append(arpa));
    } else {
        Labels datacenter;
        append_label(datacenter, datacenter_label_);
        for (const auto& below : spelled_below(key)) {
            wholes.push_back(below + forward_.apex);
            wholes.push_back(below + datacenter + forward_.apex);
        }
    }
    // The other direction decides: a name is a spelling of the key it leads to.
    std::erase_if(wholes, [&](const auto& whole) {
        QueryName name;
        Place place;
        if (!read_name(octets(whole), 0, name)) return true;
        locate(name, place);
        return place.kind != Place::Kind::address && text(place.key) != key;
    });
    return wholes;
}

std::optional<Labels> Grammar::service_key(std::string_view service) {
    if (!is_service_label(service)) return std::nullopt;
    return dotted(fold(service), "service");
}

std::optional<Labels> Grammar::tags_key(const std::vector<std::string>& tags,
                                        std::string_view service) {
    const auto rest = service_key(service);
    Labels labels;
    for (const auto& tag : tags) {
        if (!is_service_label(tag) || !append_label(labels, tag)) return std::nullopt;
    }
    if (!rest || labels.size() + rest->size() > name_bytes_max) return std::nullopt;
    return labels + *rest;
}

std::optional<Labels> Grammar::port_key(std::string_view port, std::string_view service) {
    return tags_key({"_" + fold(port), "_tcp"}, service);
}

std::optional<Labels>
Grammar::binding_key(std::uint16_t port, std::string_view scheme, std::string_view service) {
    std::vector<std::string> labels;
    if (port != 0) labels.push_back("_" + std::to_string(port));
    labels.push_back("_" + std::string(scheme));
    return tags_key(labels, service);
}

std::optional<Labels> Grammar::node_key(std::string_view node) {
    return dotted(fold(node), "node");
}

std::optional<Labels> Grammar::type_of(std::string_view service) {
    Labels labels;
    if (!is_service_label(service) || !append_label(labels, "_" + std::string(service))) {
        return std::nullopt;
    }
    append_label(labels, "_tcp");
    return labels;
}

std::optional<Labels> Grammar::subtype_key(std::string_view tag, std::string_view service) {
    const auto type = type_of(service);
    Labels labels;
    if (!type || !append_label(labels, "_" + fold(tag))) return std::nullopt;
    append_label(labels, "_sub");
    return labels + fold(*type);
}

std::vector<Labels> Grammar::implied_by_tag(std::string_view tag) {
    Labels labels;
    if (!append_label(labels, "_" + fold(tag))) return {};
    return {labels, labels + std::string(service_label)};
}

std::optional<Labels> Grammar::target(std::optional<Labels> labels) const {
    if (!labels) return std::nullopt;
    append_label(*labels, datacenter_);
    if (!fits(*labels)) return std::nullopt;
    return labels;
}

std::optional<Labels> Grammar::node_target(std::string_view node) const {
    return target(dotted(node, "node"));
}

std::optional<Labels> Grammar::service_target(std::string_view service) const {
    if (!is_service_label(service)) return std::nullopt;
    return target(dotted(service, "service"));
}

Labels Grammar::address_target(const IpAddress& address) const {
    return target(dotted(format_hex(address), "addr")).value();
}

}  // namespace dns
