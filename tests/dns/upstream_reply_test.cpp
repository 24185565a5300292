#include "dns/upstream_reply.hpp"

#include "tests/support/dns_reply.hpp"
#include "tests/support/upstream_messages.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using std::chrono::seconds;
using std::string_literals::operator""s;
using support::at_question;
using support::reply_to;
using support::wire;
using support::with_address;
using support::with_soa;

UpstreamQuestion asking(const std::string& name, std::uint16_t type = rr::a) {
    return {.id = 0x1234, .name = wire(name), .type = type};
}

support::Message answer_to(const UpstreamQuestion& question, unsigned rcode = 0) {
    return reply_to(make_upstream_query(question), rcode);
}

UpstreamReply
read(const support::Message& message, const UpstreamQuestion& asked, const ReplyRules& rules = {}) {
    return read_upstream_reply(message.bytes, asked, rules);
}

// As a client gets it that asked in small letters.
support::DnsReply relayed(const UpstreamQuestion& asked, const ForwardAnswer& answer) {
    support::Message message{{0, 0, 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}};
    for (std::size_t i = 0; i < 3; ++i) {
        message.bytes[6 + 2 * i] = static_cast<std::uint8_t>(answer.counts[i] >> 8U);
        message.bytes[7 + 2 * i] = static_cast<std::uint8_t>(answer.counts[i]);
    }
    message.add(fold(asked.name));
    message.add_u16(asked.type);
    message.add_u16(1);
    message.bytes.insert(message.bytes.end(), answer.body.begin(), answer.body.end());
    return support::DnsReply(message.bytes);
}

TEST(UpstreamQuery, is_a_question_with_a_bare_opt_at_its_end) {
    const auto query = make_upstream_query({.id = 0xABCD,
                                            .name = wire("a.Example"),
                                            .type = rr::txt,
                                            .dnssec_ok = true,
                                            .checking_disabled = true});

    const support::DnsReply read(query);

    EXPECT_EQ(query[0] << 8U | query[1], 0xABCD);
    EXPECT_EQ(query[2], 0x01);  // RD
    EXPECT_EQ(query[3], 0x30);  // AD and CD
    EXPECT_EQ(read.question, "a.Example. 16");
    EXPECT_EQ(read.opt_payload, 1232U);
    EXPECT_EQ(read.opt_ttl, 0x8000U);
    EXPECT_TRUE(read.opt_data.empty());
}

TEST(UpstreamQuery, is_the_bare_question_for_servers_without_edns) {
    const auto query =
        make_upstream_query({.name = wire("a.example"), .type = rr::a, .edns = false});

    const support::DnsReply read(query);

    EXPECT_EQ(read.question, "a.example. 1");
    EXPECT_FALSE(read.has_opt);
}

TEST(UpstreamReply, that_is_the_header_of_an_error_knows_no_edns) {
    auto asked = asking("www.example");
    support::Message bare{{0, 0, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0}};
    bare.bytes[0] = static_cast<std::uint8_t>(asked.id >> 8U);
    bare.bytes[1] = static_cast<std::uint8_t>(asked.id);

    EXPECT_EQ(read(bare, asked).fault, UpstreamFault::no_edns);
    bare.bytes[3] = 0x84;  // NOTIMP
    EXPECT_EQ(read(bare, asked).fault, UpstreamFault::no_edns);
    bare.bytes[3] = 0x82;  // SERVFAIL says nothing of EDNS.
    EXPECT_EQ(read(bare, asked).fault, UpstreamFault::malformed);
    bare.bytes[3] = 0x81;
    asked.edns = false;
    EXPECT_EQ(read(bare, asked).fault, UpstreamFault::failed);
    ++asked.id;
    EXPECT_EQ(read(bare, asked).fault, UpstreamFault::malformed) << "another's";
    EXPECT_FALSE(is_bare_error(answer_to(asked, 1).bytes, asked.id)) << "with its question";
}

