// What must be answered to what, octet for octet, in the order of the checks: messages in, messages
// out, both written down by hand from the RFCs and from what BIND, Knot and NSD send.

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <cstdio>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;

struct Row {
    const char* why;
    std::string query;
    std::string reply;  // empty: none
};

// ID 0x1234; `flags` and counts as they stand in the header.
std::string header(unsigned flags,
                   unsigned questions,
                   unsigned answers = 0,
                   unsigned authorities = 0,
                   unsigned extras = 0) {
    std::string bytes = "\x12\x34";
    for (const unsigned value : {flags, questions, answers, authorities, extras}) {
        bytes += static_cast<char>(value >> 8U);
        bytes += static_cast<char>(value);
    }
    return bytes;
}

std::string ask(const std::string& name, unsigned type, unsigned klass = 1) {
    return name + static_cast<char>(type >> 8U) + static_cast<char>(type) +
           static_cast<char>(klass >> 8U) + static_cast<char>(klass);
}

// OPT with a payload size of 1232; `ttl` is the extended rcode, the version and the flags.
std::string opt(const std::string& ttl = "\0\0\0\0"s, const std::string& options = {}) {
    return "\0\0\x29\x04\xD0"s + ttl + '\0' + static_cast<char>(options.size()) + options;
}

std::string error(unsigned code) { return "\0\x0F\0\2\0"s + static_cast<char>(code); }

const std::string web = "\3web\7service\6roster\10internal\0"s;
const std::string ent = "\7service\6roster\10internal\0"s;
const std::string none = "\2no\7service\6roster\10internal\0"s;
const std::string apex = "\6roster\10internal\0"s;
const std::string outside = "\7example\3com\0"s;
const std::string a_record = "\xC0\x0C\0\1\0\1\0\0\0\5\0\4\12\0\0\1"s;
const std::string txt_chaos = "\xC0\x0C\0\x10\0\3\0\0\0\0\0\6\5host1"s;

// The SOA in the authority section of a name whose domain stands at `at`.
std::string soa(char at) {
    const std::string domain = "\xC0"s + at;
    return domain + "\0\6\0\1\0\0\0\3\0\x26"s + "\2ns" + domain + "\12hostmaster" + domain +
           "\0\0\0\x65\0\0\x0E\x10\0\0\2\x58\0\1\x51\x80\0\0\0\3"s;
}
// That of the apex itself lives an hour.
const std::string own_soa = "\xC0\x0C\0\6\0\1\0\0\x0E\x10"s + soa('\x0C').substr(10);

const std::string web_nodata = ask(web, 28) + soa('\x18');
// 8 octets of the client's, and no cookie of that length.
const std::string bad_cookie = "\0\12\0\3abc"s;
const std::string tsig_owner = "\3key\0"s;
const std::string tsig_tail = "\0\xFA\0\xFF\0\0\0\0\0\0"s;  // TSIG ANY 0, no rdata

