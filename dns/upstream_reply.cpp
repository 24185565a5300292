#include "dns/upstream_reply.hpp"

#include "dns/message.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t hops_max = 16;
constexpr std::uint16_t payload = 1232;
constexpr std::uint16_t dname = 39;
constexpr std::uint16_t rrsig = 46;
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

// Takes the answers of a message that is known to be ours.
class Reading {
public:
    Reading(Message& message, const UpstreamQuestion& asked, const ReplyRules& rules)
        : message_(message), asked_(asked), rules_(rules) {}

    UpstreamReply read(Rcode rcode, bool authentic, std::optional<ExtendedError> why) {
        UpstreamReply reply;
        follow();
        const bool is_positive = rcode == Rcode::no_error && answers_question();
        const auto ttl = is_positive ? least_ttl(answers()) : negative_ttl();
        reply.hidden = hide();
        ForwardAnswerWriter writer(octets(chain_.front()));
        for (const auto section :
             {MessageSection::answer, MessageSection::authority, MessageSection::additional}) {
            for (auto& record : message_.sections[static_cast<std::size_t>(section)]) {
                if (!is_wanted(section, record)) continue;
                record.ttl = std::min(record.ttl, as_ttl(rules_.ttl_max));
                // Decompressed and compressed again, the longest of messages may have grown.
                if (!writer.add(section, record)) return {.fault = UpstreamFault::malformed};
            }
        }
        reply.answer = writer.finish();
        reply.answer.rcode = rcode;
        reply.answer.authentic = authentic && rules_.believed;
        reply.answer.why = reply.hidden > 0 ? ExtendedError::filtered : why;
        reply.answer.ttl = std::min(ttl, is_positive ? rules_.ttl_max : rules_.negative_ttl_max);
        return reply;
    }

private:
    static std::uint32_t as_ttl(std::chrono::seconds ttl) {
        return static_cast<std::uint32_t>(ttl.count());
    }
    [[nodiscard]] Records& answers() { return message_.sections[0]; }
    [[nodiscard]] Records& authorities() { return message_.sections[1]; }

    // The names from the question's on, as CNAMEs lead from one to the next.
    void follow() {
        chain_ = {fold(asked_.name)};
        if (asked_.type == rr::cname) return;
        while (chain_.size() <= hops_max) {
            const auto next = std::find_if(answers().begin(), answers().end(), [&](const auto& r) {
                return r.type == rr::cname && r.sound && fold(r.owner) == chain_.back();
            });
            if (next == answers().end()) return;
            auto target = fold(next->rdata);
            if (std::find(chain_.begin(), chain_.end(), target) != chain_.end()) return;
            chain_.push_back(std::move(target));
        }
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
    std::size_t hide() {
        if (rules_.hidden == nullptr) return 0;
        std::size_t count = 0;
        for (auto& section : message_.sections) {
            count += std::erase_if(section, [&](const auto& record) { return is_hidden(record); });
        }
        return count;
    }

    [[nodiscard]] bool is_wanted(MessageSection section, const Record& record) const {
        if (record.klass != class_in) return false;
        // What proves an answer stands beside it: DNAME above it, RRSIG at each name.
        if (section != MessageSection::answer || record.type == dname || record.type == rrsig) {
            return true;
        }
        return std::find(chain_.begin(), chain_.end(), fold(record.owner)) != chain_.end();
    }

    Message& message_;
    const UpstreamQuestion& asked_;
    const ReplyRules& rules_;
    std::vector<Labels> chain_;  // folded
};

// The header and the question, which are looked at before anything else is. TC is believed then.
UpstreamFault check_question(Octets message, const UpstreamQuestion& asked, bool& kept_case) {
    if (is_bare_format_error(message, asked.id)) {
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

}  // namespace

// RD, and AD to be told whether the answer is validated (RFC 6840 §5.7). The OPT is bare and last:
// c-ares cuts it off for a server that does not know it.
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

bool is_bare_format_error(Octets message, std::uint16_t id) {
    return message.size() == header_bytes && read_u16(message, 0) == id &&
           (message[2] & 0xF8U) == 0x80 && (message[3] & 0x0FU) == 1 && read_u16(message, 4) == 0;
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
        reply.fault = UpstreamFault::failed;
        reply.answer.rcode = static_cast<Rcode>(rcode);
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