TEST(UpstreamReply, that_reads_or_implements_nothing_until_asked_without_opt_knows_no_edns) {
    for (const auto rcode : {Rcode::format_error, Rcode::not_implemented}) {
        auto asked = asking("www.example");
        auto reply = answer_to(asked, static_cast<unsigned>(rcode));
        EXPECT_EQ(read(reply, asked).fault, UpstreamFault::no_edns);

        asked.edns = false;
        EXPECT_EQ(read(reply, asked).fault, UpstreamFault::failed);
        asked.edns = true;
        reply.with_opt(1232, 0);
        EXPECT_EQ(read(reply, asked).fault, UpstreamFault::failed) << "it knows OPT";
    }
}

TEST(UpstreamReply, is_to_a_query_if_it_has_its_id_and_its_question) {
    const auto query = make_upstream_query(asking("wWw.example"));
    const auto is_reply = [&](const UpstreamQuestion& asked) {
        return is_reply_to(query, answer_to(asked, 2).bytes);
    };
    EXPECT_TRUE(is_reply(asking("wWw.example")));
    EXPECT_TRUE(is_reply(asking("Www.eXample"))) << "whether the case must be kept is asked later";
    EXPECT_FALSE(is_reply(asking("www.example.x")));
    EXPECT_FALSE(is_reply(asking("vww.example")));
    EXPECT_FALSE(is_reply(asking("wWw.example", rr::aaaa)));
    auto of_another = asking("wWw.example");
    ++of_another.id;
    EXPECT_FALSE(is_reply(of_another));
    EXPECT_FALSE(is_reply_to(query, query)) << "a query";
    const auto whole = answer_to(asking("wWw.example")).bytes;
    const auto end = query.size() - 11;  // of the question, before OPT
    for (std::size_t size = 0; size < end; ++size) {
        EXPECT_FALSE(is_reply_to(query, Octets(whole).first(size))) << size;
    }
}

TEST(UpstreamReply, is_read_with_its_records_and_its_time) {
    const auto asked = asking("wWw.eXample");
    auto message = answer_to(asked);
    message.add_record(6, at_question, rr::cname, 1, 600, wire("cdn.example"));
    message.add_record(6, wire("cdn.example"), rr::a, 1, 300, "\1\2\3\4");
    message.with_opt(1232);

    const auto reply = read(message, asked);

    ASSERT_EQ(reply.fault, UpstreamFault::none);
    EXPECT_EQ(reply.answer.ttl, seconds(300));
    const auto client = relayed(asked, reply.answer);
    EXPECT_FALSE(client.has_opt);
    EXPECT_EQ(client.answers.at(0).owner, "www.example.");
    EXPECT_EQ(client.answers.at(0).data, "cdn.example.");
    EXPECT_EQ(client.answers.at(1).data, "1.2.3.4");
}

TEST(UpstreamReply, to_another_question_is_not_believed) {
    const auto asked = asking("www.Example");
    auto good = answer_to(asked);
    with_address(good, "\1\2\3\4");
    auto wrong_id = good;
    wrong_id.bytes[1] ^= 1U;
    auto wrong_case = good;
    wrong_case.bytes[17] ^= 0x20U;
    auto wrong_type = good;
    wrong_type.bytes[26] = rr::aaaa;
    auto wrong_class = good;
    wrong_class.bytes[28] = 3;
    auto no_reply = good;
    no_reply.bytes[2] = 0x01;
    auto other_opcode = good;
    other_opcode.bytes[2] = 0xA9;

    EXPECT_EQ(read(good, asked).fault, UpstreamFault::none);
    for (const auto& wrong :
         {wrong_id, wrong_case, wrong_type, wrong_class, no_reply, other_opcode}) {
        EXPECT_EQ(read(wrong, asked).fault, UpstreamFault::mismatched);
    }
}

TEST(UpstreamReply, in_letters_of_its_own_is_believed_where_nobody_forges) {
    auto asked = asking("www.Example");
    auto message = answer_to(asked);
    message.bytes[17] ^= 0x20U;
    with_address(message, "\1\2\3\4");
    asked.exact_case = false;

    const auto reply = read(message, asked);

    EXPECT_EQ(reply.fault, UpstreamFault::none);
    EXPECT_FALSE(reply.kept_case);
}