const std::vector<Row> rows = {
    // 1. The message.
    {"an empty message", "", ""},
    {"a header cut short", header(0, 1).substr(0, 11), ""},
    {"a response", header(0x8000, 1) + ask(web, 1), ""},
    {"a response that is no query either", header(0xF800, 1) + ask(web, 1), ""},
    {"STATUS: every flag but QR is 0", header(0x17FF, 1) + ask(web, 1), header(0x9004, 0)},
    {"opcode 3", header(0x1800, 1) + ask(web, 1), header(0x9804, 0)},
    {"DSO", header(0x3000, 0), header(0xB004, 0)},
    {"opcode 15, all flags set", header(0x7FFF, 1) + ask(web, 1), header(0xF804, 0)},
    {"AA, TC, RA, Z, AD, CD and an rcode in a query",
     header(0x06FF, 1) + ask(web, 1),
     header(0x8400, 1, 1) + ask(web, 1) + a_record},
    {"RD comes back",
     header(0x0100, 1) + ask(web, 1),
     header(0x8500, 1, 1) + ask(web, 1) + a_record},
    {"the case of the question comes back",
     header(0, 1) + ask("\3wEB\7SERvice\6roSTER\10iNTernal\0"s, 1),
     header(0x8400, 1, 1) + ask("\3wEB\7SERvice\6roSTER\10iNTernal\0"s, 1) + a_record},
    {"no question", header(0, 0), header(0x8001, 0)},
    {"two questions", header(0, 2) + ask(web, 1) + ask(web, 1), header(0x8001, 0)},
    {"a question that is not there", header(0, 1), header(0x8001, 0)},
    {"a pointer as name", header(0, 1) + ask("\xC0\x0C", 1), header(0x8001, 0)},
    {"a label of the kind 0x40", header(0, 1) + ask("\x41x\0"s, 1), header(0x8001, 0)},
    {"a label of the kind 0x80", header(0, 1) + ask("\x81x\0"s, 1), header(0x8001, 0)},
    {"a label that overruns", header(0, 1) + "\x3Fxyz"s, header(0x8001, 0)},
    {"a name of 256 octets",
     header(0, 1) + ask((std::string("\x3F") + std::string(63, 'a'))
                                .append(std::string("\x3F") + std::string(63, 'a')) +
                            "\x3F" + std::string(63, 'a') + "\x3E" + std::string(62, 'a') + '\0',
                        1),
     header(0x8001, 0)},
    {"three octets after the name",
     header(0, 1) + ask(web, 1).substr(0, web.size() + 3),
     header(0x8001, 0)},
    {"an answer in a query", header(0, 1, 1) + ask(web, 1) + a_record, header(0x8001, 0)},
    {"an authority in a query", header(0, 1, 0, 1) + ask(web, 1) + a_record, header(0x8001, 0)},
    {"an additional record cut short",
     header(0, 1, 0, 0, 1) + ask(web, 1) + a_record.substr(0, 15),
     header(0x8001, 0)},
    {"an additional record of a kind that is no question's",
     header(0, 1, 0, 0, 1) + ask(web, 1) + a_record,
     header(0x8400, 1, 1) + ask(web, 1) + a_record},
    {"two OPT", header(0, 1, 0, 0, 2) + ask(web, 1) + opt() + opt(), header(0x8001, 0)},
    {"OPT of a name", header(0, 1, 0, 0, 1) + ask(web, 1) + "\1x" + opt(), header(0x8001, 0)},
    {"an option that overruns OPT",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\0\0\0\0"s, "\0\3\0\1"s),
     header(0x8001, 0)},
    {"TSIG before another record",
     header(0, 1, 0, 0, 2) + ask(web, 1) + tsig_owner + tsig_tail + opt(),
     header(0x8001, 0)},
    {"octets behind the last record",
     header(0, 1) + ask(web, 1) + "xyz",
     header(0x8400, 1, 1) + ask(web, 1) + a_record},

    // 2. EDNS.
    {"OPT",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt(),
     header(0x8400, 1, 1, 0, 1) + ask(web, 1) + a_record + opt()},
    {"DO is echoed, other flags are not",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\0\0\xFF\xFF"s),
     header(0x8400, 1, 1, 0, 1) + ask(web, 1) + a_record + opt("\0\0\x80\0"s)},
    {"an extended rcode in a query",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\xFF\0\0\0"s),
     header(0x8400, 1, 1, 0, 1) + ask(web, 1) + a_record + opt()},
    {"an unknown option is not echoed",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\0\0\0\0"s, "\0\x64\0\2xy"s),
     header(0x8400, 1, 1, 0, 1) + ask(web, 1) + a_record + opt()},
    {"EDNS 1, with an option that makes no sense",
     header(0, 1, 0, 0, 1) + ask(web, 6) + opt("\0\1\0\0"s, "\0\3\0\x63"s),
     header(0x8000, 1, 0, 0, 1) + ask(web, 6) + opt("\1\0\0\0"s)},
    {"a cookie that is none",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\0\0\0\0"s, bad_cookie),
     header(0x8001, 1, 0, 0, 1) + ask(web, 1) + opt()},
    {"keepalive over UDP",
     header(0, 1, 0, 0, 1) + ask(web, 1) + opt("\0\0\0\0"s, "\0\13\0\0"s),
     header(0x8400, 1, 1, 0, 1) + ask(web, 1) + a_record + opt()},

    // 3. Classes and types.
    {"class NONE", header(0, 1) + ask(web, 1, 254), header(0x8005, 1) + ask(web, 1, 254)},
    {"class ANY", header(0, 1) + ask(web, 1, 255), header(0x8005, 1) + ask(web, 1, 255)},
    {"class HS", header(0, 1) + ask(web, 1, 4), header(0x8005, 1) + ask(web, 1, 4)},
    {"class 0", header(0, 1) + ask(web, 1, 0), header(0x8005, 1) + ask(web, 1, 0)},
    {"CHAOS id.server",
     header(0, 1) + ask("\2id\6server\0"s, 16, 3),
     header(0x8000, 1, 1) + ask("\2id\6server\0"s, 16, 3) + txt_chaos},
    {"CHAOS of another name",
     header(0, 1) + ask("\2hi\6server\0"s, 16, 3),
     header(0x8005, 1) + ask("\2hi\6server\0"s, 16, 3)},
    {"CHAOS of another type",
     header(0, 1) + ask("\2id\6server\0"s, 1, 3),
     header(0x8005, 1) + ask("\2id\6server\0"s, 1, 3)},
    {"type OPT", header(0, 1) + ask(web, 41), header(0x8001, 1) + ask(web, 41)},
    {"type TKEY", header(0, 1) + ask(web, 249), header(0x8001, 1) + ask(web, 249)},
    {"type TSIG", header(0, 1) + ask(web, 250), header(0x8001, 1) + ask(web, 250)},
    {"type NXNAME",
     header(0, 1, 0, 0, 1) + ask(web, 128) + opt(),
     header(0x8001, 1, 0, 0, 1) + ask(web, 128) + opt("\0\0\0\0"s, error(30))},
    {"type MAILB", header(0, 1) + ask(web, 253), header(0x8004, 1) + ask(web, 253)},
    {"type MAILA", header(0, 1) + ask(web, 254), header(0x8004, 1) + ask(web, 254)},
    {"type ANY gets one set",
     header(0, 1) + ask(web, 255),
     header(0x8400, 1, 1) + ask(web, 255) + a_record},
    {"type ANY of the apex",
     header(0, 1) + ask(apex, 255),
     header(0x8400, 1, 1) + ask(apex, 255) + own_soa},

    // 4. What there is, and what not.
    {"a record", header(0, 1) + ask(web, 1), header(0x8400, 1, 1) + ask(web, 1) + a_record},
    {"another type of the name", header(0, 1) + ask(web, 28), header(0x8400, 1, 0, 1) + web_nodata},
    {"type 0", header(0, 1) + ask(web, 0), header(0x8400, 1, 0, 1) + ask(web, 0) + soa('\x18')},
    {"type MB", header(0, 1) + ask(web, 7), header(0x8400, 1, 0, 1) + ask(web, 7) + soa('\x18')},
    {"type RRSIG",
     header(0, 1) + ask(web, 46),
     header(0x8400, 1, 0, 1) + ask(web, 46) + soa('\x18')},
    {"type 666",
     header(0, 1) + ask(web, 666),
     header(0x8400, 1, 0, 1) + ask(web, 666) + soa('\x18')},
    {"a name with others below it",
     header(0, 1) + ask(ent, 1),
     header(0x8400, 1, 0, 1) + ask(ent, 1) + soa('\x14')},
    {"no such name",
     header(0, 1) + ask(none, 1),
     header(0x8403, 1, 0, 1) + ask(none, 1) + soa('\x17')},
    {"no such name, with EDNS",
     header(0, 1, 0, 0, 1) + ask(none, 1) + opt(),
     header(0x8403, 1, 0, 1, 1) + ask(none, 1) + soa('\x17') + opt()},
    {"a name of octets of every kind",
     header(0, 1) + ask("\3\0\xFF \7service\6roster\10internal\0"s, 1),
     header(0x8403, 1, 0, 1) + ask("\3\0\xFF \7service\6roster\10internal\0"s, 1) + soa('\x18')},
    {"DS of the apex",
     header(0, 1) + ask(apex, 43),
     header(0x8400, 1, 0, 1) + ask(apex, 43) + soa('\x0C')},
    {"SOA of the apex", header(0, 1) + ask(apex, 6), header(0x8400, 1, 1) + ask(apex, 6) + own_soa},
    {"a name outside", header(0x0100, 1) + ask(outside, 1), header(0x8105, 1) + ask(outside, 1)},
    {"a name outside, with EDNS",
     header(0, 1, 0, 0, 1) + ask(outside, 1) + opt(),
     header(0x8005, 1, 0, 0, 1) + ask(outside, 1) + opt("\0\0\0\0"s, error(20))},
    {"the root", header(0, 1) + ask("\0"s, 2), header(0x8005, 1) + ask("\0"s, 2)},
};

