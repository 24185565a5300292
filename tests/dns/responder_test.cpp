#include "dns/responder.hpp"

#include "dns/zone_serial.hpp"
#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <random>
#include <set>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;
using support::DnsFace;
using support::DnsReply;
using support::make_node;
using support::make_service;
using support::Message;
using support::number;
using support::option_of;
using support::question;
using Lines = std::vector<std::string>;

constexpr auto web = "web.service.roster.internal";

class Responding : public testing::Test {
protected:
    void SetUp() override {
        face.publish({make_service("web", {{host1}}), make_service("many", instances(40))},
                     {host1});
    }

    std::vector<support::Instance> instances(int count) {
        std::vector<support::Instance> result;
        for (int i = 0; i < count; ++i) result.push_back({host1, "10.0.1." + std::to_string(i)});
        return result;
    }

    // SOA in authority, with the TTL of negative answers.
    void expect_negative(const support::DnsReply& reply, Rcode rcode, const std::string& apex) {
        EXPECT_EQ(reply.rcode, number(rcode));
        EXPECT_TRUE(reply.aa());
        EXPECT_TRUE(reply.answers.empty());
        ASSERT_EQ(reply.authorities.size(), 1U);
        EXPECT_EQ(reply.authorities[0].owner, apex);
        EXPECT_EQ(reply.authorities[0].type, rr::soa);
        EXPECT_EQ(reply.authorities[0].ttl, 3U);
        EXPECT_EQ(reply.authorities[0].data,
                  "ns.roster.internal. hostmaster.roster.internal. " + std::to_string(face.index) +
                      " 3600 600 86400 3");
    }

    std::shared_ptr<const agent::NodeView> host1 = make_node("host1", "10.0.0.1");
    DnsFace face;
};

TEST_F(Responding, the_question_comes_back_octet_for_octet) {
    const auto message = question("WeB.sErViCe.rOsTeR.iNtErNaL", rr::a);

    const auto bytes = face.send(message);

    ASSERT_GT(bytes.size(), message.bytes.size());
    EXPECT_TRUE(std::equal(message.bytes.begin() + 12, message.bytes.end(), bytes.begin() + 12));
    EXPECT_EQ(bytes[0], 0x12);
    EXPECT_EQ(bytes[1], 0x34);
    EXPECT_EQ(bytes[2], 0x85);  // QR AA RD
    EXPECT_EQ(bytes[3], 0x00);  // no RA, Z, AD, CD
}

TEST_F(Responding, only_rd_of_the_flags_of_a_query_is_copied) {
    auto message = question(web, rr::a);
    message.bytes[2] = 0x06;  // AA TC
    message.bytes[3] = 0xFF;

    const auto bytes = face.send(message);

    EXPECT_EQ(bytes[2], 0x84);
    EXPECT_EQ(bytes[3], 0x00);
}

TEST_F(Responding, an_existing_name_without_the_type_is_nodata) {
    expect_negative(face.ask(web, rr::aaaa), Rcode::no_error, "roster.internal.");
    expect_negative(face.ask(web, 666), Rcode::no_error, "roster.internal.");
    expect_negative(
        face.ask("service.dc1.roster.internal", rr::a), Rcode::no_error, "roster.internal.");
    expect_negative(face.ask("roster.internal", rr::a), Rcode::no_error, "roster.internal.");
}

TEST_F(Responding, a_name_that_does_not_exist_is_nxdomain) {
    for (const auto* name : {"no.service.roster.internal",
                             "x.web.service.roster.internal",
                             "web.service.dc2.roster.internal",
                             "xyz.addr.roster.internal",
                             "nothing.roster.internal"}) {
        expect_negative(face.ask(name, rr::a), Rcode::name_error, "roster.internal.");
    }
    expect_negative(
        face.ask("9.9.9.10.in-addr.arpa", rr::ptr), Rcode::name_error, "10.in-addr.arpa.");
}

