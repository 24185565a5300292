#include "dns/signed_query.hpp"

#include "tests/support/dns_messages.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace dns {
namespace {

constexpr std::uint64_t now = 1'700'000'000;

class Signed : public testing::Test {
protected:
    // A query signed with the key, in a buffer with room for its reply.
    std::vector<std::uint8_t> query(const TsigKey& with, std::uint64_t at = now) {
        auto bytes = support::question("roster.internal", rr::soa).bytes;
        TsigSigner signer(with);
        signer.sign(bytes, at);
        mac = signer.mac();
        return bytes;
    }
    // The reply to it: as it came, as a response.
    std::vector<std::uint8_t> reply_to(SignedQuery& signed_query, std::size_t room = 512) {
        auto buffer = support::question("roster.internal", rr::soa).bytes;
        Reply reply;
        reply.bytes = buffer.size();
        buffer[2] |= 0x80;
        buffer.resize(room);
        signed_query.sign(buffer, reply, now);
        buffer.resize(reply.bytes);
        return buffer;
    }

    TsigKey key = make_key({.name = "secondary", .secret = {"0123456789abcdef"}});
    TsigKey stranger = make_key({.name = "stranger", .secret = {"0123456789abcdef"}});
    TsigKeyring keys{{key}};
    std::string mac;
};

TEST_F(Signed, a_good_one_gets_a_reply_that_its_sender_can_check) {
    SignedQuery signed_query(query(key), keys, now);

    EXPECT_EQ(signed_query.rcode(), Rcode::no_error);
    const auto reply = reply_to(signed_query);

    const auto message = parse_message(reply);
    ASSERT_TRUE(message && message->tsig);
    EXPECT_LE(reply.size(), 33U + signed_query.bytes_max());
    EXPECT_TRUE(TsigVerifier(key, mac).verify(reply, *message, now));
}

TEST_F(Signed, an_unknown_key_and_a_wrong_time_are_told) {
    SignedQuery unknown(query(stranger), keys, now);
    SignedQuery late(query(key, now - 1000), keys, now);

    EXPECT_EQ(unknown.rcode(), Rcode::not_auth);
    EXPECT_EQ(late.rcode(), Rcode::not_auth);
    const auto reply = reply_to(late);
    const auto tsig = read_tsig(*parse_message(reply)->tsig);
    EXPECT_EQ(tsig->error, static_cast<std::uint16_t>(TsigError::bad_time));
}

TEST_F(Signed, what_is_no_message_at_all_is_a_format_error) {
    auto bytes = query(key);
    bytes.push_back(0);

    SignedQuery signed_query(bytes, keys, now);

    EXPECT_EQ(signed_query.rcode(), Rcode::format_error);
}

TEST_F(Signed, a_reply_without_room_for_the_signature_fails_as_a_whole) {
    SignedQuery signed_query(query(key), keys, now);

    const auto reply = reply_to(signed_query, 60);

    ASSERT_EQ(reply.size(), header_bytes);
    EXPECT_EQ(reply[3] & 0x0F, static_cast<int>(Rcode::server_failure));
}

}  // namespace
}  // namespace dns
