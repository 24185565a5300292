#include "dns/name_records.hpp"

#include "dns/query.hpp"
#include "dns/reply_draft.hpp"

#include <algorithm>
#include <vector>

namespace dns {

namespace {

// What is left of a message over TCP after the longest question and OPT.
constexpr std::size_t answer_bytes_max = 65'535 - header_bytes - name_bytes_max - 4 - opt_bytes_max;
// Keeps one node's metadata from filling a message.
constexpr std::size_t txt_bytes_max = 4096;
constexpr std::size_t attributes_bytes_max = 1300;  // RFC 6763 §6.2

std::string replaced(std::string_view text, char what, std::string_view with) {
    std::string result;
    for (const char c : text) {
        if (c == what) {
            result += with;
        } else {
            result += c;
        }
    }
    return result;
}

// RFC 1464: "key=value", with the key's own backquotes, equals signs and outer spaces quoted. A key
// that starts with rfc1035- gives its bare value, as in Consul.
std::string txt_text(const std::string& key, const std::string& value) {
    if (key.starts_with("rfc1035-")) return value;
    std::string quoted = replaced(replaced(key, '`', "``"), '=', "`=");
    const auto first = std::min(quoted.find_first_not_of(' '), quoted.size());
    const auto last = quoted.find_last_not_of(' ');
    std::string spaced;
    for (std::size_t i = 0; i < quoted.size(); ++i) {
        if (i < first || (last != std::string::npos && i > last)) spaced += '`';
        spaced += quoted[i];
    }
    return spaced + "=" + replaced(value, '`', "``");
}

std::uint32_t count_of(std::chrono::seconds ttl) { return static_cast<std::uint32_t>(ttl.count()); }

// RFC 6763 §6.4.
bool is_attribute(std::string_view key) {
    return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
        return c >= ' ' && c <= '~' && c != '=';
    });
}

struct Attributes {
    std::vector<std::uint8_t> rdata;
    std::size_t left_out = 0;
};

// RFC 6763 §6: strings "key=value" of at most 255 octets.
Attributes attributes_of(const std::map<std::string, std::string>& meta) {
    Attributes made;
    for (const auto& [key, value] : meta) {
        if (is_setting(key)) continue;
        const std::size_t size = key.size() + 1 + value.size();
        if (!is_attribute(key) || size > 255 ||
            made.rdata.size() + 1 + size > attributes_bytes_max) {
            ++made.left_out;
            continue;
        }
        append(made.rdata, octets(static_cast<char>(size) + key + "=" + value));
    }
    if (made.rdata.empty()) made.rdata.push_back(0);
    return made;
}

std::vector<std::uint8_t>
srv_rdata(const Selected& selected, std::uint16_t port, const Target& target) {
    std::vector<std::uint8_t> rdata;
    append_u16(rdata, selected.priority);
    append_u16(rdata, selected.weight);
    append_u16(rdata, port);
    append(rdata, octets(target.name));
    return rdata;
}

}  // namespace

NameRecords::NameRecords(Compilation& compilation, std::chrono::seconds ttl)
    : compilation_(compilation), ttl_(count_of(ttl)) {}

void NameRecords::add_address(const std::string& text, std::uint16_t weight) {
    if (const auto ip = parse_host_ip(text)) {
        add(ip->is_v4() ? Slot::a : Slot::aaaa,
            ip->is_v4() ? rr::a : rr::aaaa,
            ip->octets(),
            weight);
    } else if (const auto host = parse_hostname(text)) {
        add(Slot::cname, rr::cname, octets(*host), weight);
    } else if (!text.empty()) {
        compilation_.counters.unpublishable.add();
    }
}

void NameRecords::add_txt(const std::map<std::string, std::string>& meta) {
    for (const auto& [key, value] : meta) {
        if (is_setting(key)) continue;
        const auto rdata = text_rdata(txt_text(key, value));
        if (rdata.size() <= txt_bytes_max) {
            add(Slot::txt, rr::txt, rdata);
        } else {
            compilation_.counters.records_left_out.add();
        }
    }
}

void NameRecords::add_srv(const Selected& selected, const agent::TaggedAddress& at_port) {
    const auto target = find_target(compilation_.grammar, *selected.instance, at_port.address);
    if (!target) return;
    if (add(Slot::srv, rr::srv, srv_rdata(selected, at_port.port, *target))) {
        add_address_of(*target, Slot::srv);
    }
}

void NameRecords::add_ptr(const Labels& target) {
    add(Slot::ptr, rr::ptr, octets(target + compilation_.grammar.domain()));
}

void NameRecords::add_binding(Slot slot, const Binding& binding, const Labels& own) {
    const auto type = slot == Slot::https ? rr::https : rr::svcb;
    const auto name = own.empty() ? Labels(1, '\0') : own + compilation_.grammar.domain();
    if (add(slot, type, encode(binding, name)) && binding.target) {
        add_address_of(*binding.target, slot);
    }
}

// RFC 6763 §12.1.
void NameRecords::add_instance(const Labels& name, const Selected& selected, bool described) {
    if (!add(Slot::ptr, rr::ptr, octets(name + compilation_.grammar.domain())) || !described)
        return;
    const auto& instance = *selected.instance;
    auto& pointers = at(Slot::ptr);
    const auto target = find_target(compilation_.grammar, instance, instance.address());
    if (!target) return;
    pointers.add_extra(name, rr::srv, ttl_, srv_rdata(selected, instance.record.port(), *target));
    pointers.add_extra(name, rr::txt, ttl_, attributes_of(instance.record.meta()).rdata);
    add_address_of(*target, Slot::ptr);
}

void NameRecords::add_attributes(const std::map<std::string, std::string>& meta) {
    const auto made = attributes_of(meta);
    add(Slot::txt, rr::txt, made.rdata);
    compilation_.counters.records_left_out.add(made.left_out);
}

AnswerSet NameRecords::build() {
    AnswerSet set;
    // A CNAME stands alone (RFC 2181 §10.1), so an address beats it.
    if (!at(Slot::a).empty() || !at(Slot::aaaa).empty()) at(Slot::cname) = {};
    at(Slot::cname).pick_one();
    for (std::size_t i = 0; i < slot_count; ++i) set.slots[i] = builders_[i].build();
    return set;
}

// A record that is there already has the weights of both: it stands for two instances.
bool NameRecords::add(Slot slot, std::uint16_t type, Octets rdata, std::uint16_t weight) {
    auto& builder = at(slot);
    const auto [seen, is_new] =
        seen_.try_emplace(std::pair(slot, std::string(text(rdata))), builder.count());
    if (!is_new) {
        if (seen->second < builder.count()) builder.add_weight(seen->second, weight);
        return false;
    }
    if (builder.count() >= compilation_.options.records_max ||
        builder.bytes() + 12 + rdata.size() > answer_bytes_max) {
        seen->second = SIZE_MAX;
        compilation_.counters.records_left_out.add();
        return false;
    }
    builder.add(type, ttl_, rdata, weight);
    return true;
}

void NameRecords::add_address_of(const Target& target, Slot beside) {
    if (!target.ip || !owners_.emplace(beside, target.owner).second) return;
    const auto ttl = count_of(compilation_.options.ttl);
    const auto& ip = *target.ip;
    at(beside).add_extra(target.owner, ip.is_v4() ? rr::a : rr::aaaa, ttl, ip.octets());
}

}  // namespace dns
