#include "dns/responder.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <cstring>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t udp_bytes_min = 512;  // RFC 1035 §4.2.1, and RFC 6891 §6.2.3 for less
constexpr std::size_t message_bytes_max = 65'535;
constexpr std::size_t opt_bytes = 11;
constexpr std::uint32_t apex_ttl = 3600;
constexpr std::size_t cname_hops_max = 8;

constexpr std::string_view ns_label{"\2ns"};
constexpr std::string_view hostmaster_label{"\12hostmaster"};

struct SlotOfType {
    std::uint16_t type;
    Slot slot;
};
// RFC 8482: ANY gets the first of these that there is.
constexpr std::array<SlotOfType, slot_count> slots_of_types{{{rr::a, Slot::a},
                                                             {rr::aaaa, Slot::aaaa},
                                                             {rr::cname, Slot::cname},
                                                             {rr::ptr, Slot::ptr},
                                                             {rr::txt, Slot::txt},
                                                             {rr::srv, Slot::srv}}};

const Answer* find_answer(const Answers& answers, std::uint16_t type) {
    for (const auto& [of, slot] : slots_of_types) {
        if (type != of && type != rr::any) continue;
        if (const auto* answer = answers.find(slot)) return answer;
    }
    return nullptr;
}

void write_u16(std::uint8_t* to, std::size_t value) {
    to[0] = static_cast<std::uint8_t>(value >> 8U);
    to[1] = static_cast<std::uint8_t>(value);
}

void write_u32(std::uint8_t* to, std::uint32_t value) {
    write_u16(to, value >> 16U);
    write_u16(to + 2, value);
}

// 12 octets: ID and opcode of the query, QR=1, every other flag and every count 0. The only reply
// to what could not be read.
Reply header_only(std::span<std::uint8_t> buffer, Rcode rcode) {
    buffer[2] = static_cast<std::uint8_t>(0x80U | (buffer[2] & 0x78U));
    buffer[3] = static_cast<std::uint8_t>(rcode);
    std::memset(&buffer[4], 0, 8);
    return {.bytes = header_bytes, .rcode = rcode};
}

// TKEY, TSIG and OPT are no types to ask for; RFC 9824 §3.5 says the same of NXNAME.
Rcode check_type(std::uint16_t type) {
    if (type == rr::opt || type == rr::tkey || type == rr::tsig || type == rr::nxname) {
        return Rcode::format_error;
    }
    // Transfers and the mail-box groups (MAILA, MAILB).
    if (type >= rr::ixfr && type <= rr::maila) return Rcode::not_implemented;
    return Rcode::no_error;
}

}  // namespace

// Rdata of a few names and numbers, on the stack.
class Responder::Rdata {
public:
    void add(std::string_view bytes) {
        std::memcpy(bytes_.data() + size_, bytes.data(), bytes.size());
        size_ += bytes.size();
    }
    void add_pointer(std::size_t target) {
        write_u16(bytes_.data() + size_, 0xC000U | target);
        size_ += 2;
    }
    void add_u32(std::uint32_t value) {
        write_u32(bytes_.data() + size_, value);
        size_ += 4;
    }
    [[nodiscard]] Octets octets() const { return Octets(bytes_).first(size_); }

private:
    std::array<std::uint8_t, 2 * name_bytes_max + 20> bytes_;
    std::size_t size_ = 0;
};

// The reply as far as it is written: the question stands, records follow it.
class Responder::Draft {
public:
    Draft(std::span<std::uint8_t> buffer, std::size_t at, std::size_t limit, const Edns& edns)
        : buffer_(buffer.first(limit)),
          at_(at),
          end_(limit - (edns.present ? opt_bytes : 0)),
          edns_(edns) {}

    void fail(Rcode rcode, std::optional<ExtendedError> why = {}) {
        rcode_ = rcode;
        why_ = why;
    }
    void set_authoritative(bool on) { authoritative_ = on; }

