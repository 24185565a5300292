#include "coord/raft/peer_link.hpp"

#include "tests/support/run_until.hpp"
#include "tests/support/stream_pair.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace coord {
namespace {

constexpr MemberId peer{7};

class PeerLinkTest : public testing::Test {
protected:
    PeerLinkTest() { link->start(); }
    ~PeerLinkTest() override { link->close(); }

    std::string ended() {
        EXPECT_TRUE(run_until(io, [&] { return !ends.empty(); }));
        return ends.empty() ? std::string("not") : ends.front();
    }
    void say(const std::string& bytes) { EXPECT_FALSE(run_task(io, pair.dialled->write(bytes))); }

    boost::asio::io_context io;
    const StreamPair pair{io};
    PeerCounters counters;
    std::vector<Message> messages;
    std::vector<std::string> letters;
    std::vector<std::string> ends;
    const std::shared_ptr<PeerLink::Host> host = std::make_shared<PeerLink::Host>(
        PeerLink::Host{io,
                       counters,
                       std::size_t{1} << 20U,
                       [this](const Message& message) { messages.push_back(message); },
                       [this](MemberId, std::string_view letter) { letters.emplace_back(letter); },
                       [this](PeerLink&, std::string_view why) { ends.emplace_back(why); },
                       nullptr});
    const std::shared_ptr<PeerLink> link = std::make_shared<PeerLink>(host, pair.accepted, peer);
};

Message vote(MemberId candidate) {
    return {MemberId{1}, Term{3}, RequestVote{candidate, Index{5}, Term{2}, false, true}};
}

TEST_F(PeerLinkTest, what_comes_is_heard_in_the_name_of_the_peer) {
    std::string bytes;
    encode_message(vote(peer), bytes);
    encode_letter("a letter", bytes);

    say(bytes);

    ASSERT_TRUE(run_until(io, [&] { return !letters.empty(); }));
    ASSERT_EQ(messages.size(), 1U);
    EXPECT_EQ(messages[0].peer, peer);
    EXPECT_EQ(letters[0], "a letter");
    EXPECT_EQ(counters.frames_received.value(), 2U);
}

TEST_F(PeerLinkTest, what_is_sent_in_a_turn_goes_out_in_one_write) {
    for (int i = 0; i < 50; ++i) link->send(vote(MemberId{1}));
    EXPECT_TRUE(link->send_letter("a letter"));

    for (int i = 0; i < 50; ++i) {
        EXPECT_EQ(run_task(io, pair.dialled->read_frame()).value().type, FrameType::message);
    }
    EXPECT_EQ(run_task(io, pair.dialled->read_frame()).value().content, "a letter");
    EXPECT_EQ(counters.writes.value(), 1U);
}

TEST_F(PeerLinkTest, a_letter_finds_no_room_in_a_queue_that_is_half_full) {
    const std::string half(std::size_t{500} << 10U, 'x');

    EXPECT_TRUE(link->send_letter(half));
    EXPECT_FALSE(link->send_letter(half));
    EXPECT_TRUE(link->is_open());
}

TEST_F(PeerLinkTest, ends_when_the_peer_closes) {
    pair.dialled->close();

    EXPECT_EQ(ended(), "End of file");
    EXPECT_FALSE(link->is_open());
}

TEST_F(PeerLinkTest, ends_when_the_peer_speaks_in_anothers_name) {
    std::string bytes;
    encode_message(vote(MemberId{8}), bytes);
    say(bytes);

    EXPECT_EQ(ended(), "it broke the protocol");
    EXPECT_EQ(counters.of(PeerRefusal::malformed).value(), 1U);
    EXPECT_TRUE(messages.empty());
}

TEST_F(PeerLinkTest, ends_at_a_frame_that_has_no_place_here) {
    std::string bytes;
    encode_chunk("of a snapshot", bytes);
    say(bytes);

    EXPECT_EQ(ended(), "it broke the protocol");
}

TEST_F(PeerLinkTest, ends_at_bytes_that_are_no_frame) {
    say("GET / HTTP/1.1\r\n\r\n");

    EXPECT_EQ(ended(), "it broke the protocol");
}

}  // namespace
}  // namespace coord
