#include "dns/upstream_reply.hpp"

#include "dns/message.hpp"

#include <algorithm>
#include <cassert>
#include <optional>
#include <set>
#include <string>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t hops_max = 16;
constexpr std::uint16_t payload = 1232;
constexpr std::uint16_t mx = 15;
constexpr std::uint16_t dname = 39;
constexpr std::uint16_t rrsig = 46;
constexpr std::uint16_t nsec = 47;
constexpr std::uint16_t nsec3 = 50;
constexpr std::uint16_t extended_error_option = 15;
constexpr std::uint16_t ipv4_hint = 4;  // RFC 9460 §14.3.2
constexpr std::uint16_t ipv6_hint = 6;
constexpr std::uint32_t dnssec_ok_flag = 0x8000;

using Records = std::vector<Record>;

void append_u16(std::vector<std::uint8_t>& to, std::size_t value) {
    to.push_back(static_cast<std::uint8_t>(value >> 8U));
    to.push_back(static_cast<std::uint8_t>(value));
}

// The first extended error among the options, if they are any (RFC 8914).
std::optional<ExtendedError> extended_error(Octets options) {
    while (options.size() >= 4) {
        const std::size_t size = read_u16(options, 2);
        if (options.size() - 4 < size) break;
        if (read_u16(options, 0) == extended_error_option && size >= 2) {
            return static_cast<ExtendedError>(read_u16(options, 4));
        }
        options = options.subspan(4 + size);
    }
    return std::nullopt;
}

// A signature goes with what it signs (RFC 4034 §3.1.1).
std::uint16_t kind_of(const Record& record) {
    if (record.type != rrsig || record.rdata.size() < 2) return record.type;
    return read_u16(octets(record.rdata), 0);
}

// Whether a name is in the domain, or is it. Both are folded.
bool is_in(std::string_view name, std::string_view domain) {
    while (name.size() > domain.size())
        name.remove_prefix(1U + static_cast<unsigned char>(name[0]));
    return name == domain;
}

// Whose addresses come beside this record (RFC 2782, RFC 9460 §4.2), folded; empty: nobody's.
Labels target_of(const Record& record) {
    std::size_t at = 0;
    switch (record.type) {
        case rr::ns: break;
        case mx:
        case rr::svcb:
        case rr::https: at = 2; break;
        case rr::srv: at = 6; break;
        default: return {};
    }
    const auto end = record.sound ? skip_name(octets(record.rdata), at) : std::nullopt;
    if (!end) return {};
    auto target = fold(std::string_view(record.rdata).substr(at, *end - at));
    const bool is_binding = record.type == rr::svcb || record.type == rr::https;
    return is_binding && target.size() == 1 ? fold(record.owner) : target;  // RFC 9460 §2.5
}

// Takes the answers of a message that is known to be ours.
class Reading {
public:
    Reading(Message& message, const UpstreamQuestion& asked, const ReplyRules& rules)
        : message_(message), asked_(asked), rules_(rules) {}

    UpstreamReply read(Rcode rcode, bool authentic, std::optional<ExtendedError> why) {
        UpstreamReply reply;
        follow();
        const bool is_home = !home_.empty();
        keep(answers(), [&](const auto& record) { return is_answer(record); });
        const bool is_positive = is_home || (rcode == Rcode::no_error && answers_question());
        keep_proofs(is_positive);
        const auto ttl = is_positive ? least_ttl(answers()) : negative_ttl();
        reply.hidden = hide(answers());
        keep_additions();
        reply.hidden += hide(additions());
        ForwardAnswerWriter writer(octets(chain_.front()), 0, home_);
        for (const auto section :
             {MessageSection::answer, MessageSection::authority, MessageSection::additional}) {
            for (auto& record : message_.sections[static_cast<std::size_t>(section)]) {
                record.ttl = std::min(record.ttl, as_ttl(rules_.ttl_max));
                // Decompressed and compressed again, the longest of messages may have grown.
                if (!writer.add(section, record)) return {.fault = UpstreamFault::malformed};
            }
        }
        reply.answer = writer.finish();
        // What it says, and why, it says of the name where its CNAMEs end.
        reply.answer.rcode = is_home ? Rcode::no_error : rcode;
        reply.answer.authentic = authentic && rules_.believed && !is_home;
        if (!is_home) reply.answer.why = why;
        if (reply.hidden > 0) reply.answer.why = ExtendedError::filtered;
        reply.answer.ttl = std::min(ttl, is_positive ? rules_.ttl_max : rules_.negative_ttl_max);
        return reply;
    }

private:
    static std::uint32_t as_ttl(std::chrono::seconds ttl) {
        return static_cast<std::uint32_t>(ttl.count());
    }
    [[nodiscard]] Records& answers() { return message_.sections[0]; }
    [[nodiscard]] Records& authorities() { return message_.sections[1]; }
    [[nodiscard]] Records& additions() { return message_.sections[2]; }