    // The name that is being answered, and the apex of its zone.
    Anchors anchors;

    [[nodiscard]] std::size_t at() const { return at_; }
    [[nodiscard]] Octets written() const { return buffer_.first(at_); }
    [[nodiscard]] bool truncated() const { return truncated_; }

    void add(Section section,
             std::size_t owner,
             std::uint16_t type,
             std::uint16_t klass,
             std::uint32_t ttl,
             Octets rdata) {
        if (end_ - at_ < 12 + rdata.size()) {
            truncated_ = true;
            return;
        }
        std::uint8_t* to = &buffer_[at_];
        write_u16(to, 0xC000U | owner);
        write_u16(to + 2, type);
        write_u16(to + 4, klass);
        write_u32(to + 6, ttl);
        write_u16(to + 10, rdata.size());
        std::memcpy(to + 12, rdata.data(), rdata.size());
        at_ += 12 + rdata.size();
        ++count(section);
    }

    void add(Section section, const Answer& answer, Anchors where, Random& random) {
        const auto copied = answer.copy(buffer_.subspan(at_, end_ - at_), where, random);
        at_ += copied.bytes;
        count(section) = static_cast<std::uint16_t>(count(section) + copied.answers);
        extras_ = static_cast<std::uint16_t>(extras_ + copied.extras);
        // Additional data is left out without TC (RFC 2181 §9).
        if (section != Section::additional) truncated_ |= !copied.complete;
    }

    Reply finish(std::uint16_t type, std::size_t payload) {
        if (edns_.present) add_opt(payload);
        buffer_[2] = static_cast<std::uint8_t>(0x80U | (authoritative_ ? 0x04U : 0U) |
                                               (truncated_ ? 0x02U : 0U) | (buffer_[2] & 0x01U));
        buffer_[3] = static_cast<std::uint8_t>(static_cast<unsigned>(rcode_) & 0x0FU);
        write_u16(&buffer_[4], 1);
        write_u16(&buffer_[6], answers_);
        write_u16(&buffer_[8], authorities_);
        write_u16(&buffer_[10], extras_);
        return {.bytes = at_, .rcode = rcode_, .type = type, .truncated = truncated_};
    }

private:
    std::uint16_t& count(Section section) {
        if (section == Section::answer) return answers_;
        return section == Section::authority ? authorities_ : extras_;
    }

    // RFC 6891 §6.1: our payload size, the upper rcode bits, version 0, DO as asked, all else 0.
    void add_opt(std::size_t payload) {
        assert(buffer_.size() - at_ >= opt_bytes);
        std::uint8_t* to = &buffer_[at_];
        std::memset(to, 0, opt_bytes);
        write_u16(to + 1, rr::opt);
        write_u16(to + 3, payload);
        to[5] = static_cast<std::uint8_t>(static_cast<unsigned>(rcode_) >> 4U);
        to[7] = edns_.dnssec_ok ? 0x80 : 0;
        at_ += opt_bytes;
        ++extras_;
        if (!why_ || buffer_.size() - at_ < 6) return;
        write_u16(to + 9, 6);
        write_u16(to + 11, 15);  // RFC 8914
        write_u16(to + 13, 2);
        write_u16(to + 15, static_cast<std::size_t>(*why_));
        at_ += 6;
    }

    std::span<std::uint8_t> buffer_;
    std::size_t at_;
    std::size_t end_;  // of the records; behind it is room for OPT
    const Edns& edns_;
    Rcode rcode_ = Rcode::no_error;
    std::optional<ExtendedError> why_;
    bool authoritative_ = false;
    bool truncated_ = false;
    std::uint16_t answers_ = 0;
    std::uint16_t authorities_ = 0;
    std::uint16_t extras_ = 0;
};

Responder::Responder(const AnswerTable& table, const Grammar& grammar, ResponderOptions options)
    : table_(table), grammar_(grammar), options_(std::move(options)) {
    options_.identity.resize(std::min<std::size_t>(options_.identity.size(), 255));
    options_.version.resize(std::min<std::size_t>(options_.version.size(), 255));
}

