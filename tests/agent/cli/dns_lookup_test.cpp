#include "agent/cli/dns_lookup.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <array>
#include <random>
#include <string>
#include <thread>

namespace {

namespace asio = boost::asio;

std::span<const std::byte> bytes(const std::string& text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

std::string u16(unsigned number) {
    return {static_cast<char>(number >> 8U), static_cast<char>(number & 255U)};
}

// A response to "a.b A" with these records.
std::string
response(unsigned flags, unsigned answers, unsigned additional, const std::string& rest) {
    return u16(7) + u16(0x8000 | flags) + u16(1) + u16(answers) + u16(0) + u16(additional) +
           std::string("\1a\1b\0\0\1\0\1", 9) + rest;
}

std::string record(const std::string& name, unsigned type, const std::string& data) {
    return name + u16(type) + u16(1) + std::string("\0\0\0\5", 4) +
           u16(static_cast<unsigned>(data.size())) + data;
}

const std::string pointer("\xc0\x0c", 2);

TEST(DnsLookup, a_question_is_a_header_and_a_name) {
    EXPECT_EQ(agent::encode_question(0x1234, "web.x.", 33),
              std::string("\x12\x34\1\0\0\1\0\0\0\0\0\0\3web\1x\0\0\x21\0\1", 23));
    EXPECT_EQ(agent::encode_question(1, "a..b", 1), "");
    EXPECT_EQ(agent::encode_question(1, std::string(64, 'a'), 1), "");
    EXPECT_EQ(agent::encode_question(1, "", 1), "");
}

TEST(DnsLookup, types_have_names_and_numbers) {
    EXPECT_EQ(agent::parse_type("srv"), 33);
    EXPECT_EQ(agent::parse_type("TYPE65"), 65);
    EXPECT_EQ(agent::parse_type("nonsense"), 0);
    EXPECT_EQ(agent::format_rcode(3), "NXDOMAIN");
    EXPECT_EQ(agent::format_rcode(9), "RCODE9");
}

TEST(DnsLookup, records_are_read_in_presentation_form) {
    const auto message =
        response(0,
                 5,
                 1,
                 record(pointer, 1, std::string("\x0a\0\0\1", 4)) +
                     record(pointer, 28, std::string(15, '\0') + "\1") +
                     record(pointer, 33, u16(1) + u16(2) + u16(8080) + "\1n" + pointer) +
                     record(pointer, 16, "\2hi\3a b") + record(pointer, 99, "\1\2") +
                     record(std::string(1, '\0'), 41, ""));

    const auto answer = agent::decode_answer(bytes(message), 7).value.value();

    EXPECT_EQ(answer.rcode, 0);
    ASSERT_EQ(answer.answer.size(), 5U);
    EXPECT_EQ(answer.answer[0], (agent::DnsRecord{"a.b.", 5, "A", "10.0.0.1"}));
    EXPECT_EQ(answer.answer[1].text, "::1");
    EXPECT_EQ(answer.answer[2].text, "1 2 8080 n.a.b.");
    EXPECT_EQ(answer.answer[3].text, "\"hi\" \"a\\032b\"");
    EXPECT_EQ(answer.answer[4], (agent::DnsRecord{"a.b.", 5, "TYPE99", "\\# 2 0102"}));
    EXPECT_TRUE(answer.additional.empty());
}

TEST(DnsLookup, a_malformed_reply_is_refused) {
    const auto good = response(0, 1, 0, record(pointer, 1, std::string("\x0a\0\0\1", 4)));
    for (std::size_t size = 0; size < good.size(); ++size) {
        EXPECT_FALSE(agent::decode_answer(bytes(good.substr(0, size)), 7).value) << size;
    }
    const std::string looping("\xc0\x15", 2);  // Points at itself.
    EXPECT_FALSE(
        agent::decode_answer(bytes(response(0, 1, 0, record(looping, 1, "abcd"))), 7).value);
    EXPECT_EQ(agent::decode_answer(bytes(good), 8).error, "the reply is to another question");
}

TEST(DnsLookup, random_bytes_do_no_harm) {
    std::mt19937 random(42);
    for (int i = 0; i < 20'000; ++i) {
        std::string text = response(0, 3, 3, "");
        for (int j = 0; j < 60; ++j) text += static_cast<char>(random() & 255U);
        agent::decode_answer(bytes(text), 7);
    }
}

// A server that truncates over UDP and answers over TCP, on the same port.
TEST(DnsLookup, a_truncated_answer_is_asked_for_again_over_tcp) {
    asio::io_context io;
    asio::ip::tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    const auto port = acceptor.local_endpoint().port();
    asio::ip::udp::socket udp(io, {asio::ip::address_v4::loopback(), port});
    std::thread server([&] {
        std::array<char, 512> question{};
        asio::ip::udp::endpoint from;
        const auto size = udp.receive_from(asio::buffer(question), from);
        const std::string asked(question.data(), size);
        const auto id = asked.substr(0, 2);
        udp.send_to(asio::buffer(id + response(0x200, 0, 0, "").substr(2)), from);
        auto socket = acceptor.accept();
        asio::read(socket, asio::buffer(question, size + 2));
        const auto id2 = std::string(question.data() + 2, 2);
        const auto reply =
            id2 + response(0, 1, 0, record(pointer, 1, std::string("\x0a\0\0\1", 4))).substr(2);
        asio::write(socket, asio::buffer(u16(static_cast<unsigned>(reply.size())) + reply));
    });

    const auto answer = agent::lookup({"127.0.0.1", port}, "a.b", 1, std::chrono::seconds(5));
    server.join();

    ASSERT_TRUE(answer.value) << answer.error;
    EXPECT_EQ(answer.value->answer.at(0).text, "10.0.0.1");
}

TEST(DnsLookup, a_server_that_is_silent_or_gone_is_told) {
    asio::io_context io;
    asio::ip::udp::socket silent(io, {asio::ip::address_v4::loopback(), 0});
    const auto port = silent.local_endpoint().port();
    EXPECT_EQ(agent::lookup({"127.0.0.1", port}, "a", 1, std::chrono::milliseconds(50)).error,
              "timed out after 50ms");
    silent.close();
    EXPECT_EQ(agent::lookup({"127.0.0.1", port}, "a", 1, std::chrono::seconds(5)).error,
              "connection refused");
}

}  // namespace
