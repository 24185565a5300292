#pragma once
// One received message, read strictly and once: header, question, EDNS.
//
// Fed by:  Responder, with the octets of a datagram or of a TCP frame.
// Thread:  any; pure.
// Holds:   the checks come in one fixed order (see parse_query), none costs more than the
//          message's length, and nothing behind the last counted record is looked at. What later
//          steps need is copied out: the reply is written over the message.
// Fails:   a QueryFault, which says what may be answered at all.

#include "dns/cookie.hpp"
#include "dns/name.hpp"

#include <cstddef>
#include <cstdint>

namespace dns {

inline constexpr std::size_t header_bytes = 12;

enum class Opcode : std::uint8_t { query = 0 };

enum class Rcode : std::uint16_t {
    no_error = 0,
    format_error = 1,
    server_failure = 2,
    name_error = 3,
    not_implemented = 4,
    refused = 5,
    name_exists = 6,    // YXDOMAIN, RFC 2136
    rrset_exists = 7,   // YXRRSET
    rrset_missing = 8,  // NXRRSET
    not_auth = 9,
    not_zone = 10,
    bad_version = 16,
    bad_cookie = 23,
};

// RFC 8914: why, beside the rcode.
enum class ExtendedError : std::uint16_t {
    stale_answer = 3,
    not_ready = 14,
    filtered = 17,
    prohibited = 18,
    stale_name_error = 19,
    not_authoritative = 20,
    not_supported = 21,
    no_reachable_authority = 22,
    network_error = 23,
    invalid_type = 30
};

namespace rr {  // Record types; any other number is as good a type as these.
inline constexpr std::uint16_t a = 1;
inline constexpr std::uint16_t ns = 2;
inline constexpr std::uint16_t cname = 5;
inline constexpr std::uint16_t soa = 6;
inline constexpr std::uint16_t ptr = 12;
inline constexpr std::uint16_t hinfo = 13;
inline constexpr std::uint16_t txt = 16;
inline constexpr std::uint16_t aaaa = 28;
inline constexpr std::uint16_t srv = 33;
inline constexpr std::uint16_t opt = 41;
inline constexpr std::uint16_t svcb = 64;
inline constexpr std::uint16_t https = 65;
inline constexpr std::uint16_t nxname = 128;
inline constexpr std::uint16_t tkey = 249;
inline constexpr std::uint16_t tsig = 250;
inline constexpr std::uint16_t ixfr = 251;
inline constexpr std::uint16_t axfr = 252;
inline constexpr std::uint16_t maila = 254;
inline constexpr std::uint16_t any = 255;
}  // namespace rr

inline constexpr std::uint16_t class_in = 1;
inline constexpr std::uint16_t class_chaos = 3;
inline constexpr std::uint16_t class_any = 255;

// What a query may bring beside its question.
inline constexpr std::size_t records_max = 16;

struct Edns {
    bool present = false;
    bool dnssec_ok = false;
    bool wants_identity = false;     // NSID, RFC 5001
    bool wants_keepalive = false;    // RFC 7828
    bool wants_padding = false;      // RFC 7830
    bool has_cookie = false;         // RFC 7873
    bool has_server_cookie = false;  // one of the length of ours
    std::uint16_t payload = 0;       // what the client can take; below 512 means 512
    Cookie cookie{};                 // the client's half, and ours if there was one
};

struct Query {
    QueryName name;
    bool has_question = true;  // RFC 7873 §5.4: a query for nothing but a cookie has none
    bool is_signed = false;    // TSIG, RFC 8945
    bool has_serial = false;   // the client's SOA, with IXFR
    std::uint16_t type = 0;
    std::uint16_t klass = 0;
    std::size_t question_end = 0;
    Edns edns;
};

enum class QueryFault {
    none,
    too_short,        // no header: nothing can be answered
    response,         // QR=1: never answered, or two servers would talk for ever
    not_implemented,  // an opcode we do not speak
    format_error,
    bad_version,  // EDNS above 0; the question is valid
    bad_option,   // a format error in what is known to be EDNS: its reply has OPT
};

QueryFault parse_query(Octets message, Query& query);

inline std::uint16_t read_u16(Octets message, std::size_t at) {
    return static_cast<std::uint16_t>(message[at] << 8U | message[at + 1]);
}

}  // namespace dns
