// What the responder makes of names that are not ours, with a forwarder beside it.

#include "tests/support/dns_face.hpp"
#include "tests/support/upstream_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::chrono::seconds;
using std::string_literals::operator""s;
using support::Message;
using support::question;
using support::wire;

class Source : public ForwardSource {
public:
    bool reply(const ForwardedQuery&, Octets) override { return true; }
    [[nodiscard]] const Transport& transport() const override { return of; }
    Transport of{.loopback = true, .udp_bytes_max = 1232};
};

class Forwarded : public testing::Test {
protected:
    Exchange send(Message message, const std::string& client = "127.0.0.1") {
        const ReadSection section;
        Exchange exchange;
        const auto size = message.bytes.size();
        buffer = std::move(message.bytes);
        buffer.resize(1232);
        exchange.buffer = buffer;
        exchange.query_bytes = size;
        exchange.client = {parse_ip(client).value(), 1'000'000'000};
        const Transport transport{.loopback = client.starts_with("127."), .udp_bytes_max = 1232};
        asked_of->respond({&exchange, 1}, transport, face.random);
        return exchange;
    }
    support::DnsReply written(const Exchange& exchange) {
        return support::DnsReply(Octets(buffer).first(exchange.reply.bytes));
    }
    // What its client gets of an answer with so many addresses.
    support::DnsReply relay(const Exchange& exchange, Relayed relayed) {
        ForwardedQuery query;
        Responder::hand_over(exchange, query);
        query.source = &source;
        return relay(query, relayed).value();
    }
    // Nothing if it leads on: then `next` is what to find out.
    std::optional<support::DnsReply> relay(const ForwardedQuery& query, Relayed relayed) {
        const ReadSection section;
        std::vector<std::uint8_t> room(65'535);
        next.reset();
        const auto reply = asked_of->relay(query, relayed, room, face.random, next);
        EXPECT_EQ(reply.forward, next.has_value());
        if (reply.forward) return std::nullopt;
        room.resize(reply.bytes);
        return support::DnsReply(room);
    }
    static ForwardAnswer addresses(std::size_t count, const std::string& name = "www.example") {
        const auto owner = wire(name);
        ForwardAnswerWriter writer(octets(owner));
        Record record;
        record.owner = owner;
        record.type = rr::a;
        record.klass = class_in;
        record.ttl = 300;
        for (std::size_t i = 0; i < count; ++i) {
            record.rdata = "\1\2"s + static_cast<char>(i >> 8U) + static_cast<char>(i);
            writer.add(MessageSection::answer, record);
        }
        auto answer = writer.finish();
        answer.ttl = seconds(300);
        return answer;
    }
    static Relayed relayed(ForwardAnswer answer, seconds age = seconds(0), bool stale = false) {
        return {std::make_shared<const ForwardAnswer>(std::move(answer)), age, stale};
    }

    support::DnsFace face;
    Responder responder{
        face.table,
        face.grammar,
        {.identity = "host1",
         .allow = support::DnsFace::prefixes({"192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"}),
         .trusted = support::DnsFace::prefixes({"192.0.2.0/24"}),
         .forwards = true,
         .recursion = support::DnsFace::prefixes({"192.0.2.0/24", "198.51.100.0/24"})}};
    const Responder* asked_of = &responder;
    Source source;
    std::vector<std::uint8_t> buffer;
    std::optional<ForwardedQuery> next;
};

TEST_F(Forwarded, are_names_in_no_zone_of_ours) {
    face.publish({});

    EXPECT_TRUE(send(question("www.example", rr::a)).reply.forward);
    EXPECT_TRUE(send(question("www.example", rr::a), "192.0.2.1").reply.forward);
    EXPECT_FALSE(send(question("no.service.roster.internal", rr::a)).reply.forward);
    EXPECT_FALSE(send(question("1.0.0.10.in-addr.arpa", rr::ptr)).reply.forward);
    EXPECT_FALSE(send(question("www.example", 252)).reply.forward) << "no transfers";
}

TEST_F(Forwarded, before_the_first_sync_others_names_are_answered_too) {
    EXPECT_TRUE(send(question("www.example", rr::a)).reply.forward);
}

TEST_F(Forwarded, is_nothing_for_those_that_are_not_allowed) {
    const auto refused =
        written(send(question("www.example", rr::a).with_opt(1232), "203.0.113.1"));
    EXPECT_EQ(refused.rcode, 5U);
    EXPECT_EQ(refused.opt_data, "\0\x0F\0\2\0\x12"s);
    EXPECT_EQ(refused.bytes[3] & 0x80U, 0U);

    auto iterative = question("www.example", rr::a).with_opt(1232);
    iterative.bytes[2] = 0;
    const auto not_asked = written(send(iterative));
    EXPECT_EQ(not_asked.rcode, 5U);
    EXPECT_EQ(not_asked.opt_data, "\0\x0F\0\2\0\x14"s);
}

TEST_F(Forwarded, whose_address_may_be_forged_comes_again_over_tcp) {
    const auto exchange = send(question("www.example", rr::a), "198.51.100.1");

    EXPECT_FALSE(exchange.reply.forward);
    EXPECT_TRUE(written(exchange).tc());
    EXPECT_EQ(exchange.reply.bytes, question("www.example", rr::a).bytes.size());
}

TEST_F(Forwarded, recursion_is_available_where_it_is_and_also_said_of_our_names) {
    face.publish({});

    EXPECT_EQ(written(send(question("ns.roster.internal", rr::a))).bytes[3] & 0x80U, 0x80U);
    EXPECT_EQ(written(send(question("ns.roster.internal", rr::a), "203.0.113.1")).bytes[3] & 0x80U,
              0U);
    EXPECT_EQ(face.ask("ns.roster.internal", rr::a).bytes[3] & 0x80U, 0U) << "no forwarder";
}

TEST_F(Forwarded, is_relayed_with_the_clients_id_and_question_and_aged) {
    auto asked = question("wWw.eXample", rr::a).with_opt(1232, 0, "\0\3\0\0"s);
    asked.bytes[3] = 0x30;  // AD and CD

    const auto reply = relay(send(asked), relayed(addresses(2), seconds(100)));

    EXPECT_EQ(reply.bytes[0] << 8U | reply.bytes[1], 0x1234);
    EXPECT_EQ(reply.question, "wWw.eXample. 1");
    EXPECT_EQ(reply.answers.at(0).owner, "wWw.eXample.");
    EXPECT_EQ(reply.answers.at(0).ttl, 200U);
    EXPECT_EQ(reply.bytes[2], 0x81);
    EXPECT_EQ(reply.bytes[3], 0x90) << "RA and CD";
    EXPECT_EQ(reply.opt_data, "\0\3\0\5host1"s);
}

TEST_F(Forwarded, says_ad_to_those_who_asked_for_it) {
    auto answer = addresses(1);
    answer.authentic = true;
    auto asked = question("www.example", rr::a);
    EXPECT_EQ(relay(send(asked), relayed(answer)).bytes[3], 0x80);

    asked.bytes[3] = 0x20;

    EXPECT_EQ(relay(send(asked), relayed(answer)).bytes[3], 0xA0);
    EXPECT_EQ(relay(send(asked), relayed(answer, seconds(400), true)).bytes[3], 0x80);
}

TEST_F(Forwarded, a_stale_answer_lasts_half_a_minute_and_says_what_it_is) {
    const auto asked = question("www.example", rr::a).with_opt(1232);
    auto missing = addresses(0);
    missing.rcode = Rcode::name_error;

    const auto reply = relay(send(asked), relayed(addresses(1), seconds(1000), true));
    const auto denial = relay(send(asked), relayed(missing, seconds(1000), true));

    EXPECT_EQ(reply.answers.at(0).ttl, 30U);
    EXPECT_EQ(reply.opt_data, "\0\x0F\0\2\0\3"s);
    EXPECT_EQ(denial.rcode, 3U);
    EXPECT_EQ(denial.opt_data, "\0\x0F\0\2\0\x13"s);
}

TEST_F(Forwarded, is_cut_to_what_its_client_takes_and_whole_over_tcp) {
    const auto plain = relay(send(question("www.example", rr::a)), relayed(addresses(100)));
    EXPECT_TRUE(plain.tc());
    EXPECT_EQ(plain.answers.size(), (512U - 29) / 16);

    source.of = {.tcp = true, .loopback = true};
    const auto whole = relay(send(question("www.example", rr::a)), relayed(addresses(3000)));
    EXPECT_FALSE(whole.tc());
    EXPECT_EQ(whole.answers.size(), 3000U);
}

TEST_F(Forwarded, an_alias_of_ours_is_followed_to_names_of_others) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    face.publish({support::make_service("elsewhere", {{host1, "CDN.example.net"}})});
    const auto exchange = send(question("elsewhere.service.roster.internal", rr::a));
    ASSERT_TRUE(exchange.reply.forward);
    ForwardedQuery query;
    Responder::hand_over(exchange, query);
    EXPECT_EQ(text(query.name()), wire("cdn.example.net"));

    const auto reply = relay(exchange, relayed(addresses(2, "cdn.example.net"), seconds(100)));

    EXPECT_TRUE(reply.aa());
    ASSERT_EQ(reply.answers.size(), 3U);
    EXPECT_EQ(reply.answers[0].owner, "elsewhere.service.roster.internal.");
    EXPECT_EQ(reply.answers[0].data, "CDN.example.net.");
    EXPECT_EQ(reply.answers[0].ttl, 5U);
    EXPECT_EQ(reply.answers[2].owner, "cdn.example.net.");
    EXPECT_EQ(reply.answers[2].data, "1.2.0.1");
    EXPECT_EQ(reply.answers[2].ttl, 200U);

    auto iterative = question("elsewhere.service.roster.internal", rr::a);
    iterative.bytes[2] = 0;
    EXPECT_EQ(written(send(iterative)).answers.size(), 1U) << "who does not ask for it";
}

class SignedForwarded : public Forwarded {
protected:
    Message signed_question(unsigned payload = 0) {
        auto asked = question("www.example", rr::a);
        if (payload > 0) asked.with_opt(payload);
        TsigSigner signer(key);
        signer.sign(asked.bytes, 1'000'000'000);
        mac = signer.mac();
        return asked;
    }
    bool is_signed(const std::vector<std::uint8_t>& reply) {
        const auto message = parse_message(reply);
        return message && message->tsig && TsigVerifier(key, mac).verify(reply, *message, now);
    }

    static constexpr std::uint64_t now = 1'000'000'002;
    TsigKey key = make_key({.name = "secondary", .secret = {"0123456789abcdef"}});
    TsigKeyring keys{{key}};
    Responder with_keys{face.table, face.grammar, {.keys = &keys, .forwards = true}};
    std::string mac;

    SignedForwarded() { asked_of = &with_keys; }
};

// RFC 8945 §5.3: as BIND does.
TEST_F(SignedForwarded, gets_a_signed_reply) {
    const auto exchange = send(signed_question());
    ASSERT_TRUE(exchange.reply.forward);

    const auto reply = relay(exchange, relayed(addresses(2)));

    EXPECT_EQ(reply.answers.size(), 2U);
    EXPECT_TRUE(is_signed(reply.bytes));
    const auto other = relay(send(question("www.example", rr::a)), relayed(addresses(2)));
    EXPECT_FALSE(parse_message(other.bytes)->tsig) << "who did not sign";
}

TEST_F(SignedForwarded, is_cut_so_that_the_signature_fits) {
    for (const unsigned payload : {512U, 1232U}) {
        const auto reply = relay(send(signed_question(payload)), relayed(addresses(100)));

        EXPECT_TRUE(reply.tc());
        EXPECT_TRUE(is_signed(reply.bytes));
        EXPECT_LE(reply.bytes.size(), payload);
        EXPECT_GT(reply.answers.size(), 5U);
    }
}

TEST_F(SignedForwarded, that_finds_no_room_is_told_so_with_a_signature) {
    auto exchange = send(signed_question());

    with_keys.refuse_forward(exchange, {.loopback = true, .udp_bytes_max = 1232});

    EXPECT_EQ(written(exchange).rcode, 2U);
    EXPECT_TRUE(
        is_signed({buffer.begin(), buffer.begin() + static_cast<int>(exchange.reply.bytes)}));
}

TEST_F(Forwarded, that_finds_no_room_is_told_servfail) {
    auto exchange = send(question("www.example", rr::a).with_opt(1232));

    responder.refuse_forward(exchange, {.loopback = true, .udp_bytes_max = 1232});

    const auto reply = written(exchange);
    EXPECT_EQ(reply.rcode, 2U);
    EXPECT_EQ(reply.opt_data, "\0\x0F\0\2\0\x17"s);
    EXPECT_TRUE(reply.answers.empty());
}

// Names of others that lead to ours.
class LeadingHome : public Forwarded {
protected:
    // What an upstream said of `name`: a CNAME, and nothing of ours.
    static Relayed leading(const std::string& name, const std::string& to, seconds age = {}) {
        const auto owner = wire(name);
        ForwardAnswerWriter writer(octets(owner), 0, fold(wire(to)));
        Record record;
        record.owner = owner;
        record.type = rr::cname;
        record.klass = class_in;
        record.ttl = 300;
        record.rdata = wire(to);
        writer.add(MessageSection::answer, record);
        return relayed(writer.finish(), age);
    }
    void publish(const std::string& service, const std::string& address) {
        const auto host1 = support::make_node("host1", "10.0.0.1");
        face.publish({support::make_service(service, {{host1, address}})});
    }
    static std::vector<std::string> chain(const support::DnsReply& reply) {
        std::vector<std::string> result;
        for (const auto& record : reply.answers) result.push_back(record.owner + " " + record.data);
        return result;
    }