TEST(UpstreamReply, that_is_cut_short_or_refused_says_so) {
    const auto asked = asking("www.example");
    auto truncated = answer_to(asked);
    truncated.bytes[2] |= 0x02U;
    auto failed = answer_to(asked, 2);
    failed.with_opt(1232, 0, "\0\x0F\0\2\0\x06"s);
    auto extended = answer_to(asked);
    extended.with_opt(1232, 1U << 24U);  // BADVERS

    EXPECT_EQ(read(truncated, asked).fault, UpstreamFault::truncated);
    EXPECT_EQ(read(failed, asked).fault, UpstreamFault::failed);
    EXPECT_EQ(read(failed, asked).answer.why, static_cast<ExtendedError>(6));
    EXPECT_EQ(read(extended, asked).fault, UpstreamFault::failed);
    EXPECT_EQ(read(extended, asked).answer.rcode, Rcode::bad_version);
}

TEST(UpstreamReply, that_is_no_message_is_malformed) {
    const auto asked = asking("www.example");
    auto cut = answer_to(asked);
    with_address(cut, "\1\2\3\4");
    cut.bytes.pop_back();
    auto trailing = answer_to(asked);
    with_address(trailing, "\1\2\3\4");
    trailing.bytes.push_back(0);
    auto loop = answer_to(asked);
    const auto here = static_cast<char>(loop.bytes.size());
    loop.add_record(6, "\xC0"s + here, rr::a, 1, 1, "\1\2\3\4");

    for (const auto& wrong : {cut, trailing, loop, support::Message{}}) {
        EXPECT_EQ(read(wrong, asked).fault, UpstreamFault::malformed);
    }
}

TEST(UpstreamReply, answers_only_names_to_which_the_question_leads) {
    const auto asked = asking("www.example");
    auto message = answer_to(asked);
    message.add_record(6, wire("bank.example"), rr::a, 1, 300, "\6\6\6\6");
    message.add_record(6, at_question, rr::a, 3, 300, "\6\6\6\7");
    with_address(message, "\1\2\3\4");

    const auto reply = read(message, asked);

    EXPECT_EQ(relayed(asked, reply.answer).data(), std::vector<std::string>{"1.2.3.4"});
}

TEST(UpstreamReply, that_leads_in_a_circle_ends) {
    const auto asked = asking("a.example");
    auto message = answer_to(asked);
    message.add_record(6, at_question, rr::cname, 1, 300, wire("b.example"));
    message.add_record(6, wire("b.example"), rr::cname, 1, 300, wire("a.example"));

    const auto reply = read(message, asked);

    EXPECT_EQ(reply.fault, UpstreamFault::none);
    EXPECT_EQ(reply.answer.ttl, seconds(0)) << "not kept: it answers nothing";
}

TEST(UpstreamReply, that_denies_is_kept_for_as_long_as_its_soa_says) {
    const auto asked = asking("no.example");
    auto missing = answer_to(asked, 3);
    with_soa(missing, "example", 600, 60);
    auto without = answer_to(asked, 3);
    auto forever = answer_to(asked);
    with_soa(forever, "example", 86'400, 86'400);

    const auto reply = read(missing, asked);
    EXPECT_EQ(reply.answer.rcode, Rcode::name_error);
    EXPECT_EQ(reply.answer.ttl, seconds(60));
    EXPECT_EQ(relayed(asked, reply.answer).authorities.at(0).ttl, 60U);
    EXPECT_EQ(read(without, asked).answer.ttl, seconds(0));
    EXPECT_EQ(read(forever, asked).answer.ttl, seconds(900));
}

TEST(UpstreamReply, has_no_ttl_above_the_limit_nor_below_zero) {
    const auto asked = asking("www.example");
    auto message = answer_to(asked);
    with_address(message, "\1\2\3\4", 10'000'000);
    auto negative = answer_to(asked);
    with_address(negative, "\1\2\3\4", 0x80000001);

    const auto reply = read(message, asked, {.ttl_max = seconds(3600)});

    EXPECT_EQ(reply.answer.ttl, seconds(3600));
    EXPECT_EQ(relayed(asked, reply.answer).answers.at(0).ttl, 3600U);
    EXPECT_EQ(read(negative, asked).answer.ttl, seconds(0));
}

