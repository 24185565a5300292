#include "dns/static_records.hpp"

#include "dns/address.hpp"
#include "dns/query.hpp"
#include "dns/target.hpp"

#include <algorithm>
#include <set>
#include <stdexcept>
#include <string>

namespace dns {

namespace {

[[noreturn]] void refuse(const agent::DnsRecordConfig& record, const std::string& why) {
    throw std::runtime_error("dns.record \"" + record.name + "\": " + why);
}

// Below the domain, unless it ends with a dot (RFC 1035 §5.1).
std::optional<Labels> absolute(std::string_view name, const Grammar& grammar) {
    auto labels = parse_name(name);
    if (!labels || name.ends_with('.')) return labels;
    labels->pop_back();  // the root
    *labels += grammar.domain();
    if (labels->size() > name_bytes_max) return std::nullopt;
    return labels;
}

Labels key_of(const agent::DnsRecordConfig& record, const Grammar& grammar) {
    const auto whole = absolute(record.name, grammar);
    QueryName name;
    Place place;
    if (!whole || !read_name(octets(*whole), 0, name)) refuse(record, "is no name");
    grammar.locate(name, place);
    if (place.kind != Place::Kind::key || place.zone->space != Space::forward) {
        refuse(record, "is not a name of its own below the domain");
    }
    const Labels key(text(name.whole()).substr(0, place.apex_at));
    const bool is_composed = text(place.key) != key;
    const auto is_below = [&](std::string_view label) {
        return key == label ||
               (key.size() > label.size() && std::string_view(key).ends_with(label));
    };
    if (key == "\2ns" || is_composed || is_below("\7service") || is_below("\4node") ||
        is_below("\4addr") || is_below("\4_tcp") || is_below("\4_udp")) {
        refuse(record, "belongs to what is registered");
    }
    return key;
}

}  // namespace

std::vector<std::string> find_faults(const std::vector<agent::DnsRecordConfig>& records,
                                     const Grammar& grammar) {
    std::vector<std::string> faults;
    std::set<Labels> keys;
    for (const auto& record : records) {
        try {
            const auto made = compile(record, grammar, std::chrono::seconds(0));
            if (!keys.insert(made.key).second) refuse(record, "is there twice");
        } catch (const std::runtime_error& wrong) {
            faults.emplace_back(wrong.what());
        }
    }
    return faults;
}

StaticName
compile(const agent::DnsRecordConfig& record, const Grammar& grammar, std::chrono::seconds ttl) {
    StaticName made{key_of(record, grammar), {}};
    const auto seconds = static_cast<std::uint32_t>(record.ttl.value_or(ttl).count());
    AnswerBuilder a;
    AnswerBuilder aaaa;
    AnswerBuilder cname;
    AnswerBuilder txt;
    for (const auto& address : record.addresses) {
        const auto ip = parse_host_ip(address);
        if (!ip) refuse(record, "\"" + address + "\" is no address");
        (ip->is_v4() ? a : aaaa).add(ip->is_v4() ? rr::a : rr::aaaa, seconds, ip->octets());
    }
    for (const auto& line : record.texts) txt.add(rr::txt, seconds, text_rdata(line));
    if (!record.cname.empty()) {
        const auto target = absolute(record.cname, grammar);
        if (!target) refuse(record, "\"" + record.cname + "\" is no name");
        // RFC 1034 §3.6.2: nothing else may stand beside an alias.
        if (!a.empty() || !aaaa.empty() || !txt.empty()) refuse(record, "an alias stands alone");
        cname.add(rr::cname, seconds, octets(*target));
    }
    made.answers[Slot::a] = a.build();
    made.answers[Slot::aaaa] = aaaa.build();
    made.answers[Slot::cname] = cname.build();
    made.answers[Slot::txt] = txt.build();
    return made;
}

}  // namespace dns
