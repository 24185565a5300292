#include "dns/tsig.hpp"

#include "tests/support/dns_messages.hpp"
#include "tests/support/hex.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <map>
#include <stdexcept>
#include <string>

namespace dns {
namespace {

using std::string_literals::operator""s;
using Wire = std::vector<std::uint8_t>;

// Everything in hexadecimal here was signed by dnspython 2.3 at this time, with the octets 0 to 31.
constexpr std::uint64_t signed_at = 1'700'000'000;

agent::Secret secret() {
    agent::Secret made;
    for (int i = 0; i < 32; ++i) made.octets += static_cast<char>(i);
    return made;
}

TsigKey key_of(const std::string& algorithm, std::size_t mac_bits_min = 0) {
    return make_key({"test.key", algorithm, secret(), mac_bits_min});
}

TsigKeyring ring(const std::string& algorithm = "hmac-sha256", std::size_t mac_bits_min = 0) {
    return TsigKeyring({key_of(algorithm, mac_bits_min)});
}

const std::string question = "12340100000100000000000103777777076578616d706c65000001000104";
const std::string owner = "54657374034b65790000fa00ff00000000";  // Test.Key. TSIG ANY 0
const std::string query_sha256 =
    question + owner +
    "003d0b686d61632d7368613235360000006553f100012c0020ab23c6a6b0abb1a13577767897cc37d010d27b0eadd9"
    "bda8631753033431ed1b123400000000";

const std::map<std::string, std::string> queries{
    {"hmac-sha1",
     question + owner +
         "002f09686d61632d736861310000006553f100012c001496d6f357b62dda6acb1feabe82a4a2d664b284b4123"
         "4"
         "00000000"},
    {"hmac-sha224",
     question + owner +
         "00390b686d61632d7368613232340000006553f100012c001c68c631eea424e668fafb531a6421b73afc5569a"
         "5"
         "e38b592ebb793926123400000000"},
    {"hmac-sha256", query_sha256},
    {"hmac-sha384",
     question + owner +
         "004d0b686d61632d7368613338340000006553f100012c003095ab402fb683a1e4b97ca08f4a8d32ef0404933"
         "3"
         "38f6c99a5293a99c3bd92f8bdcb1353a71990faecdb781934cae11d2123400000000"},
    {"hmac-sha512",
     question + owner +
         "005d0b686d61632d7368613531320000006553f100012c00406da8d183a8aa1561b5049f950603cb040e606d0"
         "1"
         "d4fb908c4e2fc5194061242d69237750f9012908f9d5710d16e74f1f4e09375ea78be9cc0eb62ec7f59b2e9f1"
         "2"
         "3400000000"}};

// The replies to the query with SHA-256, the first of which is also a whole reply.
const std::string reply_begin =
    "12348100" + question.substr(8) + owner + "003d0b686d61632d7368613235360000006553f100012c0020";
const std::vector<std::string> replies{
    reply_begin + "3059dd9f6af2abd770ed1282554a0a4b32f4d95a3d4ffc36cb94a60c69765804123400000000",
    reply_begin + "2f1d93e99888cc9d450f56ee508d45bd2c9e8e11ae84d4613129e73341e69576123400000000",
    reply_begin + "d0cd9ac9860baa279d170d036dabe4c4657c8b747190162b7d397f289bc99dd5123400000000"};

TsigVerdict check(const Wire& wire, const TsigKeyring& keys, std::uint64_t now = signed_at) {
    const auto message = parse_message(wire);
    if (!message || !message->tsig) throw std::runtime_error("the message is none");
    return verify(wire, *message, keys, now);
}

TsigRecord signature_of(const Wire& wire) {
    return read_tsig(parse_message(wire).value().tsig.value()).value();
}

Wire unsigned_reply() {
    auto reply = support::from_hex("12348100" + question.substr(8));
    reply.resize(support::from_hex(question).size() - 1);  // Without the owner of the signature.
    reply[11] = 0;
    return reply;
}

// The query, its MAC cut to so many octets.
Wire with_mac_of(std::size_t octets_kept) {
    auto wire = support::from_hex(query_sha256);
    const auto tsig = parse_message(wire)->tsig.value();
    const std::size_t mac_at = tsig.data + 13 + 10;
    const std::size_t cut = 32 - octets_kept;
    const auto first = wire.begin() + static_cast<std::ptrdiff_t>(mac_at + octets_kept);
    wire.erase(first, first + static_cast<std::ptrdiff_t>(cut));
    wire[mac_at - 1] = static_cast<std::uint8_t>(octets_kept);
    wire[tsig.data - 1] = static_cast<std::uint8_t>(0x3D - cut);
    return wire;
}

TEST(Tsig, of_another_program_is_good_with_each_algorithm) {
    for (const auto& [algorithm, hex] : queries) {
        const auto verdict = check(support::from_hex(hex), ring(algorithm));

        EXPECT_EQ(verdict.rcode, Rcode::no_error) << algorithm;
        EXPECT_EQ(verdict.error, TsigError::none) << algorithm;
        ASSERT_NE(verdict.key, nullptr) << algorithm;
        EXPECT_EQ(verdict.record.signed_at, signed_at) << algorithm;
        EXPECT_EQ(verdict.record.fudge, 300) << algorithm;
    }
}

TEST(Tsig, of_ours_is_octet_for_octet_that_of_another_program) {
    const auto keys = ring();
    TsigSigner signer(check(support::from_hex(query_sha256), keys));

    for (const auto& expected : replies) {
        auto reply = unsigned_reply();
        signer.sign(reply, signed_at);

        // But for the case of the key's name.
        const auto wanted = support::from_hex(expected);
        EXPECT_EQ(fold(text(reply)), fold(text(wanted)));
        EXPECT_EQ(signature_of(reply).mac, signature_of(wanted).mac);
    }
}

TEST(Tsig, of_a_chain_of_replies_is_verified_in_order_only) {
    const auto key = key_of("hmac-sha256");
    const auto mac = signature_of(support::from_hex(query_sha256)).mac;
    const auto accepts = [&](TsigVerifier& verifier, const std::string& hex) {
        const auto wire = support::from_hex(hex);
        return verifier.verify(wire, parse_message(wire).value(), signed_at);
    };
    TsigVerifier good(key, mac);
    TsigVerifier skipping(key, mac);
    TsigVerifier stranger(key, std::string(32, 'x'));

    for (const auto& reply : replies) EXPECT_TRUE(accepts(good, reply));
    EXPECT_TRUE(accepts(skipping, replies[0]));
    EXPECT_FALSE(accepts(skipping, replies[2]));
    EXPECT_FALSE(accepts(stranger, replies[0]));
}

TEST(Tsig, with_one_bit_changed_anywhere_is_never_good) {
    const auto keys = ring();
    const auto good = support::from_hex(query_sha256);
    const auto message = parse_message(good);
    const auto& tsig = message->tsig.value();
    for (std::size_t bit = 0; bit < good.size() * 8; ++bit) {
        auto wire = good;
        wire[bit / 8] ^= static_cast<std::uint8_t>(1U << bit % 8);
        const auto parsed = parse_message(wire);
        if (!parsed || !parsed->tsig) continue;
        const auto verdict = verify(wire, *parsed, keys, signed_at);
        // The ID may be changed on the way; the names of key and algorithm have no case.
        const std::size_t at = bit / 8;
        const bool is_id = at < 2;
        const bool is_case =
            bit % 8 == 5 && std::isalpha(good[at]) != 0 && at > tsig.at && at < tsig.data + 13;
        if (is_id || is_case) continue;
        EXPECT_NE(verdict.rcode, Rcode::no_error) << "bit " << bit;
    }
}

TEST(Tsig, survives_a_forwarder_that_gives_the_message_an_id_of_its_own) {
    auto wire = support::from_hex(query_sha256);
    wire[0] ^= 0x55;

    EXPECT_EQ(check(wire, ring()).rcode, Rcode::no_error);
}

TEST(Tsig, by_a_key_we_do_not_have_is_badkey_whether_the_name_or_the_algorithm_differs) {
    const auto wire = support::from_hex(query_sha256);
    const TsigKeyring other({make_key({"other.key", "hmac-sha256", secret(), 0})});

    for (const auto& keys : {ring("hmac-sha512"), other, TsigKeyring({})}) {
        const auto verdict = check(wire, keys);
        EXPECT_EQ(verdict.rcode, Rcode::not_auth);
        EXPECT_EQ(verdict.error, TsigError::bad_key);
        EXPECT_EQ(verdict.key, nullptr);
    }
}

TEST(Tsig, by_another_secret_is_badsig) {
    auto wrong = secret();
    wrong.octets[7] ^= 1;
    const TsigKeyring keys({make_key({"test.key", "hmac-sha256", wrong, 0})});

    const auto verdict = check(support::from_hex(query_sha256), keys);

    EXPECT_EQ(verdict.rcode, Rcode::not_auth);
    EXPECT_EQ(verdict.error, TsigError::bad_signature);
}

TEST(Tsig, is_badtime_beyond_the_fudge_on_either_side) {
    const auto wire = support::from_hex(query_sha256);

    EXPECT_EQ(check(wire, ring(), signed_at + 300).error, TsigError::none);
    EXPECT_EQ(check(wire, ring(), signed_at - 300).error, TsigError::none);
    EXPECT_EQ(check(wire, ring(), signed_at + 301).error, TsigError::bad_time);
    EXPECT_EQ(check(wire, ring(), signed_at - 301).error, TsigError::bad_time);
    EXPECT_EQ(check(wire, ring(), 0).rcode, Rcode::not_auth);
}

TEST(Tsig, cut_short_is_taken_as_the_key_allows) {
    EXPECT_EQ(check(with_mac_of(16), ring("hmac-sha256", 128)).error, TsigError::none);
    EXPECT_EQ(check(with_mac_of(16), ring("hmac-sha256", 192)).error, TsigError::bad_truncation);
    EXPECT_EQ(check(with_mac_of(31), ring()).error, TsigError::bad_truncation);
    EXPECT_EQ(check(with_mac_of(16), ring("hmac-sha256", 192)).rcode, Rcode::not_auth);
    // Less than half of it is malformed, whatever the key allows.
    EXPECT_EQ(check(with_mac_of(15), ring("hmac-sha256", 128)).rcode, Rcode::format_error);
    EXPECT_EQ(check(with_mac_of(0), ring()).rcode, Rcode::format_error);
}

TEST(Tsig, that_is_wrong_and_cut_short_is_badsig_before_all_else) {
    auto wire = with_mac_of(16);
    wire[wire.size() - 12] ^= 1;

    EXPECT_EQ(check(wire, ring(), signed_at + 9999).error, TsigError::bad_signature);
}

TEST(Tsig, that_is_not_made_as_it_should_be_is_a_format_error) {
    const auto verdict_of = [](std::string_view rdata) {
        auto message = support::question("a", 1);
        message.add_record(10, "\4test\3key\0"s, 250, 255, 0, rdata);
        return check(message.bytes, ring()).rcode;
    };
    const auto whole = parse_message(support::from_hex(query_sha256))->tsig->rdata;

    EXPECT_EQ(verdict_of(whole), Rcode::not_auth);  // Well made, of another message.
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_EQ(verdict_of(whole.substr(0, size)), Rcode::format_error) << size;
    }
    EXPECT_EQ(verdict_of(whole + "x"), Rcode::format_error);
    EXPECT_EQ(verdict_of("\xC0\x0C" + whole.substr(13)), Rcode::format_error);
}

TEST(Tsig, tells_an_error_of_key_or_mac_without_a_mac_of_its_own) {
    auto wrong = secret();
    wrong.octets[0] = 'x';
    const TsigKeyring keys({make_key({"test.key", "hmac-sha256", wrong, 0})});
    for (const auto& with : {keys, TsigKeyring({})}) {
        const auto verdict = check(support::from_hex(query_sha256), with);
        auto reply = unsigned_reply();
        TsigSigner(verdict).sign(reply, signed_at + 5);

        const auto tsig = signature_of(reply);
        EXPECT_EQ(tsig.mac, "");
        EXPECT_EQ(tsig.error, static_cast<std::uint16_t>(verdict.error));
        EXPECT_EQ(tsig.key, "\4test\3key\0"s);
        EXPECT_EQ(tsig.original_id, 0x1234);
        EXPECT_EQ(tsig.other, "");
    }
}

TEST(Tsig, tells_our_time_to_whom_is_out_of_it_signed) {
    const auto key = key_of("hmac-sha256");
    const TsigKeyring keys({key});
    const auto verdict = check(support::from_hex(query_sha256), keys, signed_at + 4000);
    auto reply = unsigned_reply();

    TsigSigner(verdict).sign(reply, signed_at + 4000);

    const auto tsig = signature_of(reply);
    EXPECT_EQ(tsig.error, 18);
    EXPECT_EQ(tsig.signed_at, signed_at);
    EXPECT_EQ(tsig.other, "\0\0\x65\x54\0\xA0"s);
    TsigVerifier client(key, verdict.record.mac);
    EXPECT_TRUE(client.verify(reply, parse_message(reply).value(), signed_at));
}

TEST(Tsig, of_a_request_of_ours_is_good_for_us) {
    const auto key = key_of("hmac-sha512");
    auto request = support::question("web.service.roster.internal", 1).with_opt(1232).bytes;
    TsigSigner signer(key);
    const auto before = request.size();

    signer.sign(request, signed_at);

    EXPECT_LE(request.size() - before, signer.bytes_max());
    const auto keys = ring("hmac-sha512");
    const auto verdict = check(request, keys);
    EXPECT_EQ(verdict.rcode, Rcode::no_error);
    auto reply = unsigned_reply();
    TsigSigner(verdict).sign(reply, signed_at);
    TsigVerifier client(key, signer.mac());
    EXPECT_TRUE(client.verify(reply, parse_message(reply).value(), signed_at));
}

TEST(Tsig, of_a_reply_that_has_none_is_not_good) {
    const auto key = key_of("hmac-sha256");
    TsigVerifier client(key, std::string(32, 'm'));
    const auto reply = unsigned_reply();

    EXPECT_FALSE(client.verify(reply, parse_message(reply).value(), signed_at));
}

TEST(Tsig, has_no_key_that_is_no_name_and_no_algorithm_that_is_unknown) {
    EXPECT_THROW(make_key({"", "hmac-sha256", secret(), 0}), std::runtime_error);
    EXPECT_THROW(make_key({".", "hmac-sha256", secret(), 0}), std::runtime_error);
    EXPECT_THROW(make_key({"a..b", "hmac-sha256", secret(), 0}), std::runtime_error);
    EXPECT_THROW(make_key({"a", "hmac-md5", secret(), 0}), std::runtime_error);
    EXPECT_THROW(make_key({"a", "hmac-sha512", secret(), 128}), std::runtime_error);
    EXPECT_THROW(make_key({"a", "hmac-sha1", secret(), 256}), std::runtime_error);
}

}  // namespace
}  // namespace dns