Reply Responder::respond(std::span<std::uint8_t> buffer,
                         std::size_t query_bytes,
                         const Transport& transport,
                         Random& random) const {
    assert(query_bytes <= buffer.size());
    Query query;
    const auto fault = parse_query(buffer.first(query_bytes), query);
    if (fault == QueryFault::too_short) return {.drop = Drop::too_short};
    if (fault == QueryFault::response) return {.drop = Drop::response};
    if (fault == QueryFault::not_implemented) return header_only(buffer, Rcode::not_implemented);
    if (fault == QueryFault::format_error) return header_only(buffer, Rcode::format_error);
    std::size_t limit = message_bytes_max;
    if (!transport.tcp) {
        const std::size_t asked = query.edns.present ? query.edns.payload : 0;
        limit = std::max(udp_bytes_min, std::min(asked, transport.udp_bytes_max));
    }
    Draft draft(buffer, query.question_end, std::min(limit, buffer.size()), query.edns);
    if (fault == QueryFault::bad_version) {
        draft.fail(Rcode::bad_version);
    } else {
        answer(query, transport, draft, random);
    }
    return draft.finish(query.type, transport.udp_bytes_max);
}

void Responder::answer(const Query& query,
                       const Transport& transport,
                       Draft& draft,
                       Random& random) const {
    if (query.klass == class_chaos) return answer_chaos(query, transport, draft);
    if (query.klass != class_in) return draft.fail(Rcode::refused);
    const Rcode type_error = check_type(query.type);
    if (query.type == rr::nxname) return draft.fail(type_error, ExtendedError::invalid_type);
    if (type_error != Rcode::no_error) return draft.fail(type_error);
    look_up(query, draft, random);
}

void Responder::answer_chaos(const Query& query, const Transport& transport, Draft& draft) const {
    using std::string_view_literals::operator""sv;
    const auto name = text(query.name.whole());
    std::string_view value;
    if (name == "\2id\6server\0"sv || name == "\10hostname\4bind\0"sv) value = options_.identity;
    if (name == "\7version\6server\0"sv || name == "\7version\4bind\0"sv) {
        if (transport.loopback) value = options_.version;
    }
    if (value.empty() || (query.type != rr::txt && query.type != rr::any)) {
        return draft.fail(Rcode::refused);
    }
    Rdata rdata;
    const char length = static_cast<char>(value.size());
    rdata.add({&length, 1});
    rdata.add(value);
    draft.add(Section::answer, header_bytes, rr::txt, class_chaos, 0, rdata.octets());
}

// RFC 1034 §4.3.2, for zones without cuts and wildcards. A CNAME is followed while it stays in our
// zones; the rcode is that of the last name (RFC 6604).
void Responder::look_up(const Query& query, Draft& draft, Random& random) const {
    QueryName target;
    const QueryName* name = &query.name;
    Place place;
    for (std::size_t hop = 0; hop <= cname_hops_max; ++hop) {
        grammar_.locate(*name, place);
        if (place.kind == Place::Kind::outside) {
            if (hop == 0) draft.fail(Rcode::refused, ExtendedError::not_authoritative);
            return;
        }
        // An empty catalog must not be cached as "no such service".
        if (!table_.ready()) return draft.fail(Rcode::server_failure, ExtendedError::not_ready);
        draft.set_authoritative(true);
        draft.anchors.apex = draft.anchors.owner + place.apex_at;
        const std::size_t cname_at = draft.at();
        if (!answer_place(query.type, place, draft, random) || draft.truncated()) return;
        draft.anchors.owner = cname_at + 12;
        const bool whole = read_name(draft.written(), draft.anchors.owner, target);
        assert(whole);
        name = &target;
    }
}