TEST_F(Responding, names_outside_our_zones_are_refused) {
    for (const auto* name :
         {"example.com", "", "internal", "1.2.0.192.in-addr.arpa", "xroster.internal"}) {
        const auto reply = face.ask(question(name, rr::a).with_opt(1232));
        EXPECT_EQ(reply.rcode, number(Rcode::refused)) << name;
        EXPECT_FALSE(reply.aa());
        EXPECT_TRUE(reply.authorities.empty());
        EXPECT_EQ(reply.opt_data, option_of(ExtendedError::not_authoritative));
    }
}

TEST(Responder, fails_in_our_zones_before_the_first_sync_and_says_not_ready) {
    DnsFace face;
    for (const auto* name :
         {web, "no.such.roster.internal", "roster.internal", "1.0.0.10.in-addr.arpa"}) {
        const auto reply = face.ask(question(name, rr::soa).with_opt(1232));
        EXPECT_EQ(reply.rcode, number(Rcode::server_failure)) << name;
        EXPECT_FALSE(reply.aa());
        EXPECT_EQ(reply.opt_data, option_of(ExtendedError::not_ready));
    }
    EXPECT_EQ(face.ask("example.com", rr::a).rcode, number(Rcode::refused));
    EXPECT_FALSE(face.ask(web, rr::a).has_opt);
}

TEST_F(Responding, the_apex_has_soa_and_ns) {
    const auto soa = face.ask("Roster.internal", rr::soa);
    const auto ns = face.ask("roster.internal", rr::ns);

    EXPECT_EQ(soa.data(),
              Lines{"ns.Roster.internal. hostmaster.Roster.internal. 101 3600 600 86400 3"});
    EXPECT_EQ(soa.answers.at(0).ttl, 3600U);
    EXPECT_EQ(ns.data(), Lines{"ns.roster.internal."});
    EXPECT_EQ(ns.additional(), Lines{"ns.roster.internal. 10.0.0.1"});
}

TEST_F(Responding, a_reverse_zone_has_its_own_apex) {
    const auto soa = face.ask("10.in-addr.arpa", rr::soa);
    const auto ns = face.ask("10.in-addr.arpa", rr::ns);

    EXPECT_EQ(soa.data(),
              Lines{"ns.roster.internal. hostmaster.roster.internal. 101 3600 600 86400 3"});
    EXPECT_EQ(ns.data(), Lines{"ns.roster.internal."});
}

TEST_F(Responding, the_serial_is_that_of_the_index_in_every_soa) {
    face.index = 0x1'FFFF'FFF0;
    face.publish({});

    const std::string serial =
        " " + std::to_string(serial_of(agent::CatalogIndex{0x1'FFFF'FFF1})) + " ";
    EXPECT_NE(face.ask("roster.internal", rr::soa).data().at(0).find(serial), std::string::npos);
    EXPECT_NE(face.ask("x.roster.internal", rr::a).authorities.at(0).data.find(serial),
              std::string::npos);
}

TEST_F(Responding, an_address_name_has_its_address_and_nothing_else) {
    EXPECT_EQ(face.ask("0a000001.addr.dc1.roster.internal", rr::a).data(), Lines{"10.0.0.1"});
    EXPECT_EQ(face.ask("FD000000000000000000000000000009.addr.roster.internal", rr::aaaa).data(),
              Lines{"fd00:0:0:0:0:0:0:9"});
    expect_negative(
        face.ask("0a000001.addr.roster.internal", rr::aaaa), Rcode::no_error, "roster.internal.");
}

TEST_F(Responding, any_gets_one_set) {
    const auto reply = face.ask(web, rr::any);
    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(reply.answers[0].type, rr::a);
    EXPECT_EQ(face.ask("roster.internal", rr::any).answers.at(0).type, rr::soa);
    EXPECT_EQ(face.ask("0a000001.addr.roster.internal", rr::any).data(), Lines{"10.0.0.1"});
    expect_negative(
        face.ask("service.roster.internal", rr::any), Rcode::no_error, "roster.internal.");
}

TEST_F(Responding, additional_owners_point_to_the_zone_in_every_spelling_of_the_name) {
    for (const auto* name : {web,
                             "web.service.dc1.roster.internal",
                             "_web._tcp.roster.internal",
                             "_WEB._tcp.service.dc1.roster.internal"}) {
        const auto reply = face.ask(name, rr::srv);
        EXPECT_EQ(reply.data(), Lines{"1 1 8080 host1.node.dc1.roster.internal."}) << name;
        EXPECT_EQ(reply.additional(), Lines{"host1.node.dc1.roster.internal. 10.0.0.1"}) << name;
    }
}

