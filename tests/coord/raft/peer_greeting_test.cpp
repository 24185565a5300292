#include "coord/raft/peer_greeting.hpp"

#include "tests/support/run_until.hpp"
#include "tests/support/stream_pair.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace coord {
namespace {

using testing::HasSubstr;

Hello sample_hello(std::string address) {
    Hello hello;
    hello.id = MemberId{7};
    hello.address = std::move(address);
    return hello;
}

// What is thought of who says this first.
Met hear(const std::string& said) {
    boost::asio::io_context io;
    const StreamPair pair(io);
    EXPECT_FALSE(run_task(io, pair.dialled->write(said)));
    return run_task(io, hear_hello(pair.accepted, nullptr));
}

TEST(PeerGreeting, who_says_hello_is_met) {
    std::string said;
    encode_hello(sample_hello("127.0.0.1:1"), said);

    EXPECT_EQ(std::get<Hello>(hear(said)), sample_hello("127.0.0.1:1"));
}

TEST(PeerGreeting, anything_else_is_malformed) {
    std::string letter;
    encode_letter("hello", letter);
    std::string nowhere;
    encode_hello(sample_hello("nowhere"), nowhere);
    for (const auto& said : {std::string("GET / HTTP/1.1\r\n\r\n"), letter, nowhere}) {
        EXPECT_EQ(std::get<Unmet>(hear(said)).reason, PeerRefusal::malformed);
    }
}

TEST(PeerGreeting, why_it_was_refused_is_told_in_one_printable_line) {
    std::string refusal;
    encode_refusal("no\nreason", refusal);

    const auto met = hear(refusal);

    EXPECT_EQ(std::get<Unmet>(met).reason, std::nullopt);
    EXPECT_EQ(std::get<Unmet>(met).why, "it refuses: no?reason");
}

TEST(PeerGreeting, an_address_that_is_none_is_not_dialled) {
    boost::asio::io_context io;
    const auto stream = std::make_shared<PeerStream>(io, std::chrono::seconds(1));

    const auto met = run_task(io, say_hello(stream, nullptr, "nowhere", sample_hello("a:1")));

    EXPECT_THAT(std::get<Unmet>(met).why, HasSubstr("no address"));
}

}  // namespace
}  // namespace coord
