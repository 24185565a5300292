#include "dns/message.hpp"

#include "dns/address.hpp"
#include "tests/support/dns_messages.hpp"
#include "tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dns {
namespace {

using std::string_literals::operator""s;

// Of dnspython 2.3: web.service A must be 10.0.0.1 and x.dyn unused; then printer.dyn gets an address
// and a text, alias.dyn is its alias, and of old.dyn, old2.dyn and old3.dyn something is removed.
const auto update = support::from_hex(
    "43212800000100020006000006726f7374657208696e7465726e616c0000060001037765620773657276696365c00c"
    "000100010000000000040a00000101780364796ec00c00ff00fe000000000000077072696e746572c03f0001000100"
    "00003c00040a000009036f6c64c03f00ff00ff000000000000046f6c6432c03f000100ff000000000000046f6c6433"
    "c03f000100fe0000000000040a000003c04f001000010000003c0007067261636b3d3705616c696173c03f00050001"
    "0000003c0002c04f");

std::string spelled(const Labels& name) { return format_name(octets(name)); }

std::optional<Message> parse(const support::Message& message) {
    return parse_message(message.bytes);
}

TEST(Message, of_another_program_is_read_with_every_name_whole) {
    const auto message = parse_message(update);

    ASSERT_TRUE(message);
    EXPECT_EQ(message->id, 0x4321);
    EXPECT_EQ(message->opcode, 5);
    EXPECT_FALSE(message->response);
    ASSERT_EQ(message->questions.size(), 1U);
    EXPECT_EQ(spelled(message->questions[0].name), "roster.internal.");
    EXPECT_EQ(message->questions[0].type, rr::soa);
    const auto& prerequisites = message->section(MessageSection::answer);
    ASSERT_EQ(prerequisites.size(), 2U);
    EXPECT_EQ(spelled(prerequisites[0].owner), "web.service.roster.internal.");
    EXPECT_EQ(prerequisites[0].rdata, "\x0A\0\0\1"s);
    EXPECT_EQ(prerequisites[1].klass, 254);
    const auto& updates = message->section(MessageSection::authority);
    ASSERT_EQ(updates.size(), 6U);
    EXPECT_EQ(updates[0].ttl, 60U);
    EXPECT_EQ(spelled(updates[3].owner), "old3.dyn.roster.internal.");
    EXPECT_EQ(updates[4].rdata, "\6rack=7");
    EXPECT_EQ(spelled(updates[5].rdata), "printer.dyn.roster.internal.");
}

TEST(Message, cut_short_anywhere_is_none) {
    for (std::size_t size = 0; size < update.size(); ++size) {
        EXPECT_FALSE(parse_message(Octets(update).first(size))) << size;
    }
}

TEST(Message, with_octets_behind_its_last_record_is_none) {
    auto longer = update;
    longer.push_back(0);

    EXPECT_FALSE(parse_message(longer));
}

TEST(Message, takes_pointers_backwards_only) {
    auto self = support::question("a", 1);
    self.add_record(6, "\xC0\x13"s, 1, 1, 0, "\1\2\3\4");  // Its own offset.
    auto forward = support::question("a", 1);
    forward.add_record(6, "\xC0\x20"s, 1, 1, 0, "\1\2\3\4");
    auto backward = support::question("a", 1);
    backward.add_record(6, "\1b\xC0\x0C"s, 1, 1, 0, "\1\2\3\4");
    // A name that runs into the pointer which leads back to it.
    auto loop = support::question("a", 1);
    loop.add_record(6, "\1b\xC0\x13"s, 1, 1, 0, "\1\2\3\4");

    EXPECT_FALSE(parse(self));
    EXPECT_FALSE(parse(forward));
    EXPECT_FALSE(parse(loop));
    ASSERT_TRUE(parse(backward));
    EXPECT_EQ(spelled(parse(backward)->section(MessageSection::answer)[0].owner), "b.a.");
}

TEST(Message, whose_names_grow_beyond_255_octets_is_none) {
    auto message = support::question(std::string(60, 'a') + "." + std::string(60, 'b') + "." +
                                         std::string(60, 'c') + "." + std::string(60, 'd'),
                                     1);
    message.add_record(6, "\x0A" + std::string(10, 'e') + "\xC0\x0C", 1, 1, 0, "\1\2\3\4");

    EXPECT_EQ(message.bytes[12], 60);
    EXPECT_FALSE(parse(message));
}

// 3,000 records, each owned by the end of a chain of twice as many pointers: naive readers walk for
// seconds. What it takes here tests/bench tells.
TEST(Message, made_to_be_walked_for_ever_is_given_up) {
    auto bomb = support::question("a", 1);
    std::size_t previous = 12;
    constexpr unsigned links = 6000;
    std::string chain;
    const std::size_t data_at = bomb.bytes.size() + 11;
    for (unsigned i = 0; i < links; ++i) {
        chain += static_cast<char>(0xC0U | previous >> 8U);
        chain += static_cast<char>(previous & 0xFFU);
        previous = data_at + 2 * std::size_t{i};
    }
    bomb.add_record(6, "\0"s, 65280, 1, 0, chain);
    const std::string last{static_cast<char>(0xC0U | previous >> 8U),
                           static_cast<char>(previous & 0xFFU)};
    unsigned records = 1;
    for (; bomb.bytes.size() + 16 <= 65'535; ++records)
        bomb.add_record(6, last, 1, 1, 0, "\1\2\3\4");
    bomb.bytes[6] = static_cast<std::uint8_t>(records >> 8U);
    bomb.bytes[7] = static_cast<std::uint8_t>(records);

    EXPECT_FALSE(parse(bomb));
}

TEST(Message, says_which_rdata_is_none) {
    auto message = support::question("a", 1);
    message.add_record(6, "\0"s, rr::a, 1, 0, "\1\2\3");
    message.add_record(6, "\0"s, rr::aaaa, 1, 0, "\1\2\3\4");
    message.add_record(6, "\0"s, rr::txt, 1, 0, "");
    message.add_record(6, "\0"s, rr::txt, 1, 0, "\5abc");
    message.add_record(6, "\0"s, rr::cname, 1, 0, "\1a\0b"s);
    message.add_record(6, "\0"s, rr::srv, 1, 0, "\0\1\0\2\0\3"s);
    message.add_record(6, "\0"s, rr::cname, 255, 0, "");
    message.add_record(6, "\0"s, 15, 1, 0, "\0\1\xC0\x0C"s);
    message.add_record(6, "\0"s, 65280, 1, 0, "");

    const auto parsed = parse(message);

    ASSERT_TRUE(parsed);
    const auto& records = parsed->section(MessageSection::answer);
    ASSERT_EQ(records.size(), 9U);
    for (std::size_t i = 0; i < 7; ++i) EXPECT_FALSE(records[i].sound) << i;
    EXPECT_EQ(records[0].rdata, "\1\2\3");
    EXPECT_TRUE(records[7].sound);
    EXPECT_EQ(records[7].rdata, "\0\1\1a\0"s);
    EXPECT_TRUE(records[8].sound);
}

TEST(Message, has_opt_and_tsig_where_they_may_be_and_once) {
    const auto opt = [](std::size_t count_at, std::string_view owner = {"\0", 1}) {
        auto message = support::question("a", 1);
        return message.add_record(count_at, owner, 41, 1232, 0, "");
    };
    const auto tsig = [](unsigned klass, std::uint32_t ttl) {
        auto message = support::question("a", 1);
        return message.add_record(10, "\1k\0"s, 250, klass, ttl, "");
    };

    EXPECT_TRUE(parse(opt(10)));
    EXPECT_FALSE(parse(opt(6)));
    EXPECT_FALSE(parse(opt(8)));
    EXPECT_FALSE(parse(opt(10, "\1a\0"s)));
    EXPECT_FALSE(parse(opt(10).with_opt(512)));
    EXPECT_TRUE(parse(tsig(255, 0))->tsig);
    EXPECT_FALSE(parse(tsig(1, 0)));
    EXPECT_FALSE(parse(tsig(255, 1)));
    EXPECT_FALSE(parse(tsig(255, 0x8000'0000)));
    EXPECT_FALSE(parse(tsig(255, 0).with_opt(512)));  // Not the last.
}

TEST(Message, counts_a_ttl_with_the_top_bit_as_0) {
    auto message = support::question("a", 1);
    message.add_record(6, "\0"s, rr::a, 1, 0x8000'0005, "\1\2\3\4");

    EXPECT_EQ(parse(message)->section(MessageSection::answer)[0].ttl, 0U);
}

TEST(Message, knows_the_rdata_of_a_type_without_compression) {
    EXPECT_TRUE(is_rdata(rr::a, "\1\2\3\4"));
    EXPECT_FALSE(is_rdata(rr::a, "\1\2\3"));
    EXPECT_TRUE(is_rdata(rr::cname, "\1a\0"s));
    EXPECT_FALSE(is_rdata(rr::cname, "\1a\xC0\x00"s));
    EXPECT_TRUE(is_rdata(rr::txt, "\3abc"));
    EXPECT_FALSE(is_rdata(rr::txt, ""));
}

}  // namespace
}  // namespace dns