TEST_F(Responding, no_pointer_stands_in_srv_rdata) {
    const auto reply = face.ask(web, rr::srv);

    const std::string target = "\5host1\4node\3dc1\6roster\10internal\0"s;
    EXPECT_EQ(reply.answers.at(0).rdata_bytes, 6 + target.size());
}

TEST_F(Responding, a_cname_is_followed_while_it_stays_in_our_zones) {
    face.publish({make_service("alias", {{host1, "web.service.roster.internal"}}),
                  make_service("dead", {{host1, "no.service.roster.internal"}}),
                  make_service("six", {{host1, "fd00.example.com"}}),
                  make_service("none", {{host1, "service.roster.internal"}}),
                  make_service("loop", {{host1, "loop.service.roster.internal"}})});

    const auto alias = face.ask("alias.service.roster.internal", rr::a);
    ASSERT_EQ(alias.answers.size(), 2U);
    EXPECT_EQ(alias.answers[0].data, "web.service.roster.internal.");
    EXPECT_EQ(alias.answers[1].owner, "web.service.roster.internal.");
    EXPECT_EQ(alias.answers[1].data, "10.0.0.1");

    const auto dead = face.ask("dead.service.roster.internal", rr::a);
    EXPECT_EQ(dead.rcode, number(Rcode::name_error));
    EXPECT_EQ(dead.answers.size(), 1U);
    EXPECT_EQ(dead.authorities.at(0).owner, "roster.internal.");

    const auto outside = face.ask("six.service.roster.internal", rr::a);
    EXPECT_EQ(outside.rcode, 0U);
    EXPECT_EQ(outside.data(), Lines{"fd00.example.com."});
    EXPECT_TRUE(outside.authorities.empty());

    EXPECT_EQ(face.ask("none.service.roster.internal", rr::a).authorities.size(), 1U);
    EXPECT_EQ(face.ask("loop.service.roster.internal", rr::a).answers.size(), 1U);
    EXPECT_EQ(face.ask("alias.service.roster.internal", rr::cname).answers.size(), 1U);
}

TEST_F(Responding, every_name_above_a_service_exists_also_where_its_datacenter_is_marked) {
    for (const auto* name : {"dc.roster.internal", "dc1.dc.roster.internal"}) {
        const auto reply = face.ask(name, rr::a);
        EXPECT_EQ(reply.rcode, 0U) << name;
        EXPECT_TRUE(reply.answers.empty());
    }
    EXPECT_EQ(face.ask("web.service.dc1.dc.roster.internal", rr::a).answers.size(), 1U);
}

// Unbound asks for A first (RFC 9156) and would follow a CNAME for the SRV it wants.
TEST_F(Responding, names_for_srv_have_no_cname_beside_it) {
    face.publish({make_service("away", {{host1, "host.example.com"}})});
    const std::string spelled = "_away._tcp.service.roster.internal";

    EXPECT_EQ(face.ask(spelled, rr::srv).answers.size(), 1U);
    for (const auto type : {rr::a, rr::https, rr::cname}) {
        const auto reply = face.ask(spelled, type);
        EXPECT_EQ(reply.rcode, 0U);
        EXPECT_TRUE(reply.answers.empty()) << type;
        EXPECT_EQ(reply.authorities.size(), 1U);
    }
    EXPECT_NE(face.ask(spelled, rr::any).answers.at(0).type, rr::cname);
    EXPECT_EQ(face.ask("away.service.roster.internal", rr::a).data(), Lines{"host.example.com."});
}

TEST_F(Responding, without_edns_512_octets_are_the_limit_and_a_random_part_is_filled_in) {
    std::set<std::string> seen;
    for (int i = 0; i < 200; ++i) {
        const auto reply = face.ask("many.service.roster.internal", rr::a);
        ASSERT_TRUE(reply.tc());
        ASSERT_FALSE(reply.has_opt);
        ASSERT_LE(reply.bytes.size(), 512U);
        ASSERT_EQ(reply.answers.size(), (512U - 12 - 34) / 16);
        for (const auto& record : reply.answers) seen.insert(record.data);
    }
    EXPECT_EQ(seen.size(), 40U);
    EXPECT_TRUE(face.last.truncated);
}