    [[nodiscard]] bool is_ours(std::string_view name) const {
        if (rules_.ours == nullptr) return false;
        QueryName read;
        Place place;
        const bool whole = read_name(octets(name), 0, read);
        assert(whole);
        rules_.ours->locate(read, place);
        return place.kind != Place::Kind::outside;
    }

    // The names from the question's on, as CNAMEs lead from one to the next, to the first of ours.
    void follow() {
        chain_ = {fold(asked_.name)};
        if (asked_.type == rr::cname) return;
        while (chain_.size() <= hops_max && home_.empty()) {
            const auto next = std::find_if(answers().begin(), answers().end(), [&](const auto& r) {
                return r.type == rr::cname && r.klass == class_in && r.sound &&
                       fold(r.owner) == chain_.back();
            });
            if (next == answers().end()) return;
            auto target = fold(next->rdata);
            if (std::find(chain_.begin(), chain_.end(), target) != chain_.end()) return;
            chain_.push_back(std::move(target));
            if (is_ours(chain_.back())) home_ = chain_.back();
        }
    }

    template <class Wanted>
    void keep(Records& records, Wanted wanted) const {
        std::erase_if(records, [&](const Record& record) {
            return record.klass != class_in || is_ours(record.owner) || !wanted(record);
        });
    }

    // A DNAME stands above the name it makes another of (RFC 6672 §2.2).
    [[nodiscard]] bool is_answer(const Record& record) const {
        const auto owner = fold(record.owner);
        const bool is_dname = kind_of(record) == dname;
        return std::any_of(chain_.begin(), chain_.end(), [&](const auto& name) {
            return name == owner || (is_dname && is_in(name, owner));
        });
    }

    // RFC 2308 §2, RFC 4035 §3.1.3: the SOA of what denies, and what proves it, or a wildcard.
    void keep_proofs(bool is_positive) {
        keep(authorities(), [&](const Record& record) {
            const auto kind = kind_of(record);
            if (!home_.empty()) return false;
            if (kind == rr::soa) return !is_positive && is_in(chain_.back(), fold(record.owner));
            return asked_.dnssec_ok && (kind == nsec || kind == nsec3);
        });
    }

    void keep_additions() {
        std::set<Labels> targets;
        for (const auto& record : answers()) targets.insert(target_of(record));
        keep(additions(), [&](const Record& record) {
            const auto kind = kind_of(record);
            const bool is_of_target =
                kind == rr::a || kind == rr::aaaa || kind == rr::svcb || kind == rr::https;
            return is_of_target && targets.contains(fold(record.owner));
        });
    }

    [[nodiscard]] bool answers_question() const {
        const auto& records = message_.sections[0];
        return std::any_of(records.begin(), records.end(), [&](const Record& record) {
            return record.type == asked_.type && fold(record.owner) == chain_.back();
        });
    }

    static std::chrono::seconds least_ttl(const Records& records) {
        std::uint32_t least = 0x7FFFFFFF;
        for (const auto& record : records) least = std::min(least, record.ttl);
        return std::chrono::seconds(least);
    }

