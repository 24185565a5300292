#include "dns/query.hpp"

namespace dns {

namespace {

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

// RFC 6891 §6.1.2: options fill the rdata exactly.
bool options_fit(Octets message, const Record& opt) {
    std::size_t at = opt.data;
    while (at < opt.end) {
        if (opt.end - at < 4) return false;
        at += 4U + read_u16(message, at + 2);
    }
    return at == opt.end;
}

// RFC 6891 §6.1.3: CLASS is the payload size; TTL is extended rcode, version, flags. What the
// client put into the extended rcode and the other flags is ignored.
QueryFault read_opt(Octets message, const Record& opt, Edns& edns) {
    if (message[opt.owner] != 0 || edns.present) return QueryFault::format_error;
    edns.present = true;
    edns.payload = read_u16(message, opt.fixed + 2);
    edns.dnssec_ok = (message[opt.fixed + 6] & 0x80U) != 0;
    if (message[opt.fixed + 5] != 0) return QueryFault::bad_version;
    return options_fit(message, opt) ? QueryFault::none : QueryFault::format_error;
}

// Every record that the header counts. A wrong structure beats a wrong version, and a wrong version
// beats wrong options: those of a version we do not know need not look like ours.
QueryFault read_records(Octets message, std::size_t at, Query& query) {
    const std::size_t authority = read_u16(message, 8);
    const std::size_t all = authority + read_u16(message, 10);
    QueryFault fault = QueryFault::none;
    for (std::size_t i = 0; i < all; ++i) {
        Record record;
        if (!read_record(message, at, record)) return QueryFault::format_error;
        at = record.end;
        if (record.type != rr::opt) continue;
        if (i < authority) return QueryFault::format_error;
        fault = read_opt(message, record, query.edns);
        if (fault == QueryFault::format_error) return fault;
    }
    return fault;
}

}  // namespace

QueryFault parse_query(Octets message, Query& query) {
    if (message.size() < header_bytes) return QueryFault::too_short;
    if ((message[2] & 0x80U) != 0) return QueryFault::response;
    const auto opcode = static_cast<Opcode>(message[2] >> 3U & 0x0FU);
    if (opcode != Opcode::query) return QueryFault::not_implemented;
    // RFC 9619: a query has exactly one question. AA, TC, RA, Z, AD and RCODE are ignored.
    if (read_u16(message, 4) != 1) return QueryFault::format_error;
    if (!read_name(message, header_bytes, query.name)) return QueryFault::format_error;
    const std::size_t fixed = header_bytes + query.name.bytes;
    if (message.size() - fixed < 4) return QueryFault::format_error;
    query.type = read_u16(message, fixed);
    query.klass = read_u16(message, fixed + 2);
    query.question_end = fixed + 4;
    query.edns = {};
    // RFC 1995 §3: only IXFR brings a record, its SOA, in the authority section.
    if (read_u16(message, 6) != 0) return QueryFault::format_error;
    if (read_u16(message, 8) != 0 && query.type != rr::ixfr) return QueryFault::format_error;
    return read_records(message, query.question_end, query);
}

}  // namespace dns