TEST_F(Responding, the_lesser_of_both_payload_sizes_is_the_limit_and_512_the_least) {
    const auto size_of = [&](unsigned payload) {
        const auto reply =
            face.ask(question("many.service.roster.internal", rr::srv).with_opt(payload));
        EXPECT_TRUE(reply.has_opt);
        EXPECT_EQ(reply.opt_payload, 1232U);
        EXPECT_TRUE(reply.tc());
        return reply.bytes.size();
    };

    for (const unsigned small : {0U, 100U, 511U, 512U}) {
        EXPECT_LE(size_of(small), 512U);
        EXPECT_GT(size_of(small), 512U - 80);
    }
    EXPECT_LE(size_of(1000), 1000U);
    EXPECT_GT(size_of(1000), 1000U - 80);
    EXPECT_LE(size_of(65535), 1232U);
    EXPECT_GT(size_of(65535), 1232U - 80);
}

TEST_F(Responding, an_answer_that_just_fits_is_whole) {
    // 12 of header, 34 of question, 11 of OPT.
    face.publish({make_service("many", instances(29))});
    EXPECT_FALSE(face.ask("many.service.roster.internal", rr::a).tc());
    face.publish({make_service("many", instances(30))});
    EXPECT_TRUE(face.ask("many.service.roster.internal", rr::a).tc());

    const unsigned exact = 12 + 34 + 11 + 30 * 16;
    EXPECT_FALSE(face.ask(question("many.service.roster.internal", rr::a).with_opt(exact)).tc());
    EXPECT_TRUE(face.ask(question("many.service.roster.internal", rr::a).with_opt(exact - 1)).tc());
}

TEST_F(Responding, additional_records_are_left_out_without_tc) {
    face.publish({make_service("many", instances(8))});

    const auto reply = face.ask(question("many.service.roster.internal", rr::srv).with_opt(700));

    EXPECT_FALSE(reply.tc());
    EXPECT_EQ(reply.answers.size(), 8U);
    EXPECT_LT(reply.extras.size(), 8U);
}

TEST_F(Responding, over_tcp_everything_fits) {
    const auto reply = face.ask_tcp("many.service.roster.internal", rr::srv);

    EXPECT_FALSE(reply.tc());
    EXPECT_EQ(reply.answers.size(), 40U);
    EXPECT_EQ(reply.extras.size(), 40U);
}

TEST_F(Responding, every_instance_comes_first_within_a_few_hundred_answers) {
    std::set<std::string> first;
    for (int i = 0; i < 600 && first.size() < 40; ++i) {
        first.insert(face.ask(question("many.service.roster.internal", rr::a).with_opt(1232))
                         .answers.at(0)
                         .data);
    }
    EXPECT_EQ(first.size(), 40U);
}

TEST_F(Responding, opt_is_answered_with_version_0_do_as_asked_and_no_option_echoed) {
    const auto reply =
        face.ask(question(web, rr::a).with_opt(4096, 0xFF00FFFFU & ~0x00FF0000U, "\0\144\0\3abc"s));
    const auto without_do = face.ask(question(web, rr::a).with_opt(4096, 0x7FFF));

    EXPECT_EQ(reply.rcode, 0U);
    EXPECT_EQ(reply.opt_ttl, 0x8000U);
    EXPECT_EQ(reply.opt_data, "");
    EXPECT_EQ(reply.data(), Lines{"10.0.0.1"});
    EXPECT_EQ(without_do.opt_ttl, 0U);
}

TEST_F(Responding, a_later_edns_version_is_badvers_with_the_question_and_no_data) {
    const auto reply = face.ask(question(web, rr::soa).with_opt(4096, 1U << 16U, "\0"s));

    EXPECT_EQ(reply.rcode, number(Rcode::bad_version));
    EXPECT_EQ(reply.question, std::string(web) + ". 6");
    EXPECT_TRUE(reply.has_opt);
    EXPECT_EQ(reply.opt_ttl, 1U << 24U);
    EXPECT_TRUE(reply.answers.empty());
    EXPECT_TRUE(reply.authorities.empty());
}