    static inline const std::string web = "Web.Service.Roster.Internal";
    using Texts = std::vector<std::string>;
};

TEST_F(LeadingHome, are_completed_with_what_is_true_now) {
    publish("web", "10.0.0.7");
    const auto exchange = send(question("back.example", rr::a));
    const auto cached = leading("back.example", web, seconds(100));

    const auto reply = relay(exchange, cached);
    publish("web", "10.0.0.8");
    const auto later = relay(exchange, cached);

    EXPECT_EQ(chain(reply), (Texts{"back.example. " + web + ".", web + ". 10.0.0.7"}));
    EXPECT_EQ(chain(later).back(), web + ". 10.0.0.8");
    EXPECT_EQ(reply.answers[0].ttl, 200U);
    EXPECT_EQ(reply.answers[1].ttl, 5U);
    EXPECT_FALSE(reply.aa()) << "the question's name is not ours";
    EXPECT_EQ(reply.rcode, 0U);
}

TEST_F(LeadingHome, have_our_word_for_it_that_there_is_no_such_name) {
    publish("web", "10.0.0.7");

    const auto missing = relay(send(question("back.example", rr::a)),
                               leading("back.example", "no.service.roster.internal"));
    const auto nothing =
        relay(send(question("back.example", rr::aaaa)), leading("back.example", web));

    EXPECT_EQ(missing.rcode, 3U);
    EXPECT_EQ(missing.answers.size(), 1U);
    EXPECT_EQ(missing.authorities.at(0).owner, "roster.internal.");
    EXPECT_EQ(missing.authorities.at(0).type, rr::soa);
    EXPECT_EQ(nothing.rcode, 0U);
    EXPECT_EQ(nothing.answers.size(), 1U);
    EXPECT_EQ(nothing.authorities.at(0).owner, "Roster.Internal.");
}

TEST_F(LeadingHome, of_every_kind_are_completed) {
    publish("web", "10.0.0.7");

    const auto pointer = relay(send(question("back.example", rr::ptr)),
                               leading("back.example", "7.0.0.10.in-addr.arpa"));
    const auto nobody = relay(send(question("back.example", rr::ptr)),
                              leading("back.example", "9.0.0.10.in-addr.arpa"));
    const auto address = relay(send(question("back.example", rr::a)),
                               leading("back.example", "0a000009.addr.roster.internal"));
    const auto service =
        relay(send(question("back.example", rr::srv)), leading("back.example", web));

    EXPECT_EQ(chain(pointer).back(), "7.0.0.10.in-addr.arpa. web.service.dc1.roster.internal.");
    EXPECT_EQ(nobody.rcode, 3U);
    EXPECT_EQ(nobody.authorities.at(0).owner, "10.in-addr.arpa.");
    EXPECT_EQ(chain(address).back(), "0a000009.addr.roster.internal. 10.0.0.9");
    ASSERT_EQ(service.answers.size(), 2U);
    EXPECT_EQ(service.answers[1].owner, web + ".");
    ASSERT_EQ(service.extras.size(), 1U);
    EXPECT_TRUE(service.extras[0].owner.ends_with("Roster.Internal.")) << service.extras[0].owner;
}

TEST_F(LeadingHome, are_not_denied_before_the_first_sync) {
    const auto reply =
        relay(send(question("back.example", rr::a).with_opt(1232)), leading("back.example", web));

    EXPECT_EQ(reply.rcode, 2U);
    EXPECT_TRUE(reply.answers.empty());
    EXPECT_EQ(reply.opt_data, "\0\x0F\0\2\0\x0E"s);
}

TEST_F(LeadingHome, from_an_alias_of_ours_are_completed_with_authority) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    face.publish({support::make_service("out", {{host1, "back.example"}}),
                  support::make_service("web", {{host1, "10.0.0.7"}})});

