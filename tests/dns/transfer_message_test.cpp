#include "dns/transfer_message.hpp"

#include "tests/support/dns_reply.hpp"
#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dns {
namespace {

using support::DnsReply;

Labels name(const std::string& text) { return parse_name(text).value(); }

StoredRecordsPointer record(std::uint16_t type, const std::string& rdata) {
    StoredRecordsBuilder builder;
    builder.add(type, 5, octets(rdata));
    return builder.build();
}

TEST(TransferMessage, repeats_the_question_and_compresses_what_may_be) {
    TransferMessage message(0x1234, 16'384);
    message.add_question(name("Roster.internal"), rr::axfr);
    const auto a = support::addresses({"10.0.0.1"});
    const auto ptr = record(rr::ptr, name("host1.node.Roster.internal"));
    const auto srv =
        record(rr::srv, std::string("\0\1\0\1\0\1", 6) + name("host1.Roster.internal"));
    const auto soa = record(rr::soa,
                            name("ns.Roster.internal") + name("ns.Roster.internal") +
                                std::string("\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5", 20));

    for (const auto& records : {a, ptr, srv, soa}) {
        EXPECT_TRUE(message.add(name("web.Roster.internal"), records->at(0)));
    }
    const auto octets = message.finish(Rcode::no_error, header_flag::authoritative);

    const DnsReply reply(octets);
    EXPECT_EQ(octets[0] << 8 | octets[1], 0x1234);
    EXPECT_TRUE(reply.aa());
    EXPECT_EQ(reply.question, "Roster.internal. 252");
    ASSERT_EQ(reply.answers.size(), 4U);
    for (const auto& answer : reply.answers) EXPECT_EQ(answer.owner, "web.Roster.internal.");
    EXPECT_EQ(reply.answers[0].data, "10.0.0.1");
    EXPECT_EQ(reply.answers[1].data, "host1.node.Roster.internal.");
    EXPECT_EQ(reply.answers[1].rdata_bytes, 6U + 5U + 2U);
    EXPECT_EQ(reply.answers[2].data, "1 1 1 host1.Roster.internal.");
    EXPECT_EQ(reply.answers[2].rdata_bytes, 6U + 23U) << "RFC 2782: a target is not compressed";
    EXPECT_EQ(reply.answers[3].data, "ns.Roster.internal. ns.Roster.internal. 1 2 3 4 5");
    EXPECT_EQ(reply.answers[3].rdata_bytes, 5U + 2U + 20U);
}

TEST(TransferMessage, a_record_without_room_leaves_no_trace) {
    TransferMessage message(1, 60);
    const auto a = support::addresses({"10.0.0.1"});
    ASSERT_TRUE(message.add(name("web.example"), a->at(0)));

    EXPECT_FALSE(message.add(name("another.example"), a->at(0)));
    EXPECT_TRUE(message.add(name("web.example"), a->at(0)));
    const auto octets = message.finish(Rcode::no_error, header_flag::authoritative);

    const DnsReply reply(octets);
    ASSERT_EQ(reply.answers.size(), 2U);
    EXPECT_EQ(reply.answers[1].owner, "web.example.");
}

TEST(TransferMessage, names_beyond_what_a_pointer_reaches_are_written_out) {
    TransferMessage message(1, 65'535);
    const auto filler = record(rr::txt, std::string(1, '\xFF') + std::string(255, 'x'));
    const auto a = support::addresses({"10.0.0.1"});
    for (int i = 0; i < 64; ++i) ASSERT_TRUE(message.add(name("filler.example"), filler->at(0)));
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(message.add(name("late.test"), a->at(0)));
        ASSERT_TRUE(message.add(name("later.test"), a->at(0)));
        ASSERT_TRUE(message.add(name("x.filler.example"), a->at(0)));
    }
    const auto octets = message.finish(Rcode::no_error, header_flag::authoritative);

    const DnsReply reply(octets);
    ASSERT_EQ(reply.answers.size(), 73U);
    EXPECT_EQ(reply.answers[70].owner, "late.test.");
    EXPECT_EQ(reply.answers[71].owner, "later.test.");
    EXPECT_EQ(reply.answers[72].owner, "x.filler.example.");
}

TEST(TransferMessage, tells_an_extended_rcode_in_opt) {
    TransferMessage message(1, 512);
    message.add_opt(1232, true, Rcode::bad_version);
    const auto octets = message.finish(Rcode::bad_version, 0);

    const DnsReply reply(octets);
    EXPECT_EQ(reply.rcode, 16U);
    EXPECT_EQ(reply.opt_payload, 1232U);
    EXPECT_FALSE(reply.aa());
}

}  // namespace
}  // namespace dns