TEST_F(Responding, what_cannot_be_read_or_is_not_implemented_gets_a_bare_header) {
    auto other_opcode = question(web, rr::a);
    other_opcode.bytes[2] = 0x7F;  // opcode 15 and every flag
    other_opcode.bytes[3] = 0xFF;
    auto two_questions = question(web, rr::a);
    two_questions.bytes[5] = 2;

    const auto not_implemented = face.send(other_opcode);
    const auto format_error = face.send(two_questions);

    EXPECT_EQ(text(not_implemented), "\x12\x34\xF8\x04\0\0\0\0\0\0\0\0"s);
    EXPECT_EQ(text(format_error), "\x12\x34\x80\x01\0\0\0\0\0\0\0\0"s);
}

TEST_F(Responding, responses_and_fragments_of_headers_are_dropped) {
    auto response = question(web, rr::a);
    response.bytes[2] |= 0x80;

    EXPECT_TRUE(face.send(response).empty());
    EXPECT_EQ(face.last.drop, Drop::response);
    EXPECT_TRUE(face.send(Message{std::vector<std::uint8_t>(11)}).empty());
    EXPECT_EQ(face.last.drop, Drop::too_short);
}

TEST_F(Responding, types_that_are_no_questions_are_told_so) {
    for (const auto type : {rr::opt, rr::tkey, rr::tsig}) {
        EXPECT_EQ(face.ask(web, type).rcode, number(Rcode::format_error)) << type;
    }
    const auto nxname = face.ask(question(web, rr::nxname).with_opt(512));
    EXPECT_EQ(nxname.rcode, number(Rcode::format_error));
    EXPECT_EQ(nxname.opt_data, option_of(ExtendedError::invalid_type));
    for (unsigned type = 253; type <= 254; ++type) {
        const auto reply = face.ask(question("roster.internal", type).with_opt(512));
        EXPECT_EQ(reply.rcode, number(Rcode::not_implemented)) << type;
        EXPECT_EQ(reply.opt_data, option_of(ExtendedError::not_supported));
    }
    EXPECT_EQ(face.ask(web, 0).rcode, 0U);
}

TEST_F(Responding, transfers_are_refused_where_there_are_none) {
    for (const auto type : {rr::axfr, rr::ixfr}) {
        const auto reply = face.ask(question("roster.internal", type).with_opt(512));
        EXPECT_EQ(reply.rcode, number(Rcode::refused)) << type;
        EXPECT_TRUE(reply.answers.empty());
    }
}

// IXFR from the serial 0.
Message ixfr(const std::string& name) {
    return question(name, rr::ixfr).add_record(8, "\xC0\x0C", rr::soa, 1, 0, std::string(22, '\0'));
}

// RFC 1995 §2: the SOA alone tells a client whether to come again over TCP.
TEST_F(Responding, ixfr_over_udp_is_answered_with_the_serial_for_those_who_may_have_the_zone) {
    support::DnsFace with({.transfers = {{support::DnsFace::prefixes({"127.0.0.1/32"})}}});
    with.publish({});

    EXPECT_EQ(with.ask(ixfr("roster.internal")).data(),
              with.ask("roster.internal", rr::soa).data());
    EXPECT_EQ(with.ask("roster.internal", rr::ixfr).rcode, number(Rcode::format_error));
    EXPECT_EQ(with.ask(ixfr("web.service.roster.internal")).rcode, number(Rcode::not_auth));
    EXPECT_EQ(with.ask("roster.internal", rr::axfr).rcode, number(Rcode::not_implemented));
    with.client.address = parse_ip("192.0.2.9").value();
    with.udp.loopback = false;
    EXPECT_EQ(with.ask(ixfr("roster.internal")).rcode, number(Rcode::refused));
}