    // RFC 2308 §5: the lesser of the SOA's TTL and its MINIMUM; without a SOA it is not kept.
    [[nodiscard]] std::chrono::seconds negative_ttl() {
        const auto soa =
            std::find_if(authorities().begin(), authorities().end(), [](const auto& r) {
                return r.type == rr::soa && r.sound && r.rdata.size() >= 20;
            });
        if (soa == authorities().end()) return std::chrono::seconds(0);
        const auto rdata = octets(soa->rdata);
        const std::uint32_t minimum = std::uint32_t{read_u16(rdata, rdata.size() - 4)} << 16U |
                                      read_u16(rdata, rdata.size() - 2);
        soa->ttl = std::min(soa->ttl, minimum);
        return std::min(std::chrono::seconds(soa->ttl), least_ttl(answers()));
    }

    [[nodiscard]] bool is_hidden(Octets octets) const {
        IpAddress address;
        address.size = static_cast<std::uint8_t>(octets.size());
        std::copy(octets.begin(), octets.end(), address.bytes.begin());
        return contains(*rules_.hidden, address);
    }

    // RFC 9460 §2.2, §7.3: clients may go where a hint leads before they have asked for addresses.
    // What cannot be read is not told either: somebody may read it otherwise.
    [[nodiscard]] bool has_hidden_hint(Octets parameters) const {
        while (!parameters.empty()) {
            if (parameters.size() < 4) return true;
            const auto key = read_u16(parameters, 0);
            const std::size_t size = read_u16(parameters, 2);
            parameters = parameters.subspan(4);
            if (parameters.size() < size) return true;
            if (key == ipv4_hint && are_hidden(parameters.first(size), 4)) return true;
            if (key == ipv6_hint && are_hidden(parameters.first(size), 16)) return true;
            parameters = parameters.subspan(size);
        }
        return false;
    }

    // Whether one of these addresses is, or they are none.
    [[nodiscard]] bool are_hidden(Octets addresses, std::size_t bytes) const {
        if (addresses.size() % bytes != 0) return true;
        for (; !addresses.empty(); addresses = addresses.subspan(bytes)) {
            if (is_hidden(addresses.first(bytes))) return true;
        }
        return false;
    }

    [[nodiscard]] bool is_hidden(const Record& record) const {
        if (!record.sound) return false;
        const auto rdata = octets(record.rdata);
        if (record.type == rr::a || record.type == rr::aaaa) return is_hidden(rdata);
        if (record.type != rr::svcb && record.type != rr::https) return false;
        return has_hidden_hint(rdata.subspan(*skip_name(rdata, 2)));
    }

    // Addresses of this network, told by a server out of it, are an attack on what trusts names
    // (DNS rebinding).
    std::size_t hide(Records& records) const {
        if (rules_.hidden == nullptr) return 0;
        return std::erase_if(records, [&](const auto& record) { return is_hidden(record); });
    }

    Message& message_;
    const UpstreamQuestion& asked_;
    const ReplyRules& rules_;
    std::vector<Labels> chain_;  // folded
    Labels home_;                // its last name, if that is ours
};

// The header and the question, which are looked at before anything else is. TC is believed then.
UpstreamFault check_question(Octets message, const UpstreamQuestion& asked, bool& kept_case) {
    if (is_bare_error(message, asked.id)) {
        return asked.edns ? UpstreamFault::no_edns : UpstreamFault::failed;
    }
    const std::size_t end = header_bytes + asked.name.size() + 4;
    if (message.size() < end) return UpstreamFault::malformed;
    const bool is_reply = (message[2] & 0xF8U) == 0x80;
    if (!is_reply || read_u16(message, 0) != asked.id || read_u16(message, 4) != 1) {
        return UpstreamFault::mismatched;
    }
    const auto name = text(message.subspan(header_bytes, asked.name.size()));
    kept_case = name == asked.name;
    if (!kept_case && (asked.exact_case || fold(name) != fold(asked.name))) {
        return UpstreamFault::mismatched;
    }
    if (read_u16(message, end - 4) != asked.type || read_u16(message, end - 2) != class_in) {
        return UpstreamFault::mismatched;
    }
    return (message[2] & 0x02U) != 0 ? UpstreamFault::truncated : UpstreamFault::none;
}

