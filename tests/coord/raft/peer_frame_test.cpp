#include "coord/raft/peer_frame.hpp"

#include "coord/raft/little_endian.hpp"
#include "coord/raft/message_check.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <variant>
#include <vector>

namespace coord {
namespace {

namespace errc = boost::system::errc;

void feed(FrameBuffer& buffer, std::string_view bytes) {
    while (!bytes.empty()) {
        const auto room = buffer.prepare();
        const auto count = std::min(room.size(), bytes.size());
        std::memcpy(room.data(), bytes.data(), count);
        buffer.commit(count);
        bytes.remove_prefix(count);
    }
}

// The contents of all frames in it, which must be of this type.
std::vector<std::string> contents(std::string_view bytes, FrameType type) {
    FrameBuffer buffer(frame_bytes_max);
    feed(buffer, bytes);
    std::vector<std::string> all;
    for (;;) {
        const auto frame = buffer.next();
        if (!frame.value()) return all;
        EXPECT_EQ(frame.value()->type, type);
        all.emplace_back(frame.value()->content);
    }
}

std::string only(std::string_view bytes, FrameType type) {
    const auto all = contents(bytes, type);
    EXPECT_EQ(all.size(), 1U);
    return all.front();
}

Message round_trip(const Message& message) {
    std::string out;
    EXPECT_EQ(encode_message(message, out), 1U);
    const auto decoded = decode_message(message.peer, only(out, FrameType::message));
    EXPECT_TRUE(decoded.has_value());
    return decoded.value_or(Message());
}

LogEntry entry_of(std::uint64_t term, std::string bytes, EntryType type = EntryType::command) {
    return {Term{term}, type, std::make_shared<const std::string>(std::move(bytes))};
}

Hello sample_hello() {
    return {PeerPurpose::link,
            MemberId{7},
            99,
            ClusterId{5},
            "10.0.0.1:2888",
            {{MemberId{7}, "10.0.0.1:2888", MemberRole::voter},
             {MemberId{8}, "10.0.0.2:2888", MemberRole::spare}},
            {{MemberId{7}, "10.0.0.1:2888", MemberRole::voter}},
            {"10.0.0.1:2888", "10.0.0.2:2888"}};
}

TEST(PeerFrame, a_hello_comes_back_as_it_was) {
    std::string out;
    encode_hello(sample_hello(), out);

    EXPECT_EQ(decode_hello(only(out, FrameType::hello)), sample_hello());
}

TEST(PeerFrame, a_hello_of_another_version_says_which) {
    std::string out;
    encode_hello(sample_hello(), out);
    auto content = only(out, FrameType::hello);
    content[8] = 2;

    EXPECT_EQ(decode_version(content), 2);
    EXPECT_EQ(decode_hello(content), std::nullopt);
    EXPECT_EQ(decode_version("GET / HTTP/1.1"), std::nullopt);
}

TEST(PeerFrame, a_hello_that_is_cut_short_or_has_more_is_none) {
    std::string out;
    encode_hello(sample_hello(), out);
    const auto content = only(out, FrameType::hello);
    for (std::size_t length = 0; length < content.size(); ++length) {
        EXPECT_EQ(decode_hello(std::string_view(content).substr(0, length)), std::nullopt);
    }
    EXPECT_EQ(decode_hello(content + "x"), std::nullopt);
}

TEST(PeerFrame, entries_come_back_as_they_were) {
    AppendEntries body{Index{4}, Term{2}, Index{3}, 2, {entry_of(2, "one"), entry_of(3, "")}};
    body.entries[1].type = EntryType::barrier;

    const auto message = round_trip({MemberId{1}, Term{3}, body});

    EXPECT_EQ(message.peer, MemberId{1});
    EXPECT_EQ(message.term, Term{3});
    const auto& again = std::get<AppendEntries>(message.body);
    EXPECT_EQ(again.previous_index, Index{4});
    EXPECT_EQ(again.previous_term, Term{2});
    EXPECT_EQ(again.commit, Index{3});
    EXPECT_EQ(again.count, 2U);
    ASSERT_EQ(again.entries.size(), 2U);
    EXPECT_EQ(*again.entries[0].bytes, "one");
    EXPECT_EQ(again.entries[0].term, Term{2});
    EXPECT_EQ(again.entries[1].type, EntryType::barrier);
}

TEST(PeerFrame, answers_and_votes_come_back_as_they_were) {
    const auto result = std::get<AppendEntriesResult>(
        round_trip({MemberId{1}, Term{3}, AppendEntriesResult{Index{5}, Index{9}, 3, 77}}).body);
    EXPECT_EQ(result.rejected, Index{5});
    EXPECT_EQ(result.last_index, Index{9});
    EXPECT_EQ(result.features, 3);
    EXPECT_EQ(result.capacity, 77);

    const auto vote = std::get<RequestVote>(
        round_trip({MemberId{1}, Term{3}, RequestVote{MemberId{1}, Index{5}, Term{2}, true, false}})
            .body);
    EXPECT_EQ(vote.candidate, MemberId{1});
    EXPECT_EQ(vote.last_index, Index{5});
    EXPECT_EQ(vote.last_term, Term{2});
    EXPECT_TRUE(vote.disrupt_leader);
    EXPECT_FALSE(vote.pre_vote);

    const auto voted = std::get<RequestVoteResult>(
        round_trip({MemberId{1}, Term{3}, RequestVoteResult{true, false, 3, 77}}).body);
    EXPECT_TRUE(voted.granted);
    EXPECT_FALSE(voted.pre_vote);
    EXPECT_EQ(voted.capacity, 77);
}

TEST(PeerFrame, an_install_and_a_timeout_come_back_as_they_were) {
    const InstallSnapshot body{{Index{10}, Term{2}, Index{1}, "configuration"}};
    const auto install =
        std::get<InstallSnapshot>(round_trip({MemberId{1}, Term{3}, body}).body).snapshot;
    EXPECT_EQ(install.index, Index{10});
    EXPECT_EQ(install.term, Term{2});
    EXPECT_EQ(install.configuration_index, Index{1});
    EXPECT_EQ(install.configuration, "configuration");

    const auto now = std::get<TimeoutNow>(
        round_trip({MemberId{1}, Term{3}, TimeoutNow{Index{5}, Term{2}}}).body);
    EXPECT_EQ(now.last_index, Index{5});
    EXPECT_EQ(now.last_term, Term{2});
}

TEST(PeerFrame, entries_that_are_too_much_for_one_frame_follow_in_another) {
    AppendEntries body{Index{4}, Term{1}, Index{3}, 5, {}};
    for (std::uint64_t i = 0; i < 5; ++i) {
        body.entries.push_back(entry_of(2 + i, std::string(std::size_t{2} << 20U, 'x')));
    }
    std::string out;

    EXPECT_EQ(encode_message({MemberId{1}, Term{9}, body}, out), 3U);

    std::vector<AppendEntries> parts;
    for (const auto& content : contents(out, FrameType::message)) {
        EXPECT_LE(content.size(), frame_bytes_max);
        const auto message = decode_message(MemberId{1}, content).value();
        EXPECT_TRUE(is_well_formed(message));
        parts.push_back(std::get<AppendEntries>(message.body));
    }
    ASSERT_EQ(parts.size(), 3U);
    EXPECT_EQ(parts[0].previous_index, Index{4});
    EXPECT_EQ(parts[0].previous_term, Term{1});
    EXPECT_EQ(parts[1].previous_index, Index{6});
    EXPECT_EQ(parts[1].previous_term, Term{3});
    EXPECT_EQ(parts[2].previous_index, Index{8});
    EXPECT_EQ(parts[2].entries.size(), 1U);
}

TEST(PeerFrame, a_message_that_is_cut_short_or_has_more_is_none) {
    const AppendEntries body{Index{4}, Term{2}, Index{3}, 1, {entry_of(2, "one")}};
    std::string out;
    encode_message({MemberId{1}, Term{3}, body}, out);
    const auto content = only(out, FrameType::message);
    for (std::size_t length = 0; length < content.size(); ++length) {
        const auto part = std::string_view(content).substr(0, length);
        EXPECT_FALSE(decode_message(MemberId{1}, part).has_value());
    }
    EXPECT_FALSE(decode_message(MemberId{1}, content + "x").has_value());
}

TEST(PeerFrame, a_count_of_entries_that_are_not_there_is_refused) {
    const AppendEntries body{Index{4}, Term{2}, Index{3}, 0, {}};
    std::string out;
    encode_message({MemberId{1}, Term{3}, body}, out);
    auto content = only(out, FrameType::message);
    std::string count;
    put_number(count, std::uint32_t{0xFFFFFFFF});
    content.replace(content.size() - 4, 4, count);

    EXPECT_FALSE(decode_message(MemberId{1}, content).has_value());
}

TEST(PeerFrame, requests_for_snapshots_come_back_as_they_were) {
    std::string out;
    encode_fetch({Index{3}, 77}, out);
    EXPECT_EQ(decode_fetch(only(out, FrameType::fetch)), (FetchRequest{Index{3}, 77}));
    out.clear();
    encode_size(1234, out);
    EXPECT_EQ(decode_size(only(out, FrameType::size)), 1234U);
    EXPECT_EQ(decode_size("123"), std::nullopt);
    EXPECT_EQ(decode_fetch("123"), std::nullopt);
}

TEST(PeerFrame, frames_come_out_of_the_stream_however_it_is_cut) {
    std::string bytes;
    for (std::size_t i = 0; i < 20; ++i) encode_letter(std::string(i * 100, 'x'), bytes);
    for (const std::size_t step : {1U, 3U, 1000U}) {
        FrameBuffer buffer(frame_bytes_max);
        std::size_t found = 0;
        for (std::size_t at = 0; at < bytes.size(); at += step) {
            feed(buffer, std::string_view(bytes).substr(at, step));
            for (auto frame = buffer.next(); frame.value(); frame = buffer.next()) {
                EXPECT_EQ(frame.value()->content.size(), found * 100);
                ++found;
            }
        }
        EXPECT_EQ(found, 20U);
    }
}

TEST(PeerFrame, a_length_above_the_limit_is_refused_before_there_is_room_for_it) {
    FrameBuffer buffer(1000);
    std::string bytes;
    put_number(bytes, std::uint32_t{1001});
    bytes += static_cast<char>(FrameType::letter);
    feed(buffer, bytes);

    EXPECT_EQ(buffer.next().error(), errc::message_size);
}

TEST(PeerFrame, an_unknown_type_is_refused) {
    FrameBuffer buffer(1000);
    feed(buffer, std::string("\x01\x00\x00\x00\x09x", 6));

    EXPECT_EQ(buffer.next().error(), errc::bad_message);
}

}  // namespace
}  // namespace coord