// Returns whether a CNAME was written that is to be followed.
bool Responder::answer_place(std::uint16_t type,
                             const Place& place,
                             Draft& draft,
                             Random& random) const {
    const Answer* found = nullptr;
    switch (place.kind) {
        case Place::Kind::apex:
            if (answer_apex(type, place, draft, random)) return false;
            break;
        case Place::Kind::address:
            if (answer_address(type, place.address, draft)) return false;
            break;
        case Place::Kind::missing: draft.fail(Rcode::name_error); break;
        default: break;
    }
    if (!place.key.empty()) {
        const auto* answers = table_.find(place.zone->space, place.key);
        if (answers != nullptr) {
            found = find_answer(*answers, type);
            const bool is_address = type == rr::a || type == rr::aaaa;
            const auto* cname = answers->find(Slot::cname);
            if (found == nullptr && is_address && cname != nullptr) {
                draft.add(Section::answer, *cname, draft.anchors, random);
                return true;
            }
        } else if (place.kind == Place::Kind::key) {
            draft.fail(Rcode::name_error);
        }
    }
    if (found != nullptr) {
        draft.add(Section::answer, *found, draft.anchors, random);
    } else {
        // RFC 2308 §3: the SOA of a negative answer has the time it may be cached for.
        const auto ttl = static_cast<std::uint32_t>(options_.negative_ttl.count());
        add_soa(Section::authority, *place.zone, std::min(ttl, apex_ttl), draft);
    }
    return false;
}

// SOA and NS are the apex's own; ANY gets the SOA.
bool Responder::answer_apex(std::uint16_t type,
                            const Place& place,
                            Draft& draft,
                            Random& random) const {
    if (type == rr::soa || type == rr::any) {
        add_soa(Section::answer, *place.zone, apex_ttl, draft);
        return true;
    }
    if (type != rr::ns) return false;
    Rdata rdata;
    rdata.add(ns_label);
    add_domain(*place.zone, draft, rdata);
    const std::size_t target_at = draft.at() + 12;
    draft.add(Section::answer, draft.anchors.owner, rr::ns, class_in, apex_ttl, rdata.octets());
    const auto* server = table_.find(Space::forward, octets(ns_label));
    if (server == nullptr || place.zone->space != Space::forward) return true;
    for (const auto slot : {Slot::a, Slot::aaaa}) {
        const auto* address = server->find(slot);
        if (address == nullptr) continue;
        draft.add(Section::additional, *address, {target_at, draft.anchors.apex}, random);
    }
    return true;
}

// <hex address>.addr owns just that address.
bool Responder::answer_address(std::uint16_t type, const IpAddress& address, Draft& draft) const {
    const std::uint16_t own = address.is_v4() ? rr::a : rr::aaaa;
    if (type != own && type != rr::any) return false;
    draft.add(Section::answer,
              draft.anchors.owner,
              own,
              class_in,
              static_cast<std::uint32_t>(options_.ttl.count()),
              address.octets());
    return true;
}

// The domain at the end of a name in rdata: it is in the question, unless that is a reverse name.
void Responder::add_domain(const Zone& zone, const Draft& draft, Rdata& rdata) const {
    if (zone.space == Space::forward) {
        rdata.add_pointer(draft.anchors.apex);
    } else {
        rdata.add(grammar_.domain());
    }
}

void Responder::add_soa(Section section, const Zone& zone, std::uint32_t ttl, Draft& draft) const {
    Rdata rdata;
    rdata.add(ns_label);
    add_domain(zone, draft, rdata);
    rdata.add(hostmaster_label);
    add_domain(zone, draft, rdata);
    rdata.add_u32(table_.serial());
    rdata.add_u32(3600);    // refresh
    rdata.add_u32(600);     // retry
    rdata.add_u32(86'400);  // expire
    rdata.add_u32(static_cast<std::uint32_t>(options_.negative_ttl.count()));
    draft.add(section, draft.anchors.apex, rr::soa, class_in, ttl, rdata.octets());
}

}  // namespace dns
