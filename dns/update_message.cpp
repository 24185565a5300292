#include "dns/update_message.hpp"

#include <algorithm>
#include <string_view>
#include <utility>

namespace dns {

namespace {

// RFC 6895 §3.1: OPT, and the types of questions and of messages.
bool is_meta(std::uint16_t type) { return type == rr::opt || (type >= 128 && type <= 255); }

// RFC 2136 §3.2.5: in the order of its pseudocode.
Rcode check_prerequisite(const Record& record) {
    if (record.ttl != 0) return Rcode::format_error;
    if (record.klass == class_any || record.klass == class_none) {
        return record.rdata.empty() ? Rcode::no_error : Rcode::format_error;
    }
    const bool is_record = record.klass == class_in && record.sound && !is_meta(record.type);
    return is_record ? Rcode::no_error : Rcode::format_error;
}

// RFC 2136 §3.4.1.3.
Rcode check_update(const Record& record) {
    const bool is_any = record.type == rr::any;
    bool good = false;
    if (record.klass == class_in) {
        good = record.sound && !is_meta(record.type);
    } else if (record.klass == class_any) {
        good = record.ttl == 0 && record.rdata.empty() && (is_any || !is_meta(record.type));
    } else if (record.klass == class_none) {
        good = record.ttl == 0 && record.sound && !is_meta(record.type);
    }
    return good ? Rcode::no_error : Rcode::format_error;
}

std::vector<std::string_view> labels_of(std::string_view key) {
    std::vector<std::string_view> labels;
    while (!key.empty()) {
        const std::size_t size = static_cast<std::uint8_t>(key.front());
        labels.push_back(key.substr(1, size));
        key.remove_prefix(1 + size);
    }
    return labels;
}

// Labels that names of the catalog end in.
bool is_kind(std::string_view label) {
    return label == "service" || label == "node" || label == "addr" || label.starts_with('_');
}

std::string text_of(const Labels& key) {
    auto text = format_name(octets(key + '\0'));
    text.pop_back();  // the dot at the end
    return text;
}

}  // namespace

Rcode UpdateReader::check_zone(const Message& message) const {
    if (message.questions.size() != 1) return Rcode::format_error;
    const auto& zone = message.questions.front();
    if (zone.type != rr::soa) return Rcode::format_error;
    QueryName name;
    Place place;
    if (zone.klass != class_in || !read_name(octets(zone.name), 0, name)) return Rcode::not_auth;
    grammar_.locate(name, place);
    if (place.kind == Place::Kind::outside) return Rcode::not_auth;
    if (name.bytes != place.zone->apex.size()) return Rcode::not_auth;
    // Pointers of reverse names follow what is registered.
    return place.zone->space == Space::forward ? Rcode::no_error : Rcode::refused;
}

Rcode UpdateReader::read_entry(const Record& record, UpdateEntry& entry) const {
    QueryName name;
    Place place;
    if (!read_name(octets(record.owner), 0, name)) return Rcode::format_error;
    grammar_.locate(name, place);
    if (place.kind == Place::Kind::outside || place.zone->space != Space::forward) {
        return Rcode::not_zone;
    }
    entry.record = record;
    entry.target.whole = text(name.whole());
    if (place.kind != Place::Kind::key) return Rcode::no_error;
    const Labels key(text(place.key));
    const auto labels = labels_of(key);
    if (labels.size() == 2 && labels[1] == "service" && !labels[0].starts_with('_')) {
        entry.target.kind = UpdateTarget::Kind::service;
        entry.target.name = labels[0];
    } else if (!is_kind(labels.back()) && key != "\2ns" && !is_static_(key)) {
        entry.target.kind = UpdateTarget::Kind::name;
        entry.target.name = text_of(key);
    } else {
        return Rcode::no_error;
    }
    entry.target.whole = key + grammar_.domain();
    return Rcode::no_error;
}

Rcode UpdateReader::read(const Message& message, UpdateRequest& request) const {
    const auto read_all = [this](const std::vector<Record>& records,
                                 Rcode (*check)(const Record&),
                                 std::vector<UpdateEntry>& entries) {
        for (const auto& record : records) {
            auto rcode = read_entry(record, entries.emplace_back());
            if (rcode == Rcode::no_error) rcode = check(record);
            if (rcode != Rcode::no_error) return rcode;
        }
        return Rcode::no_error;
    };
    if (message.opt && !read_update_lease(octets(message.opt->rdata), request.lease)) {
        return Rcode::format_error;
    }
    const auto rcode = read_all(
        message.section(MessageSection::answer), check_prerequisite, request.prerequisites);
    if (rcode != Rcode::no_error) return rcode;
    return read_all(message.section(MessageSection::authority), check_update, request.updates);
}

}  // namespace dns