TEST_F(Responding, ixfr_over_udp_needs_the_key_that_the_rule_demands) {
    const auto key = make_key({.name = "secondary", .secret = {"0123456789abcdef"}});
    const auto other = make_key({.name = "other", .secret = {"fedcba9876543210"}});
    const TsigKeyring keys({key, other});
    support::DnsFace with(
        {.transfers = {{support::DnsFace::prefixes({"127.0.0.1/32"}), key.name}}, .keys = &keys});
    with.publish({});
    const auto signed_with = [&](const TsigKey& one) {
        auto message = ixfr("roster.internal");
        TsigSigner(one).sign(message.bytes, with.client.now);
        return with.ask(message);
    };

    EXPECT_EQ(with.ask(ixfr("roster.internal")).rcode, number(Rcode::refused));
    EXPECT_EQ(signed_with(other).rcode, number(Rcode::refused));
    EXPECT_EQ(signed_with(key).rcode, 0U);
    EXPECT_EQ(signed_with(key).answers.size(), 1U);
}

TEST_F(Responding, classes_but_in_and_chaos_are_refused) {
    for (const unsigned klass : {0U, 4U, 254U, 255U, 65535U}) {
        EXPECT_EQ(face.ask(question(web, rr::a, klass)).rcode, number(Rcode::refused)) << klass;
    }
}

TEST_F(Responding, chaos_tells_who_answers_and_on_this_host_which_version) {
    const auto identity = face.ask(question("ID.server", rr::txt, class_chaos));
    EXPECT_EQ(identity.data(), Lines{"host1"});
    EXPECT_FALSE(identity.aa());
    EXPECT_EQ(identity.answers[0].ttl, 0U);
    EXPECT_EQ(identity.answers[0].klass, class_chaos);
    EXPECT_EQ(face.ask(question("version.bind", rr::txt, class_chaos)).data(), Lines{"9.9"});
    EXPECT_EQ(face.ask(question("version.bind", rr::a, class_chaos)).rcode, number(Rcode::refused));
    EXPECT_EQ(face.ask(question("other", rr::txt, class_chaos)).rcode, number(Rcode::refused));

    face.udp.loopback = false;
    face.client.address = parse_ip("192.0.2.1").value();
    EXPECT_EQ(face.ask(question("version.bind", rr::txt, class_chaos)).rcode,
              number(Rcode::refused));
    EXPECT_EQ(face.ask(question("hostname.bind", rr::txt, class_chaos)).data(), Lines{"host1"});
}

TEST_F(Responding, nsid_is_the_identity_if_asked_for) {
    const auto asked = question(web, rr::a).with_opt(1232, 0, "\0\3\0\0"s);
    EXPECT_EQ(face.ask(asked).opt_data, "\0\3\0\5host1"s);
    EXPECT_EQ(face.ask(question(web, rr::a).with_opt(1232, 0, "\0\3\0\2xx"s)).opt_data,
              "\0\3\0\5host1"s);
    EXPECT_EQ(face.ask(question(web, rr::a).with_opt(1232)).opt_data, "");

    DnsFace nameless({.identity = ""});
    nameless.publish({make_service("web", {{host1}})}, {host1});
    EXPECT_EQ(nameless.ask(asked).opt_data, "");
    EXPECT_EQ(nameless.ask(question("id.server", rr::txt, class_chaos)).rcode,
              number(Rcode::refused));
}

TEST_F(Responding, keepalive_and_padding_are_answered_only_where_they_mean_something) {
    const auto asked = question(web, rr::a).with_opt(1232, 0, "\0\13\0\0\0\14\0\0"s);

    EXPECT_EQ(face.ask(asked).opt_data, "");
    EXPECT_EQ(DnsReply(face.send(asked, {.tcp = true, .keepalive = 100})).opt_data,
              "\0\13\0\2\0\144"s);
    const auto padded = face.send(asked, {.tcp = true, .tls = true, .keepalive = 100});
    EXPECT_EQ(padded.size(), 468U);
    EXPECT_EQ(DnsReply(padded).answers.size(), 1U);
}