    const auto reply =
        relay(send(question("out.service.roster.internal", rr::a)), leading("back.example", web));

    EXPECT_EQ(chain(reply),
              (Texts{"out.service.roster.internal. back.example.",
                     "back.example. " + web + ".",
                     web + ". 10.0.0.7"}));
    EXPECT_TRUE(reply.aa());
    EXPECT_EQ(reply.bytes[3] & 0x20U, 0U);
}

TEST_F(LeadingHome, lead_on_to_others_as_far_as_an_alias_of_ours_does) {
    publish("out", "CDN.example");
    const auto first = send(question("back.example", rr::a));
    ForwardedQuery query;
    Responder::hand_over(first, query);
    query.source = &source;

    ASSERT_FALSE(relay(query, leading("back.example", "out.service.roster.internal")));
    const auto onward = next.value();
    EXPECT_EQ(text(onward.name()), wire("cdn.example"));
    const auto reply = relay(onward, relayed(addresses(1, "cdn.example"))).value();

    EXPECT_EQ(chain(reply),
              (Texts{"back.example. out.service.roster.internal.",
                     "out.service.roster.internal. CDN.example.",
                     "cdn.example. 1.2.0.0"}));
    EXPECT_EQ(reply.question, "back.example. 1");
    EXPECT_FALSE(reply.aa());
}

TEST_F(LeadingHome, that_lead_out_and_back_in_a_circle_are_told_once) {
    publish("out", "back.example");
    const auto home = leading("back.example", "out.service.roster.internal");

    const auto of_others = relay(send(question("back.example", rr::a)), home);
    const auto of_ours = relay(send(question("Out.service.roster.internal", rr::a)), home);

    EXPECT_EQ(chain(of_others),
              (Texts{"back.example. out.service.roster.internal.",
                     "out.service.roster.internal. back.example."}));
    EXPECT_EQ(chain(of_ours),
              (Texts{"Out.service.roster.internal. back.example.",
                     "back.example. out.service.roster.internal."}));
    EXPECT_EQ(of_others.rcode, 0U);
    EXPECT_EQ(of_ours.rcode, 0U);
}

TEST_F(LeadingHome, that_lead_out_and_back_again_and_again_end) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    std::vector<std::shared_ptr<const agent::ServiceView>> aliases;
    for (int i = 0; i < 9; ++i) {
        const auto number = std::to_string(i);
        aliases.push_back(
            support::make_service("s" + number, {{host1, "x" + number + ".example"}}));
    }
    face.publish(aliases);
    ForwardedQuery query;
    Responder::hand_over(send(question("s0.service.roster.internal", rr::a)), query);
    query.source = &source;

    std::optional<support::DnsReply> reply;
    std::size_t rounds = 0;
    while (!reply && rounds < 9) {
        const auto number = std::to_string(rounds++);
        reply = relay(query,
                      leading("x" + number + ".example",
                              "s" + std::to_string(rounds) + ".service.roster.internal"));
        if (next) query = *next;
    }

    ASSERT_TRUE(reply);
    EXPECT_EQ(rounds, 4U);
    EXPECT_EQ(reply->rcode, 0U);
    EXPECT_EQ(reply->answers.size(), 9U) << "as an alias of ours";
    EXPECT_EQ(reply->answers.back().data, "x4.example.");
}

TEST_F(LeadingHome, are_cut_to_what_their_client_takes) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    std::vector<support::Instance> many;
    for (int i = 0; i < 100; ++i) many.push_back({host1, "10.0.1." + std::to_string(i)});
    face.publish({support::make_service("web", many)});

    const auto reply = relay(send(question("back.example", rr::a)), leading("back.example", web));

    EXPECT_TRUE(reply.tc());
    EXPECT_LE(reply.bytes.size(), 512U);
    EXPECT_GT(reply.answers.size(), 20U);
}

}  // namespace
}  // namespace dns
