#include "dns/query.hpp"

#include <algorithm>

namespace dns {

namespace {

constexpr std::size_t soa_bytes_min = 22;  // two names of one octet, and five numbers

struct Record {
    std::size_t owner = 0;
    std::uint16_t type = 0;
    std::size_t fixed = 0;  // offset of TYPE; CLASS, TTL, RDLENGTH follow
    std::size_t data = 0;
    std::size_t end = 0;
};

bool read_record(Octets message, std::size_t at, Record& record) {
    const auto fixed = skip_name(message, at);
    if (!fixed || message.size() - *fixed < 10) return false;
    record.owner = at;
    record.fixed = *fixed;
    record.type = read_u16(message, *fixed);
    record.data = *fixed + 10;
    record.end = record.data + read_u16(message, *fixed + 8);
    return record.end <= message.size();
}

namespace option {
constexpr std::uint16_t identity = 3;
constexpr std::uint16_t cookie = 10;
constexpr std::uint16_t keepalive = 11;
constexpr std::uint16_t padding = 12;
}  // namespace option

// RFC 7873 §5.2.2: 8 octets of the client's, then none or 8 to 32 of a server's. Of several cookies
// the first counts (§5.2).
QueryFault read_cookie(Octets cookie, Edns& edns) {
    const std::size_t size = cookie.size();
    if (size != client_cookie_bytes && (size < 16 || size > 40)) return QueryFault::bad_option;
    if (edns.has_cookie) return QueryFault::none;
    edns.has_cookie = true;
    edns.has_server_cookie = size == cookie_bytes;
    std::copy_n(cookie.begin(), std::min(size, cookie_bytes), edns.cookie.begin());
    return QueryFault::none;
}

// RFC 6891 §6.1.2: options fill the rdata exactly. Those nobody knows are passed over.
QueryFault read_options(Octets options, Edns& edns) {
    QueryFault fault = QueryFault::none;
    while (!options.empty()) {
        if (options.size() < 4) return QueryFault::format_error;
        const std::uint16_t code = read_u16(options, 0);
        const std::size_t size = read_u16(options, 2);
        if (options.size() - 4 < size) return QueryFault::format_error;
        if (code == option::identity) edns.wants_identity = true;
        if (code == option::keepalive) edns.wants_keepalive = true;
        if (code == option::padding) edns.wants_padding = true;
        if (code == option::cookie && fault == QueryFault::none) {
            fault = read_cookie(options.subspan(4, size), edns);
        }
        options = options.subspan(4 + size);
    }
    return fault;
}

// RFC 6891 §6.1.3: CLASS is the payload size; TTL is extended rcode, version, flags. What the
// client put into the extended rcode and the other flags is ignored.
QueryFault read_opt(Octets message, const Record& opt, Edns& edns) {
    if (message[opt.owner] != 0 || edns.present) return QueryFault::format_error;
    edns.present = true;
    edns.payload = read_u16(message, opt.fixed + 2);
    edns.dnssec_ok = (message[opt.fixed + 6] & 0x80U) != 0;
    if (message[opt.fixed + 5] != 0) return QueryFault::bad_version;
    return read_options(message.subspan(opt.data, opt.end - opt.data), edns);
}

// RFC 8945 §5.1: a signature is the last record, of class ANY and with TTL 0; so there is only one.
bool is_sound_tsig(Octets message, const Record& tsig, bool is_last) {
    const bool no_ttl =
        read_u16(message, tsig.fixed + 4) == 0 && read_u16(message, tsig.fixed + 6) == 0;
    return is_last && no_ttl && read_u16(message, tsig.fixed + 2) == class_any;
}

// Every record that the header counts. A wrong structure beats a wrong version, and a wrong version
// beats wrong options: those of a version we do not know need not look like ours.
QueryFault read_records(Octets message, std::size_t at, Query& query) {
    const std::size_t authority = read_u16(message, 8);
    const std::size_t all = authority + read_u16(message, 10);
    if (all > records_max) return QueryFault::format_error;
    QueryFault fault = QueryFault::none;
    for (std::size_t i = 0; i < all; ++i) {
        Record record;
        if (!read_record(message, at, record)) return QueryFault::format_error;
        at = record.end;
        if (record.type == rr::soa && authority == 1 && i == 0) {
            query.has_serial = record.end - record.data >= soa_bytes_min;
        }
        if (record.type != rr::opt && record.type != rr::tsig) continue;
        if (i < authority) return QueryFault::format_error;
        if (record.type == rr::opt) {
            fault = read_opt(message, record, query.edns);
            if (fault == QueryFault::format_error) return fault;
        } else if (!is_sound_tsig(message, record, i + 1 == all)) {
            return QueryFault::format_error;
        } else {
            query.is_signed = true;
        }
    }
    return fault;
}

// RFC 9619: a query has exactly one question; or, to ask for a cookie, none.
bool read_question(Octets message, Query& query) {
    const auto count = read_u16(message, 4);
    query.has_question = count == 1;
    query.question_end = header_bytes;
    if (count == 0) {
        query.name.labels = query.name.bytes = 0;
        query.type = query.klass = 0;
        return true;
    }
    if (count != 1 || !read_name(message, header_bytes, query.name)) return false;
    const std::size_t fixed = header_bytes + query.name.bytes;
    if (message.size() - fixed < 4) return false;
    query.type = read_u16(message, fixed);
    query.klass = read_u16(message, fixed + 2);
    query.question_end = fixed + 4;
    return true;
}

}  // namespace

QueryFault parse_query(Octets message, Query& query) {
    if (message.size() < header_bytes) return QueryFault::too_short;
    if ((message[2] & 0x80U) != 0) return QueryFault::response;
    const auto opcode = static_cast<Opcode>(message[2] >> 3U & 0x0FU);
    if (opcode != Opcode::query) return QueryFault::not_implemented;
    // AA, TC, RA, Z, AD and RCODE are ignored.
    if (!read_question(message, query)) return QueryFault::format_error;
    query.edns = {};
    query.is_signed = query.has_serial = false;
    // RFC 1995 §3: only IXFR brings a record, its SOA, in the authority section.
    if (read_u16(message, 6) != 0) return QueryFault::format_error;
    if (read_u16(message, 8) != 0 && query.type != rr::ixfr) return QueryFault::format_error;
    const auto fault = read_records(message, query.question_end, query);
    const bool asks_nothing = !query.has_question && !query.edns.has_cookie;
    return fault == QueryFault::none && asks_nothing ? QueryFault::format_error : fault;
}

}  // namespace dns