TEST_F(Responding, while_the_core_is_gone_answers_go_on_and_say_that_they_are_stale) {
    face.connected = false;
    face.publish({});

    const auto known = face.ask(question(web, rr::a).with_opt(1232));
    EXPECT_EQ(known.data(), Lines{"10.0.0.1"});
    EXPECT_EQ(known.opt_data, option_of(ExtendedError::stale_answer));
    EXPECT_TRUE(face.last.stale);
    EXPECT_EQ(face.ask(question(web, rr::aaaa).with_opt(1232)).opt_data,
              option_of(ExtendedError::stale_answer));
    EXPECT_EQ(face.ask(question("x.roster.internal", rr::a).with_opt(1232)).opt_data,
              option_of(ExtendedError::stale_name_error));
    EXPECT_FALSE(face.ask(web, rr::a).has_opt);

    face.connected = true;
    face.publish({});
    EXPECT_EQ(face.ask(question(web, rr::a).with_opt(1232)).opt_data, "");
    EXPECT_FALSE(face.last.stale);
}

TEST_F(Responding, a_batch_is_answered_each_from_its_own_name) {
    const std::vector<std::pair<Message, std::string>> asked = {
        {question(web, rr::a), "10.0.0.1"},
        {question("x.roster.internal", rr::a), ""},
        {question("host1.node.roster.internal", rr::a), "10.0.0.1"},
        {question("1.0.0.10.in-addr.arpa", rr::ptr), "host1.node.dc1.roster.internal."},
        {question("0a000009.addr.roster.internal", rr::a), "10.0.0.9"},
        {question("example.com", rr::a), ""}};
    std::vector<std::vector<std::uint8_t>> buffers;
    std::vector<Exchange> batch(asked.size());
    for (std::size_t i = 0; i < asked.size(); ++i) {
        buffers.emplace_back(asked[i].first.bytes).resize(1232);
        batch[i].buffer = buffers[i];
        batch[i].query_bytes = asked[i].first.bytes.size();
        batch[i].client = face.client;
    }
    const ReadSection section;

    face.responder.respond(batch, face.udp, face.random);

    for (std::size_t i = 0; i < asked.size(); ++i) {
        const DnsReply reply(std::span(buffers[i]).first(batch[i].reply.bytes));
        EXPECT_EQ(reply.data(), asked[i].second.empty() ? Lines{} : Lines{asked[i].second}) << i;
    }
}

TEST_F(Responding, the_version_may_be_told_to_all) {
    DnsFace open({.version_for_all = true});
    open.udp.loopback = false;
    open.client.address = parse_ip("192.0.2.1").value();

    EXPECT_EQ(open.ask(question("version.server", rr::txt, class_chaos)).data(), Lines{"9.9"});
}

TEST_F(Responding, the_longest_names_still_get_their_soa_and_opt) {
    const std::string label(63, 'a');
    const std::string name =
        label + "." + label + "." + label + "." + std::string(45, 'b') + ".roster.internal";
    const auto reply = face.ask(question(name, rr::a).with_opt(0));

    EXPECT_EQ(reply.question, name + ". 1");
    EXPECT_EQ(reply.rcode, number(Rcode::name_error));
    EXPECT_EQ(reply.authorities.size(), 1U);
    EXPECT_TRUE(reply.has_opt);
}

TEST_F(Responding, garbled_messages_get_a_whole_reply_or_none) {
    std::mt19937 choose(support::seed());
    face.publish({make_service("alias", {{host1, "web.service.roster.internal"}})});
    const std::vector<Message> whole = {
        question(web, rr::srv).with_opt(1232),
        question("alias.service.roster.internal", rr::a).with_opt(512),
        question("1.0.0.10.in-addr.arpa", rr::ptr).with_opt(600),
        question("many.service.dc1.roster.internal", rr::srv)};
    for (int round = 0; round < 20'000; ++round) {
        auto message = whole[choose() % whole.size()];
        for (auto flips = choose() % 3; flips > 0; --flips) {
            message.bytes[choose() % message.bytes.size()] = static_cast<std::uint8_t>(choose());
        }
        const auto bytes = face.send(message);
        if (bytes.empty()) continue;
        const support::DnsReply reply(bytes);
        EXPECT_NE(reply.rcode, number(Rcode::server_failure));
    }
}

}  // namespace
}  // namespace dns
