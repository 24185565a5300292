#include "coord/proto/jute.hpp"

#include "coord/proto/error.hpp"
#include "coord/proto/requests.hpp"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <functional>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace coord {
namespace {

using std::string_literals::operator""s;
using std::string_view_literals::operator""sv;

std::string encoded(const std::function<void(Encoder&)>& write) {
    std::string bytes;
    Encoder out(bytes);
    write(out);
    return bytes;
}

TEST(Encoder, writes_numbers_big_endian) {
    EXPECT_EQ(encoded([](auto& out) { out.int32(0x01020304); }), "\1\2\3\4");
    EXPECT_EQ(encoded([](auto& out) { out.int32(-2); }), "\xFF\xFF\xFF\xFE");
    EXPECT_EQ(encoded([](auto& out) { out.int64(0x0102030405060708); }), "\1\2\3\4\5\6\7\10");
    EXPECT_EQ(encoded([](auto& out) { out.boolean(true); }), "\1");
}

TEST(Encoder, tells_null_from_empty) {
    EXPECT_EQ(encoded([](auto& out) { out.buffer(std::nullopt); }), "\xFF\xFF\xFF\xFF");
    EXPECT_EQ(encoded([](auto& out) { out.buffer(""); }), "\0\0\0\0"s);
    EXPECT_EQ(encoded([](auto& out) { out.ustring("ab"); }), "\0\0\0\2ab"s);
}

TEST(Encoder, a_stat_takes_68_bytes) {
    EXPECT_EQ(encoded([](auto& out) { out.stat({}); }).size(), 68U);
}

TEST(Decoder, reads_back_what_was_written) {
    Stat stat;
    stat.czxid = Zxid{1};
    stat.mzxid = Zxid{2};
    stat.ctime = 3;
    stat.mtime = 4;
    stat.version = 5;
    stat.cversion = -6;
    stat.aversion = 7;
    stat.ephemeral_owner = SessionId{std::numeric_limits<std::int64_t>::min()};
    stat.data_length = 9;
    stat.num_children = 10;
    stat.pzxid = Zxid{11};
    const std::vector<Acl> acl{{31, {"world", "anyone"}}, {1, {"digest", "u:h"}}};
    const auto bytes = encoded([&](auto& out) {
        out.boolean(false);
        out.int32(std::numeric_limits<std::int32_t>::min());
        out.int64(std::numeric_limits<std::int64_t>::max());
        out.ustring("");
        out.buffer(std::nullopt);
        out.buffer("x");
        out.strings({"a", "bc"});
        out.stat(stat);
        out.acl(acl);
    });

    Decoder in(bytes);

    EXPECT_FALSE(in.boolean());
    EXPECT_EQ(in.int32(), std::numeric_limits<std::int32_t>::min());
    EXPECT_EQ(in.int64(), std::numeric_limits<std::int64_t>::max());
    EXPECT_EQ(in.ustring(), "");
    EXPECT_EQ(in.buffer(), std::nullopt);
    EXPECT_EQ(in.buffer(), "x");
    EXPECT_EQ(in.strings(), (std::vector<std::string_view>{"a", "bc"}));
    EXPECT_EQ(in.stat(), stat);
    EXPECT_EQ(in.acl(), acl);
    EXPECT_TRUE(in.finish());
    EXPECT_TRUE(in.rest().empty());
}

TEST(Decoder, fails_for_good_at_the_first_byte_that_is_missing) {
    Decoder in("\0\0\0\7abc"sv);

    EXPECT_EQ(in.ustring(), "");
    EXPECT_TRUE(in.failed());
    EXPECT_EQ(in.int32(), 0);
    EXPECT_EQ(in.buffer(), "");
    EXPECT_EQ(in.finish().error(), Errc::marshalling_error);
}

TEST(Decoder, a_null_string_is_a_failure_where_a_string_is_needed) {
    const auto null = "\xFF\xFF\xFF\xFF"s;
    Decoder needed(null);
    Decoder nullable(null);

    needed.ustring();
    EXPECT_TRUE(needed.failed());
    EXPECT_EQ(nullable.nullable_ustring(), std::nullopt);
    EXPECT_FALSE(nullable.failed());
}

TEST(Decoder, other_negative_lengths_are_failures) {
    const auto bytes = "\xFF\xFF\xFF\xFE"s;
    Decoder buffer(bytes);
    Decoder strings(bytes);
    Decoder acl(bytes);

    buffer.buffer();
    strings.strings();
    acl.acl();

    EXPECT_TRUE(buffer.failed());
    EXPECT_TRUE(strings.failed());
    EXPECT_TRUE(acl.failed());
}

TEST(Decoder, null_lists_are_empty_but_a_null_acl_is_null) {
    const auto null = "\xFF\xFF\xFF\xFF"s;
    Decoder strings(null);
    Decoder acl(null);

    EXPECT_TRUE(strings.strings().empty());
    EXPECT_EQ(acl.acl(), std::nullopt);
    EXPECT_FALSE(strings.failed() || acl.failed());
}

TEST(Decoder, a_null_id_in_an_acl_reads_as_empty) {
    const auto bytes = encoded([](auto& out) {
        out.int32(1);
        out.int32(31);
        out.ustring("auth");
        out.int32(-1);
    });

    EXPECT_EQ(Decoder(bytes).acl(), (std::vector<Acl>{{31, {"auth", ""}}}));
}

TEST(Decoder, does_not_believe_a_count_that_cannot_be) {
    const auto bytes = "\x7F\xFF\xFF\xFF"s + std::string(64, '\0');
    Decoder strings(bytes);
    Decoder acl(bytes);

    EXPECT_EQ(strings.strings().capacity(), 0U);
    EXPECT_EQ(acl.acl()->capacity(), 0U);
    EXPECT_TRUE(strings.failed() && acl.failed());
}

TEST(Decoder, leaves_bytes_behind_the_record_alone) {
    Decoder in("\0\0\0\1tail"sv);

    EXPECT_EQ(in.int32(), 1);
    EXPECT_TRUE(in.finish());
    EXPECT_EQ(in.rest(), "tail");
}

TEST(Frame, carries_the_length_of_what_is_behind_it) {
    std::string out = "before";
    const auto begun = begin_frame(out);
    out += "body";
    end_frame(out, begun);

    EXPECT_EQ(out, "before\0\0\0\4body"s);
}

std::uint64_t seed_of_this_run() {
    const auto* given = std::getenv("SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

void copy_handshake(std::string_view bytes) {
    const auto request = ConnectRequest::decode(bytes);
    if (!request) return;
    const auto again = encoded([&](auto& out) { request.value().encode(out); });
    EXPECT_LE(again.size(), bytes.size() + 4);  // a null password comes back as an empty one
}

TEST(Decoder, survives_random_bytes_in_every_record) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    std::mt19937_64 random(seed);
    for (int round = 0; round < 20000; ++round) {
        std::string bytes(random() % 64, '\0');
        // Mostly small numbers, so that lengths and counts are often believable.
        for (auto& byte : bytes)
            byte = static_cast<char>(random() % 4 == 0 ? random() : random() % 3);

        Decoder in(bytes);
        switch (random() % 8) {
            case 0: CreateRequest::decode(in, OpCode::create_ttl); break;
            case 1: SetWatchesRequest::decode(in, OpCode::set_watches2); break;
            case 2: SetAclRequest::decode(in); break;
            case 3: AuthRequest::decode(in); break;
            case 4: copy_handshake(bytes); break;
            case 5: decode_watcher_event(in); break;
            case 6: in.strings(); break;
            default: in.acl();
        }

        EXPECT_LE(in.rest().size(), bytes.size());
        EXPECT_TRUE(!in.failed() || in.rest().empty());
    }
}

}  // namespace
}  // namespace coord
