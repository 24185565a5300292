#include "dns/name_records.hpp"

#include "dns/query.hpp"
#include "dns/reply_draft.hpp"

#include <algorithm>
#include <vector>

namespace dns {

namespace {

// What is left of a message over TCP after the longest question and OPT.
constexpr std::size_t answer_bytes_max = 65'535 - header_bytes - name_bytes_max - 4 - opt_bytes_max;
// RFC 6763 §6.2 wants TXT small; this only keeps one node's metadata from filling a message.
constexpr std::size_t txt_bytes_max = 4096;

bool is_hostname(std::string_view text) {
    return !text.empty() && text.find_first_not_of("abcdefghijklmnopqrstuvwxyz"
                                                   "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                                   "0123456789-_.") == std::string_view::npos;
}

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

}  // namespace

std::optional<Labels> parse_hostname(std::string_view text) {
    if (!is_hostname(text)) return std::nullopt;
    return parse_name(text);
}

NameRecords::NameRecords(Compilation& compilation, std::chrono::seconds ttl)
    : compilation_(compilation), ttl_(count_of(ttl)) {}

void NameRecords::add_address(const std::string& text, std::uint16_t weight) {
    if (const auto ip = parse_ip(text)) {
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
    const auto& instance = *selected.instance;
    const auto& address = at_port.address;
    std::vector<std::uint8_t> rdata;
    append_u16(rdata, selected.priority);
    append_u16(rdata, selected.weight);
    append_u16(rdata, at_port.port);
    if (const auto ip = parse_ip(address)) {
        const Labels owner = target_owner(instance, address, *ip);
        append(rdata, octets(owner));
        append(rdata, octets(compilation_.grammar.domain()));
        if (add(Slot::srv, rr::srv, rdata)) add_extra(owner, *ip);
    } else if (const auto host = parse_hostname(address)) {
        append(rdata, octets(*host));
        add(Slot::srv, rr::srv, rdata);
    }
}

void NameRecords::add_ptr(const Labels& target) {
    add(Slot::ptr, rr::ptr, octets(target + compilation_.grammar.domain()));
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

void NameRecords::add_extra(const Labels& owner, const IpAddress& ip) {
    if (!owners_.insert(owner).second) return;
    at(Slot::srv).add_extra(
        owner, ip.is_v4() ? rr::a : rr::aaaa, count_of(compilation_.options.ttl), ip.octets());
}

// The node's name if it leads to this address; it does not while the node is not published.
Labels NameRecords::target_owner(const agent::InstanceView& instance,
                                 const std::string& address,
                                 const IpAddress& ip) const {
    if (instance.node && address == instance.node->record.address) {
        if (auto node = compilation_.grammar.node_target(instance.record.node)) return *node;
    }
    return compilation_.grammar.address_target(ip);
}

}  // namespace dns