// Of a query that was made here.
std::size_t question_end(Octets query) {
    std::size_t at = header_bytes;
    while (query[at] != 0) at += std::size_t{1} + query[at];
    return at + 5;
}

}  // namespace

// RD, and AD to be told whether the answer is validated (RFC 6840 §5.7). The OPT is bare.
std::vector<std::uint8_t> make_upstream_query(const UpstreamQuestion& question) {
    std::vector<std::uint8_t> query;
    append_u16(query, question.id);
    append_u16(query, question.checking_disabled ? 0x0130 : 0x0120);
    for (const auto count : {1U, 0U, 0U, question.edns ? 1U : 0U}) append_u16(query, count);
    query.insert(query.end(), question.name.begin(), question.name.end());
    append_u16(query, question.type);
    append_u16(query, class_in);
    if (!question.edns) return query;
    query.push_back(0);
    append_u16(query, rr::opt);
    append_u16(query, payload);
    append_u16(query, 0);
    append_u16(query, question.dnssec_ok ? dnssec_ok_flag : 0);
    append_u16(query, 0);
    return query;
}

bool is_bare_error(Octets message, std::uint16_t id) {
    if (message.size() != header_bytes || read_u16(message, 0) != id) return false;
    const auto rcode = static_cast<Rcode>(message[3] & 0x0FU);
    return (message[2] & 0xF8U) == 0x80 && read_u16(message, 4) == 0 &&
           (rcode == Rcode::format_error || rcode == Rcode::not_implemented);
}

bool is_reply_to(Octets query, Octets reply) {
    const auto end = question_end(query);
    if (reply.size() < end || read_u16(reply, 0) != read_u16(query, 0)) return false;
    if ((reply[2] & 0x80U) == 0 || read_u16(reply, 4) != 1) return false;
    const auto part = [](Octets message, std::size_t from, std::size_t to) {
        return text(message.subspan(from, to - from));
    };
    return fold(part(reply, header_bytes, end - 4)) == fold(part(query, header_bytes, end - 4)) &&
           part(reply, end - 4, end) == part(query, end - 4, end);
}

UpstreamReply
read_upstream_reply(Octets message, const UpstreamQuestion& asked, const ReplyRules& rules) {
    UpstreamReply reply;
    reply.fault = check_question(message, asked, reply.kept_case);
    if (reply.fault != UpstreamFault::none) return reply;
    // The letters go back to what the question means, and with them every name that points there.
    std::vector<std::uint8_t> ours(message.begin(), message.end());
    const auto folded = fold(asked.name);
    std::copy(folded.begin(), folded.end(), ours.begin() + header_bytes);
    auto parsed = parse_message(ours);
    if (!parsed) return {.fault = UpstreamFault::malformed, .kept_case = reply.kept_case};
    std::uint32_t rcode = parsed->rcode;
    std::optional<ExtendedError> why;
    if (parsed->opt) {
        rcode |= parsed->opt->ttl >> 24U << 4U;
        why = extended_error(octets(parsed->opt->rdata));
    }
    if (rcode != static_cast<unsigned>(Rcode::no_error) &&
        rcode != static_cast<unsigned>(Rcode::name_error)) {
        reply.answer.rcode = static_cast<Rcode>(rcode);
        const bool is_refusal = reply.answer.rcode == Rcode::format_error ||
                                reply.answer.rcode == Rcode::not_implemented;
        const bool knows_no_opt = is_refusal && !parsed->opt;
        reply.fault = asked.edns && knows_no_opt ? UpstreamFault::no_edns : UpstreamFault::failed;
        reply.answer.why = why;
        return reply;
    }
    const bool authentic = (message[3] & 0x20U) != 0;
    const bool kept_case = reply.kept_case;
    reply = Reading(*parsed, asked, rules).read(static_cast<Rcode>(rcode), authentic, why);
    reply.kept_case = kept_case;
    return reply;
}

}  // namespace dns
