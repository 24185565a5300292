#include "dns/forward_answer.hpp"

#include "tests/support/dns_reply.hpp"
#include "tests/support/upstream_messages.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::wire;

constexpr std::uint16_t unknown = 65'280;

Record record(const std::string& owner, std::uint16_t type, std::string rdata) {
    Record made;
    made.owner = wire(owner);
    made.type = type;
    made.klass = class_in;
    made.ttl = 60;
    made.rdata = std::move(rdata);
    return made;
}

// The body behind its question.
support::DnsReply behind(const std::string& question, const ForwardAnswer& answer) {
    auto message = support::question(question, rr::a);
    for (std::size_t i = 0; i < 3; ++i) {
        message.bytes[7 + 2 * i] = static_cast<std::uint8_t>(answer.counts[i]);
    }
    message.bytes.insert(message.bytes.end(), answer.body.begin(), answer.body.end());
    return support::DnsReply(message.bytes);
}

TEST(ForwardAnswer, points_into_the_question_and_into_itself) {
    ForwardAnswerWriter writer(octets(wire("www.example.com")));
    ASSERT_TRUE(writer.add(MessageSection::answer,
                           record("WWW.example.com", rr::cname, wire("cdn.example.net"))));
    ASSERT_TRUE(writer.add(MessageSection::answer,
                           record("cdn.example.net", rr::a, std::string("\1\2\3\4"))));
    ASSERT_TRUE(writer.add(MessageSection::authority,
                           record("example.com", rr::ns, wire("ns.cdn.example.net"))));

    const auto answer = writer.finish();

    const auto reply = behind("www.example.com", answer);
    EXPECT_EQ(reply.answers.at(0).owner, "www.example.com.");
    EXPECT_EQ(reply.answers.at(0).data, "cdn.example.net.");
    EXPECT_EQ(reply.answers.at(1).owner, "cdn.example.net.");
    EXPECT_EQ(reply.authorities.at(0).owner, "example.com.");
    EXPECT_EQ(reply.authorities.at(0).data, "ns.cdn.example.net.");
    // 12 and its target; 12 and 4 octets; 12 and a label with a pointer.
    EXPECT_EQ(answer.body.size(), (12U + 17) + (12 + 4) + (12 + 5));
    EXPECT_EQ(answer.places.back().end, answer.body.size());
}

TEST(ForwardAnswer, leaves_the_names_in_the_data_of_newer_types_as_they_are) {
    ForwardAnswerWriter writer(octets(wire("example.com")));
    writer.add(
        MessageSection::answer,
        record("example.com", rr::srv, std::string("\0\1\0\1\0\x50", 6) + wire("a.example.com")));

    const auto answer = writer.finish();

    EXPECT_EQ(answer.body.size(), 12U + 6 + wire("a.example.com").size());
}

TEST(ForwardAnswer, takes_whole_records_only_as_long_as_they_fit_a_message) {
    ForwardAnswerWriter writer(octets(wire("example.com")));
    const auto large = record("a.example.org", unknown, std::string(30'000, 'x'));
    ASSERT_TRUE(writer.add(MessageSection::answer, large));
    ASSERT_TRUE(writer.add(MessageSection::answer, large));

    EXPECT_FALSE(writer.add(MessageSection::answer, large));

    const auto answer = writer.finish();
    EXPECT_EQ(answer.counts[0], 2U);
    EXPECT_EQ(answer.places.back().end, answer.body.size());
}

TEST(ForwardAnswer, points_no_further_than_a_pointer_can) {
    ForwardAnswerWriter writer(octets(wire("example.com")));
    writer.add(MessageSection::answer, record("example.com", unknown, std::string(17'000, 'x')));
    writer.add(MessageSection::answer, record("a.example.org", rr::a, "\1\2\3\4"));
    writer.add(MessageSection::answer, record("a.example.org", rr::a, "\1\2\3\5"));

    const auto reply = behind("example.com", writer.finish());

    EXPECT_EQ(reply.answers.at(1).owner, "a.example.org.");
    EXPECT_EQ(reply.answers.at(2).owner, "a.example.org.");
}

TEST(ForwardAnswer, has_the_name_of_ours_to_which_it_leads_whole_and_knows_where) {
    const auto home = wire("web.example.com");
    ForwardAnswerWriter writer(octets(wire("example.com")), 0, home);
    writer.add(MessageSection::answer, record("example.com", rr::cname, wire("a.example.com")));
    writer.add(MessageSection::answer, record("a.example.com", rr::cname, wire("WEB.example.com")));

    const auto answer = writer.finish();
    const auto moved =
        move_behind(answer, octets(wire("example.com")), octets(wire("example.org")), 0);

    const auto at = [](const ForwardAnswer& one, const std::string& question) {
        const auto reply = behind(question, one);
        return std::string(text(Octets(reply.bytes).subspan(one.home_at)));
    };
    EXPECT_EQ(at(answer, "example.com"), wire("WEB.example.com"));
    EXPECT_EQ(moved.home, home);
    EXPECT_EQ(at(moved, "example.org"), wire("WEB.example.com"));
}

TEST(ForwardAnswer, does_not_know_where_a_name_is_that_found_no_room) {
    ForwardAnswerWriter writer(octets(wire("example.com")), 0, wire("web.internal"));
    writer.add(MessageSection::answer, record("example.com", unknown, std::string(65'470, 'x')));

    EXPECT_FALSE(
        writer.add(MessageSection::answer, record("example.com", rr::cname, wire("web.internal"))));

    EXPECT_EQ(writer.finish().home_at, 0U);
}

}  // namespace
}  // namespace dns
