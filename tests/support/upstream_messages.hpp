#pragma once
// What upstream servers say, made octet by octet.
//
// Fed by:  tests of the forwarder.
// Thread:  the test's.

#include "dns/name.hpp"
#include "tests/support/dns_messages.hpp"

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace support {

inline constexpr std::string_view at_question{"\xC0\x0C", 2};  // a pointer to its name

inline std::string wire(std::string_view name) { return dns::parse_name(name).value(); }

// The reply to a query, without records: its header, its question, QR and RA set.
inline Message reply_to(std::span<const std::uint8_t> query, unsigned rcode = 0) {
    std::size_t end = 12;
    while (query[end] != 0) end += query[end] + 1U;
    Message reply{{query.begin(), query.begin() + static_cast<std::ptrdiff_t>(end + 5)}};
    reply.bytes[2] = 0x81;
    reply.bytes[3] = static_cast<std::uint8_t>(0x80U | rcode);
    std::fill(reply.bytes.begin() + 6, reply.bytes.begin() + 12, 0);
    return reply;
}

inline Message& with_address(Message& reply, std::string_view octets, std::uint32_t ttl = 300) {
    return reply.add_record(6, at_question, octets.size() == 4 ? 1 : 28, 1, ttl, octets);
}

// The SOA of a negative answer.
inline Message&
with_soa(Message& reply, std::string_view apex, std::uint32_t ttl, std::uint32_t minimum) {
    std::string rdata = wire("ns.example") + wire("root.example") + std::string(16, '\1');
    for (const unsigned shift : {24U, 16U, 8U, 0U}) rdata += static_cast<char>(minimum >> shift);
    return reply.add_record(8, wire(apex), 6, 1, ttl, rdata);
}

}  // namespace support
