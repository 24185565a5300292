#include "dns/browse_names.hpp"

#include <algorithm>
#include <map>
#include <utility>

namespace dns {

namespace {

using std::string_view_literals::operator""sv;

constexpr std::string_view services_key = "\11_services\7_dns-sd\4_udp";
// Pointers to so many instances bring their records along: a browser then needs to ask no more.
constexpr std::size_t described_max = 16;

// A label for any text: what is too long is cut, at a whole character, and told apart by its hash.
std::string label_of(const std::string& text) {
    if (text.size() <= label_bytes_max) return text;
    constexpr std::size_t hash_bytes = 17;  // "~" and 16 digits
    std::size_t kept = label_bytes_max - hash_bytes;
    const auto continues = [&](char c) { return (static_cast<unsigned char>(c) & 0xC0U) == 0x80; };
    while (kept > 0 && continues(text[kept])) --kept;
    std::string label = text.substr(0, kept) + "~";
    const auto hash = hash_octets(octets(text), 1);
    for (int shift = 60; shift >= 0; shift -= 4) label += "0123456789abcdef"[hash >> shift & 15U];
    return label;
}

// With its length before it.
std::string_view first_label(std::string_view labels) {
    return labels.substr(0, 1U + static_cast<std::uint8_t>(labels.front()));
}

bool matches(std::string_view pattern, std::string_view name) {
    if (!pattern.ends_with('*')) return pattern == name;
    pattern.remove_suffix(1);
    return name.starts_with(pattern);
}

}  // namespace

BrowseNames::BrowseNames(Compilation& compilation) : compilation_(compilation) {
    if (compilation_.options.browse.empty()) return;
    for (const auto what : {"\1b"sv, "\2db"sv, "\2lb"sv}) {
        NameRecords records(compilation_, compilation_.options.ttl);
        records.add_ptr({});
        const Labels key = Labels(what) + "\7_dns-sd\4_udp";
        compilation_.table.put(Space::forward, key, records.build());
    }
    publish();
}

bool BrowseNames::covers(std::string_view service) const {
    const auto& patterns = compilation_.options.browse;
    const auto name = fold(service);
    const auto covers_it = [&](const auto& pattern) { return matches(fold(pattern), name); };
    if (std::none_of(patterns.begin(), patterns.end(), covers_it)) return false;
    const auto type = Grammar::type_of(service);
    return type && compilation_.grammar.fits(*type);
}

void BrowseNames::add_type(const Labels& key, std::string_view service) {
    types_[key] = Grammar::type_of(service).value();
    changed_ = true;
}

void BrowseNames::remove_type(const Labels& key) {
    types_.erase(key);
    changed_ = true;
}

void BrowseNames::publish() {
    if (!changed_ || compilation_.options.browse.empty()) return;
    changed_ = false;
    NameRecords records(compilation_, compilation_.options.ttl);
    for (const auto& [key, type] : types_) records.add_ptr(type);
    compilation_.table.put(Space::forward, services_key, records.build());
}

std::optional<Labels> BrowseNames::name_of(const agent::InstanceView& instance,
                                           std::string_view service) const {
    const auto& record = instance.record;
    std::string text(record.id());
    if (!record.node().empty()) text.append("@").append(record.node());
    Labels labels;
    if (text == "*" || !append_label(labels, label_of(text))) return std::nullopt;
    labels += *Grammar::type_of(service);
    if (!compilation_.grammar.fits(labels)) return std::nullopt;
    return labels;
}

void BrowseNames::add_pointers(std::string_view service,
                               const Selection& selection,
                               NameRecords& records) {
    const bool described = selection.instances.size() <= described_max;
    for (const auto& selected : selection.instances) {
        const auto name = name_of(*selected.instance, service);
        if (name) records.add_instance(*name, selected, described);
    }
}

// Names that differ only in case are one, as everywhere.
void BrowseNames::put_instances(std::string_view service,
                                const std::vector<const Candidate*>& candidates,
                                const Selection& selection,
                                std::chrono::seconds ttl,
                                Labels& published) {
    std::map<Labels, std::vector<const Selected*>> names;
    for (const auto* candidate : candidates) {
        const auto name = name_of(*candidate->instance, service);
        if (!name) {
            compilation_.counters.unpublishable.add();
        } else if (names.size() < compilation_.options.records_max) {
            names[fold(*name)];
        } else {
            compilation_.counters.records_left_out.add();
        }
    }
    for (const auto& selected : selection.instances) {
        const auto name = name_of(*selected.instance, service);
        const auto found = name ? names.find(fold(*name)) : names.end();
        if (found != names.end()) found->second.push_back(&selected);
    }
    for (const auto& [key, all] : names) {
        NameRecords records(compilation_, ttl);
        for (const auto* selected : all) {
            const auto& instance = *selected->instance;
            records.add_srv(*selected, {std::string(instance.address()), instance.record.port()});
            records.add_attributes(instance.record.meta());
        }
        compilation_.table.put(Space::forward, key, records.build());
    }
    const auto type = fold(*Grammar::type_of(service));
    for (std::string_view left = published; !left.empty();) {
        const auto label = first_label(left);
        const auto key = Labels(label) + type;
        if (!names.contains(key)) compilation_.table.remove(Space::forward, key);
        left.remove_prefix(label.size());
    }
    published.clear();
    for (const auto& [key, all] : names) published += first_label(key);
    published.shrink_to_fit();
}

}  // namespace dns
