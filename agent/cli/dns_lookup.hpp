#pragma once
// One DNS question to one server, and its answer in presentation form.
//
// Fed by:  resolve.
// Thread:  main's; lookup() runs an io_context until the answer is there.
// Holds:   nothing outside the message is read, whatever it says; compression pointers only lead
//          backwards. UDP first, TCP when the answer is truncated (RFC 1035 §4.2, RFC 7766).
// Fails:   a sentence.

#include "agent/endpoint.hpp"
#include "agent/service.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct DnsRecord {
    std::string name;  // with its final dot
    std::uint32_t ttl = 0;
    std::string type;  // "SRV"; "TYPE123" when it has no name here
    std::string text;  // "1 1 8080 host1.node.roster.internal."

    bool operator==(const DnsRecord&) const = default;
};

struct DnsAnswer {
    int rcode = 0;
    bool truncated = false;
    std::vector<DnsRecord> answer;
    std::vector<DnsRecord> additional;  // without OPT
};

// "SRV", "a", "TYPE33". Zero: no such type.
std::uint16_t parse_type(std::string_view text);
std::string format_rcode(int rcode);  // "NXDOMAIN"

// Empty when the name is none.
std::string encode_question(std::uint16_t id, const std::string& name, std::uint16_t type);
Parsed<DnsAnswer> decode_answer(std::span<const std::byte> message, std::uint16_t id);

Parsed<DnsAnswer> lookup(const HostPort& server,
                         const std::string& name,
                         std::uint16_t type,
                         std::chrono::milliseconds timeout);

}  // namespace agent
