#include "dns/message.hpp"

#include <algorithm>
#include <string_view>

namespace dns {

namespace {

// Rdata as a pattern: a name (n), an octet (1), numbers of 2, 4, 6 and 16 octets, a character string
// (s), one or more of them (t), and anything up to the end (*). Names of these types are read with
// their compression: RFC 1035 allows it for some, RFC 3597 §4 wants it understood for the others.
struct Pattern {
    std::uint16_t type;
    std::string_view parts;
};
constexpr std::array patterns{
    Pattern{rr::a, "4"},      Pattern{rr::ns, "n"},        Pattern{3, "n"},    // MD
    Pattern{4, "n"},                                                           // MF
    Pattern{rr::cname, "n"},  Pattern{rr::soa, "nn44444"}, Pattern{7, "n"},    // MB
    Pattern{8, "n"},                                                           // MG
    Pattern{9, "n"},                                                           // MR
    Pattern{rr::ptr, "n"},    Pattern{rr::hinfo, "ss"},    Pattern{14, "nn"},  // MINFO
    Pattern{15, "2n"},                                                         // MX
    Pattern{rr::txt, "t"},    Pattern{17, "nn"},                               // RP
    Pattern{18, "2n"},                                                         // AFSDB
    Pattern{21, "2n"},                                                         // RT
    Pattern{24, "2114442n*"},                                                  // SIG
    Pattern{26, "2nn"},                                                        // PX
    Pattern{rr::aaaa, "x"},   Pattern{30, "n*"},                               // NXT
    Pattern{rr::srv, "222n"}, Pattern{35, "22sssn"},                           // NAPTR
    Pattern{36, "2n"},                                                         // KX
    Pattern{39, "n"},                                                          // DNAME
    Pattern{rr::svcb, "2n*"}, Pattern{rr::https, "2n*"},
};

std::string_view pattern_of(std::uint16_t type) {
    const auto* found = std::find_if(
        patterns.begin(), patterns.end(), [&](const Pattern& one) { return one.type == type; });
    return found == patterns.end() ? "*" : found->parts;
}

std::size_t number_bytes(char part) {
    if (part == 'x') return 16;
    return static_cast<std::size_t>(part - '0');
}

// Reads a message from front to back. After the first fault `bad` stays true, and nothing more is
// read.
class Walker {
public:
    explicit Walker(Octets message) : message_(message) {}

    [[nodiscard]] bool bad() const { return bad_; }
    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] bool at_end() const { return at_ == message_.size(); }
    void go_to(std::size_t at) { at_ = at; }
    void fail() { bad_ = true; }

    std::uint16_t u16() {
        if (!has(2)) return 0;
        at_ += 2;
        return read_u16(message_, at_ - 2);
    }
    std::uint32_t u32() {
        const std::uint32_t high = u16();
        return high << 16U | u16();
    }
    void copy(std::size_t count, std::string& to) {
        if (!has(count)) return;
        to += text(message_.subspan(at_, count));
        at_ += count;
    }

    // RFC 1035 §4.1.4. Appends the whole name, and stands behind it as it is written here, which is
    // not beyond `limit`. False, standing still, for what is no name.
    bool name(Labels& to, std::size_t limit) {
        const std::size_t begin = to.size();
        std::size_t from = at_;
        std::size_t before = at_;  // pointers lead to what stands before this
        std::size_t end = 0;       // behind the name, once a pointer was followed
        for (;;) {
            if (++steps_ > name_steps_max || from >= limit) return false;
            const std::size_t length = message_[from];
            if (length >= 0xC0) {
                if (from + 1 >= limit) return false;
                const std::size_t target = read_u16(message_, from) & 0x3FFFU;
                if (target >= before) return false;
                if (end == 0) end = from + 2;
                from = before = target;
                limit = message_.size();
                continue;
            }
            if (length > label_bytes_max || from + length >= limit) return false;
            to += text(message_.subspan(from, length + 1));
            if (to.size() - begin > name_bytes_max) return false;
            from += length + 1;
            if (length == 0) break;
        }
        at_ = end == 0 ? from : end;
        return true;
    }

private:
    bool has(std::size_t count) {
        if (bad_ || message_.size() - at_ < count) bad_ = true;
        return !bad_;
    }

