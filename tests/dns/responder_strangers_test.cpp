// Cookies (RFC 7873, RFC 9018), allow-lists and the counting of those who are neither here nor trusted.
#include "dns/responder.hpp"
#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;
using support::DnsFace;
using support::DnsReply;
using support::make_service;
using support::Message;
using support::number;
using support::option_of;
using support::question;
using Lines = std::vector<std::string>;

constexpr auto web = "web.service.roster.internal";

// What a client far away sees; its network is one of the allowed ones.
class Stranger : public testing::Test {
protected:
    void SetUp() override {
        const auto host1 = support::make_node("host1", "10.0.0.1");
        std::vector<support::Instance> instances;
        for (int i = 0; i < 40; ++i) instances.push_back({host1, "10.0.1." + std::to_string(i)});
        face.publish({make_service("web", {{host1}}), make_service("many", instances)}, {host1});
        face.udp.loopback = false;
        face.client.address = parse_ip("198.51.100.7").value();
    }

    static constexpr auto cookie_request = "\0\12\0\10abcdefgh";
    std::string fresh_cookie() {
        const auto reply =
            face.ask(question(web, rr::a).with_opt(1232, 0, std::string(cookie_request, 12)));
        EXPECT_EQ(reply.opt_data.size(), 28U);
        return reply.opt_data;
    }

    DnsFace face;
};

TEST_F(Stranger, gets_a_cookie_and_with_it_whole_answers) {
    const auto cookie = fresh_cookie();
    EXPECT_EQ(cookie.substr(0, 12), "\0\12\0\30abcdefgh"s);
    EXPECT_FALSE(face.last.verified);

    const auto big = question("many.service.roster.internal", rr::a);
    const auto without = face.ask(support::Message(big).with_opt(1232));
    EXPECT_TRUE(without.tc());
    EXPECT_LE(without.bytes.size(), 512U);
    EXPECT_FALSE(face.last.verified);
    const auto with = face.ask(support::Message(big).with_opt(1232, 0, cookie));
    EXPECT_FALSE(with.tc());
    EXPECT_EQ(with.answers.size(), 40U);
    EXPECT_TRUE(face.last.verified);
    EXPECT_EQ(with.opt_data, cookie) << "still fresh, so given back as it is";
}

TEST_F(Stranger, whose_cookie_is_old_wrong_or_of_another_address_is_answered_with_a_new_one) {
    const auto cookie = fresh_cookie();
    const auto verified = [&](const std::string& sent) {
        const auto reply = face.ask(question(web, rr::a).with_opt(1232, 0, sent));
        EXPECT_EQ(reply.rcode, 0U);
        EXPECT_EQ(reply.data(), Lines{"10.0.0.1"});
        EXPECT_EQ(reply.opt_data.size(), 28U);
        EXPECT_EQ(reply.opt_data.substr(4, 8), "abcdefgh");
        EXPECT_NE(reply.opt_data, sent);
        return face.last.verified;
    };
    auto wrong = cookie;
    wrong.back() = static_cast<char>(wrong.back() ^ 1);
    EXPECT_FALSE(verified(wrong));
    face.client.address = parse_ip("198.51.100.8").value();
    EXPECT_FALSE(verified(cookie));
    face.client.address = parse_ip("198.51.100.7").value();
    face.client.now += 1801;
    EXPECT_TRUE(verified(cookie)) << "half an hour old: good, but renewed";
    face.client.now += 1800;
    EXPECT_FALSE(verified(cookie));
}

TEST_F(Stranger, that_asks_for_nothing_but_a_cookie_gets_just_that) {
    Message message{{0x12, 0x34, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}};
    message.with_opt(512, 0, std::string(cookie_request, 12));

    const auto reply = face.ask(message);

    EXPECT_EQ(reply.rcode, 0U);
    EXPECT_EQ(reply.question, "");
    EXPECT_TRUE(reply.answers.empty());
    EXPECT_EQ(reply.opt_data.size(), 28U);
}

TEST_F(Stranger, with_a_cookie_no_cookie_looks_like_gets_formerr_with_opt) {
    const auto reply = face.ask(question(web, rr::a).with_opt(1232, 0, "\0\12\0\3abc"s));

    EXPECT_EQ(reply.rcode, number(Rcode::format_error));
    EXPECT_TRUE(reply.has_opt);
    EXPECT_TRUE(reply.answers.empty());
}

TEST_F(Stranger, of_a_trusted_network_needs_no_cookie) {
    face.client.address = parse_ip("192.0.2.77").value();

    EXPECT_FALSE(face.ask(question("many.service.roster.internal", rr::a).with_opt(1232)).tc());
    EXPECT_TRUE(face.last.verified);
}

TEST_F(Stranger, from_a_network_that_is_not_allowed_is_refused_as_prohibited) {
    for (const auto* address : {"203.0.113.1", "2001:db9::1"}) {
        face.client.address = parse_ip(address).value();
        for (const unsigned klass : {class_in, class_chaos}) {
            const auto reply = face.ask(question("id.server", rr::txt, klass).with_opt(1232));
            EXPECT_EQ(reply.rcode, number(Rcode::refused));
            EXPECT_EQ(reply.opt_data, option_of(ExtendedError::prohibited));
            EXPECT_TRUE(face.last.prohibited);
        }
        EXPECT_EQ(DnsReply(face.send(question(web, rr::a), {.tcp = true})).rcode,
                  number(Rcode::refused));
    }
    face.client.address = parse_ip("127.0.0.1").value();
    EXPECT_EQ(face.ask(web, rr::a).rcode, 0U) << "this host, though the socket takes all";
}

TEST_F(Stranger, is_counted_by_name_by_zone_for_what_is_missing_and_for_all_errors_together) {
    const auto subject_of = [&](const Message& message) {
        face.send(message);
        EXPECT_FALSE(face.last.verified);
        return face.last.subject;
    };
    const auto one = subject_of(question(web, rr::a));
    EXPECT_EQ(subject_of(question("WEB.service.roster.internal", rr::srv)), one);
    EXPECT_NE(subject_of(question("many.service.roster.internal", rr::a)), one);
    const auto missing = subject_of(question("x.roster.internal", rr::a));
    EXPECT_NE(missing, one);
    EXPECT_EQ(subject_of(question("y.service.roster.internal", rr::a)), missing);
    EXPECT_NE(subject_of(question("9.9.9.10.in-addr.arpa", rr::ptr)), missing);
    const auto host1 = support::make_node("host1", "10.0.0.1");
    face.publish({make_service("d", {{host1, "a.longer.name.than.the.one.asked.roster.internal"}}),
                  make_service("out", {{host1, "www.example.com"}})});
    EXPECT_EQ(subject_of(question("d.service.roster.internal", rr::a)), missing) << "a dead alias";
    EXPECT_NE(subject_of(question("out.service.roster.internal", rr::a)), 0U);
    EXPECT_EQ(subject_of(question("example.com", rr::a)), 0U);
    auto broken = question(web, rr::a);
    broken.bytes[5] = 2;
    EXPECT_EQ(subject_of(broken), 0U);
}

}  // namespace
}  // namespace dns