std::string hex(std::string_view bytes) {
    std::string text;
    for (const char c : bytes) {
        char digits[4];
        std::snprintf(
            digits, sizeof digits, "%02x ", static_cast<unsigned>(static_cast<unsigned char>(c)));
        text += digits;
    }
    return text;
}

class Conformance : public testing::Test {
protected:
    Conformance() {
        const auto host1 = support::make_node("host1", "10.0.0.1");
        face.publish({support::make_service("web", {{host1}})}, {host1});
    }

    std::string send(const std::string& query, const Transport& transport) {
        const auto reply = face.send({{query.begin(), query.end()}}, transport);
        return {reply.begin(), reply.end()};
    }

    support::DnsFace face;
};

TEST_F(Conformance, each_message_gets_its_reply_over_udp) {
    for (const auto& [why, query, reply] : rows) {
        EXPECT_EQ(hex(send(query, face.udp)), hex(reply)) << why;
    }
}

// But for keepalive, which has a meaning there.
TEST_F(Conformance, over_tcp_it_is_the_same_reply) {
    for (const auto& [why, query, reply] : rows) {
        EXPECT_EQ(hex(send(query, {.tcp = true, .loopback = true, .udp_bytes_max = 1232})),
                  hex(reply))
            << why;
    }
}

}  // namespace
}  // namespace dns