    Octets message_;
    std::size_t at_ = 0;
    std::size_t steps_ = 0;
    bool bad_ = false;
};

// One part of a pattern. False if it goes beyond the end of the rdata.
bool read_part(Walker& in, Octets message, char part, std::size_t end, std::string& rdata) {
    if (part == 'n') return in.name(rdata, end);
    std::size_t count = end - in.at();
    if (part == 's') {
        if (count == 0) return false;
        count = std::size_t{message[in.at()]} + 1;
    } else if (part != '*') {
        count = number_bytes(part);
    }
    if (count > end - in.at()) return false;
    in.copy(count, rdata);
    return true;
}

// Whether the rdata in front of `in` is what its type demands; `rdata` has it without compression.
bool read_rdata(
    Walker& in, Octets message, std::uint16_t type, std::size_t end, std::string& rdata) {
    for (const char part : pattern_of(type)) {
        if (part != 't') {
            if (!read_part(in, message, part, end, rdata)) return false;
            continue;
        }
        do {  // RFC 1035 §3.3.14: at least one string.
            if (!read_part(in, message, 's', end, rdata)) return false;
        } while (in.at() < end);
    }
    return in.at() == end;
}

// A question's or zone's entry, or the fixed part of a record.
void read_name_type_class(Walker& in,
                          std::size_t message_bytes,
                          Labels& name,
                          std::uint16_t& type,
                          std::uint16_t& klass) {
    if (!in.name(name, message_bytes)) return in.fail();
    type = in.u16();
    klass = in.u16();
}

Record read_record(Walker& in, Octets message) {
    Record record;
    record.at = in.at();
    read_name_type_class(in, message.size(), record.owner, record.type, record.klass);
    if (in.bad()) return record;
    const auto ttl = in.u32();
    record.ttl = ttl >> 31U != 0 ? 0 : ttl;
    // The TTL of OPT is none, and TSIG must not have one (RFC 8945 §4.2).
    if (record.type == rr::opt || record.type == rr::tsig) record.ttl = ttl;
    const std::size_t length = in.u16();
    record.data = in.at();
    if (in.bad() || message.size() - in.at() < length) {
        in.fail();
        return record;
    }
    const std::size_t end = in.at() + length;
    record.sound = read_rdata(in, message, record.type, end, record.rdata);
    // Only this record is spoilt, which may be of a class that wants no rdata (RFC 2136 §2.4).
    if (!record.sound) {
        record.rdata = text(message.subspan(record.data, length));
        in.go_to(end);
    }
    return record;
}

// RFC 6891 §6.1.1, RFC 8945 §5.1: both stand in the additional section, once; TSIG is the last.
bool place(Message& message, MessageSection section, Record record, bool is_last) {
    const bool is_additional = section == MessageSection::additional;
    if (record.type == rr::opt) {
        if (!is_additional || message.opt || record.owner.size() != 1) return false;
        message.opt = std::move(record);
    } else if (record.type == rr::tsig) {
        if (!is_additional || !is_last || record.klass != class_any || record.ttl != 0)
            return false;
        message.tsig = std::move(record);
    } else {
        message.sections[static_cast<std::size_t>(section)].push_back(std::move(record));
    }
    return true;
}

}  // namespace

std::optional<Message> parse_message(Octets octets) {
    if (octets.size() < header_bytes) return std::nullopt;
    Walker in(octets);
    Message message;
    message.id = in.u16();
    const auto flags = in.u16();
    message.response = (flags & 0x8000U) != 0;
    message.opcode = static_cast<std::uint8_t>(flags >> 11U & 0x0FU);
    message.authoritative = (flags & 0x0400U) != 0;
    message.truncated = (flags & 0x0200U) != 0;
    message.rcode = static_cast<std::uint8_t>(flags & 0x0FU);
    const std::size_t questions = in.u16();
    std::array<std::size_t, 3> counts{};
    for (auto& count : counts) count = in.u16();
    for (std::size_t i = 0; i < questions && !in.bad(); ++i) {
        auto& question = message.questions.emplace_back();
        read_name_type_class(in, octets.size(), question.name, question.type, question.klass);
    }
    message.questions_end = in.at();
    for (std::size_t s = 0; s < counts.size(); ++s) {
        for (std::size_t i = 0; i < counts[s] && !in.bad(); ++i) {
            auto record = read_record(in, octets);
            const bool is_last = i + 1 == counts[s];
            if (in.bad()) break;
            if (!place(message, static_cast<MessageSection>(s), std::move(record), is_last))
                in.fail();
        }
    }
    if (in.bad() || !in.at_end()) return std::nullopt;
    return message;
}

bool is_rdata(std::uint16_t type, std::string_view rdata) {
    const auto message = octets(rdata);
    Walker in(message);
    std::string same;
    return read_rdata(in, message, type, rdata.size(), same) && same == rdata;
}

}  // namespace dns