TEST(UpstreamReply, does_not_tell_addresses_of_this_network) {
    const std::vector<IpPrefix> hidden{*parse_prefix("10.0.0.0/8"), *parse_prefix("::ffff:0:0/96")};
    const ReplyRules rules{.hidden = &hidden};
    const auto asked = asking("evil.example");
    auto mixed = answer_to(asked);
    with_address(mixed, "\1\2\3\4");
    with_address(mixed, "\x0A\0\0\1"s);
    auto only = answer_to(asked);
    with_address(only, "\x0A\0\0\1"s);
    const auto asked6 = asking("evil.example", rr::aaaa);
    auto mapped = answer_to(asked6);
    with_address(mapped, "\0\0\0\0\0\0\0\0\0\0\xFF\xFF\x0A\0\0\1"s);

    const auto reply = read(mixed, asked, rules);
    EXPECT_EQ(relayed(asked, reply.answer).data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_EQ(reply.hidden, 1U);
    const auto nothing = read(only, asked, rules);
    EXPECT_EQ(nothing.answer.counts[0], 0U);
    EXPECT_EQ(nothing.answer.rcode, Rcode::no_error);
    EXPECT_EQ(nothing.answer.why, ExtendedError::filtered);
    EXPECT_EQ(read(mapped, asked6, rules).hidden, 1U);
}

// Of priority 1, for the owner itself.
std::string service_binding(const std::string& parameters) { return "\0\1\0"s + parameters; }

TEST(UpstreamReply, does_not_hint_at_addresses_of_this_network) {
    const std::vector<IpPrefix> hidden{*parse_prefix("10.0.0.0/8"), *parse_prefix("fd00::/8")};
    const ReplyRules rules{.hidden = &hidden};
    const auto alpn = "\0\1\0\3\2h2"s;
    const auto own6 = "\xFD\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"s;
    const auto public_hint = "\0\4\0\4\1\2\3\4"s;
    for (const auto type : {rr::https, rr::svcb}) {
        const auto asked = asking("evil.example", type);
        auto message = answer_to(asked);
        for (const auto& parameters : {alpn + public_hint,
                                       alpn,
                                       ""s,
                                       alpn + "\0\4\0\10\1\2\3\4\x0A\0\0\1"s,
                                       public_hint + "\0\6\0\20"s + own6,
                                       "\0\4\0\5\1\2\3\4\5"s,
                                       "\0\4\0\x20\1\2\3\4"s,
                                       "\0\4\0"s}) {
            message.add_record(6, at_question, type, 1, 300, service_binding(parameters));
        }

        const auto reply = read(message, asked, rules);

        EXPECT_EQ(reply.hidden, 5U) << "two that are private, three that cannot be read";
        EXPECT_EQ(reply.answer.why, ExtendedError::filtered);
        EXPECT_EQ(reply.answer.counts[0], 3U);
        EXPECT_EQ(read(message, asked).hidden, 0U) << "a server of this network may";
    }
}

TEST(UpstreamReply, is_authentic_only_if_its_server_is_believed) {
    const auto asked = asking("www.example");
    auto message = answer_to(asked);
    message.bytes[3] |= 0x20U;
    with_address(message, "\1\2\3\4");

    EXPECT_FALSE(read(message, asked).answer.authentic);
    EXPECT_TRUE(read(message, asked, {.believed = true}).answer.authentic);
}

const Grammar& ours() {
    static const Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    return grammar;
}

// "owner data" of a section.
std::vector<std::string> told(const std::vector<support::Record>& records) {
    std::vector<std::string> result;
    for (const auto& record : records) result.push_back(record.owner + " " + record.data);
    return result;
}

using Texts = std::vector<std::string>;
constexpr unsigned answer_count = 6;  // where the header counts them
constexpr unsigned authority_count = 8;
constexpr unsigned additional_count = 10;

TEST(UpstreamReply, tells_nothing_of_names_of_ours_in_any_section) {
    const auto asked = asking("www.example", rr::srv);
    const auto srv = "\0\1\0\1\0\x50"s;
    auto message = answer_to(asked);
    message.add_record(6, at_question, rr::srv, 1, 300, srv + wire("Web.Service.Roster.Internal"));
    message.add_record(6, at_question, rr::srv, 1, 300, srv + wire("1.0.0.10.in-addr.arpa"));
    message.add_record(6, at_question, rr::srv, 1, 300, srv + wire("cdn.example"));
    for (const unsigned section : {answer_count, authority_count, additional_count}) {
        for (const auto& name : {"Web.Service.Roster.Internal",
                                 "roster.internal",
                                 "1.0.0.10.in-addr.arpa",
                                 "1.0.0.127.in-addr.arpa"}) {
            message.add_record(section, wire(name), rr::a, 1, 300, "\6\6\6\6");
            message.add_record(section, wire(name), rr::ns, 1, 300, wire("ns.evil.example"));
        }
        if (section == answer_count) continue;
        message.add_record(
            section, wire("roster.internal"), 47, 1, 300, wire("example") + "\0\1@"s);
    }
    message.add_record(additional_count, wire("cdn.example"), rr::a, 1, 300, "\1\2\3\4");
    message.add_record(
        additional_count, wire("cdn.roster.internal.example"), rr::a, 1, 300, "\1\2\3\4");

    const auto reply = read(message, asked, {.ours = &ours()});

    const auto client = relayed(asked, reply.answer);
    EXPECT_EQ(client.answers.size(), 3U);
    EXPECT_TRUE(client.authorities.empty());
    EXPECT_EQ(told(client.extras), Texts{"cdn.example. 1.2.3.4"});
}

TEST(UpstreamReply, that_leads_to_a_name_of_ours_ends_there_whatever_it_says_of_it) {
    const auto asked = asking("back.example");
    auto lying = answer_to(asked);
    lying.bytes[3] |= 0x20U;
    lying.add_record(6, at_question, rr::cname, 1, 600, wire("x.example"));
    lying.add_record(6, wire("x.example"), rr::cname, 1, 300, wire("Web.Service.Roster.Internal"));
    lying.add_record(6, wire("web.service.roster.internal"), rr::a, 1, 3, "\6\6\6\6");
    lying.add_record(10, wire("web.service.roster.internal"), rr::a, 1, 3, "\6\6\6\6");
    auto honest = answer_to(asked, 3);
    honest.add_record(6, at_question, rr::cname, 1, 600, wire("x.example"));
    honest.add_record(6, wire("x.example"), rr::cname, 1, 300, wire("Web.Service.Roster.Internal"));
    with_soa(honest, "", 86'400, 1).with_opt(1232, 0, "\0\x0F\0\2\0\x06"s);

    for (const auto& message : {lying, honest}) {
        const auto reply = read(message, asked, {.believed = true, .ours = &ours()});

        EXPECT_EQ(reply.answer.rcode, Rcode::no_error);
        EXPECT_FALSE(reply.answer.authentic);
        EXPECT_FALSE(reply.answer.why);
        EXPECT_EQ(reply.answer.ttl, seconds(300)) << "it is kept, and what is ours is not in it";
        EXPECT_EQ(reply.answer.home, wire("web.service.roster.internal"));
        const auto client = relayed(asked, reply.answer);
        EXPECT_EQ(told(client.answers),
                  (Texts{"back.example. x.example.", "x.example. Web.Service.Roster.Internal."}));
        EXPECT_TRUE(client.authorities.empty());
        EXPECT_TRUE(client.extras.empty());
        EXPECT_EQ(text(Octets(client.bytes).subspan(reply.answer.home_at)),
                  wire("Web.Service.Roster.Internal"));
    }
}

TEST(UpstreamReply, to_who_asks_for_the_cname_itself_is_whole) {
    const auto asked = asking("back.example", rr::cname);
    auto message = answer_to(asked);
    message.add_record(6, at_question, rr::cname, 1, 600, wire("web.service.roster.internal"));

    const auto reply = read(message, asked, {.ours = &ours()});

    EXPECT_EQ(reply.answer.home, "");
    EXPECT_EQ(reply.answer.counts[0], 1U);
}

TEST(UpstreamReply, has_beside_an_answer_only_what_its_data_names) {
    const std::vector<std::pair<std::uint16_t, std::string>> answers{
        {rr::srv, "\0\1\0\1\0\x50"s + wire("Cdn.example")},
        {15, "\0\1"s + wire("cdn.example")},
        {rr::ns, wire("cdn.example")},
        {rr::https, "\0\1"s + wire("cdn.example")}};
    for (const auto& [type, rdata] : answers) {
        const auto asked = asking("www.example", type);
        auto message = answer_to(asked);
        message.add_record(6, at_question, type, 1, 300, rdata);
        message.add_record(8, wire("example"), rr::ns, 1, 300, wire("bank.example"));
        message.add_record(10, wire("cdn.example"), rr::a, 1, 300, "\1\2\3\4");
        message.add_record(10, wire("cdn.example"), rr::txt, 1, 300, "\1x");
        message.add_record(10, wire("bank.example"), rr::a, 1, 300, "\6\6\6\6");
        message.add_record(10, at_question, rr::a, 1, 300, "\6\6\6\6");

        const auto client = relayed(asked, read(message, asked).answer);

        EXPECT_EQ(client.answers.size(), 1U);
        EXPECT_TRUE(client.authorities.empty());
        EXPECT_EQ(told(client.extras), Texts{"cdn.example. 1.2.3.4"});
    }
}

TEST(UpstreamReply, of_a_binding_for_the_owner_itself_has_its_addresses) {
    const auto asked = asking("www.example", rr::https);
    auto message = answer_to(asked);
    message.add_record(6, at_question, rr::https, 1, 300, "\0\1\0"s);
    message.add_record(10, at_question, rr::a, 1, 300, "\1\2\3\4");

    EXPECT_EQ(relayed(asked, read(message, asked).answer).extras.size(), 1U);
}

TEST(UpstreamReply, has_of_authority_what_denies_and_what_proves) {
    auto asked = asking("no.www.example");
    const auto signature = [](std::uint16_t of) {
        return ""s + static_cast<char>(of >> 8U) + static_cast<char>(of) + std::string(16, '\1') +
               wire("example") + "s";
    };
    auto denial = answer_to(asked, 3);
    with_soa(denial, "bank.example", 600, 60);
    with_soa(denial, "example", 600, 60);
    denial.add_record(8, wire("example"), 46, 1, 300, signature(rr::soa));
    denial.add_record(8, wire("example"), 47, 1, 300, wire("www.example") + "\0\1@"s);
    denial.add_record(8, wire("example"), 46, 1, 300, signature(47));
    denial.add_record(8, wire("example"), rr::ns, 1, 300, wire("ns.example"));
    denial.add_record(8, wire("example"), 46, 1, 300, signature(rr::ns));
    auto positive = denial;
    positive.bytes[3] &= 0xF0U;
    auto answered = answer_to(asked);
    with_address(answered, "\1\2\3\4");
    with_soa(answered, "example", 600, 60);
    answered.add_record(8, wire("example"), 47, 1, 300, wire("www.example") + "\0\1@"s);

    const auto plain = read(denial, asked).answer;
    EXPECT_EQ(plain.counts[1], 2U) << "the SOA and its signature";
    EXPECT_EQ(plain.ttl, seconds(60));
    EXPECT_EQ(read(answered, asked).answer.counts[1], 0U);
    asked.dnssec_ok = true;
    EXPECT_EQ(read(denial, asked).answer.counts[1], 4U);
    EXPECT_EQ(read(answered, asked).answer.counts[1], 1U) << "of a wildcard";
}

TEST(UpstreamReply, has_the_dname_above_its_names_and_no_other) {
    const auto asked = asking("www.old.example");
    auto message = answer_to(asked);
    message.add_record(6, wire("old.example"), 39, 1, 300, wire("new.example"));
    message.add_record(6, wire("bank.example"), 39, 1, 300, wire("evil.example"));
    message.add_record(6, at_question, rr::cname, 1, 300, wire("www.new.example"));
    message.add_record(6, wire("www.new.example"), rr::a, 1, 300, "\1\2\3\4");
    message.add_record(6, wire("bank.example"), 46, 1, 300, "\0\1"s + std::string(16, '\1'));

    const auto client = relayed(asked, read(message, asked).answer);

    ASSERT_EQ(client.answers.size(), 3U);
    EXPECT_EQ(client.answers[0].owner, "old.example.");
}

}  // namespace
}  // namespace dns
