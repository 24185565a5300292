#include "coord/server/server_core.hpp"

#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace coord {
namespace {

struct ServerCoreTest : testing::Test {
    ServerCoreTest() {
        options.peer_address = "a:1";
        options.wall_clock_ms = [] { return std::int64_t{1}; };
        core.processor().set_member(MemberId{1});
    }

    void stand(Role role, MemberId leader) {
        standing = {role, Term{3}, leader, true};
        calls.standing_changed(standing);
    }
    // A client asks for a session.
    std::shared_ptr<Conversation> connect() {
        auto client = std::make_shared<Conversation>();
        std::string frame;
        Encoder out(frame);
        ConnectRequest request;
        request.timeout_ms = 10'000;
        request.password = std::string_view("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
        request.encode(out);
        core.processor().take(*client, frame);
        core.end_turn();
        return client;
    }

    ServerOptions options;
    ServerCounters counters;
    Standing standing;
    std::vector<ServerCore::Entry> proposed;
    std::vector<std::pair<MemberId, std::string>> letters;
    int wakes = 0;
    bool has_room = true;
    ServerCore core{options,
                    counters,
                    {[] { return MemberId{1}; },
                     [this] { return standing; },
                     [] { return std::vector<MemberStatus>(); },
                     [this] { return has_room; },
                     [this](const ServerCore::Entry& entry) {
                         proposed.push_back(entry);
                         return true;
                     },
                     [this](MemberId to, std::string letter) {
                         letters.emplace_back(to, std::move(letter));
                         return true;
                     },
                     [this] { ++wakes; },
                     [] { return ServerCore::Time(); }}};
    Application calls = core.application();
};

TEST_F(ServerCoreTest, who_leads_proposes_what_its_clients_write) {
    stand(Role::leader, MemberId{1});
    const auto client = connect();

    ASSERT_EQ(proposed.size(), 1U);
    EXPECT_TRUE(letters.empty());
    EXPECT_GT(wakes, 0);

    calls.apply(Index{2}, Term{3}, *proposed.front());
    EXPECT_EQ(client->phase, Phase::open);
    EXPECT_FALSE(client->out.empty());
}

TEST_F(ServerCoreTest, who_follows_writes_a_letter_to_whom_leads) {
    stand(Role::follower, MemberId{2});
    connect();

    ASSERT_EQ(letters.size(), 1U);
    EXPECT_EQ(letters.front().first, MemberId{2});
    EXPECT_TRUE(proposed.empty());
    const auto letter = decode_letter(letters.front().second);
    ASSERT_TRUE(letter);
    EXPECT_EQ(std::get<ForwardedEntry>(*letter).term, 3U);
}

TEST_F(ServerCoreTest, a_letter_with_an_entry_is_proposed_by_whom_it_names_as_leader) {
    stand(Role::leader, MemberId{1});
    std::string entry(origin_bytes, '\0');
    write_origin(entry, {2, 77, 1});

    calls.letter(MemberId{2}, encode_letter(ForwardedEntry{3, entry}));
    calls.letter(MemberId{2}, encode_letter(ForwardedEntry{2, entry}));
    calls.letter(MemberId{2}, "no letter");

    ASSERT_EQ(proposed.size(), 1U);
    EXPECT_EQ(*proposed.front(), entry);
    EXPECT_EQ(counters.letters_malformed.value(), 1U);
}

TEST_F(ServerCoreTest, a_new_link_to_the_leader_has_all_under_way_sent_again) {
    stand(Role::follower, MemberId{2});
    connect();

    calls.link_changed(MemberId{3}, true);
    calls.link_changed(MemberId{2}, false);
    core.end_turn();
    EXPECT_EQ(letters.size(), 1U);

    calls.link_changed(MemberId{2}, true);
    core.end_turn();
    EXPECT_EQ(letters.size(), 2U);
    EXPECT_EQ(letters.front(), letters.back());
}

TEST_F(ServerCoreTest, without_room_on_its_disk_it_refuses_writes_but_the_end_of_a_session) {
    stand(Role::leader, MemberId{1});
    const auto client = connect();
    calls.apply(Index{2}, Term{3}, *proposed.front());
    has_room = false;
    calls.room();

    std::string frame;
    Encoder out(frame);
    encode(out, RequestHeader{1, OpCode::remove});
    RemoveRequest{"/a"}.encode(out);
    core.processor().take(*client, frame);
    core.end_turn();

    EXPECT_EQ(counters.writes_refused.value(), 1U);
    EXPECT_EQ(proposed.size(), 1U);

    frame.clear();
    encode(out, RequestHeader{2, OpCode::close_session});
    core.processor().take(*client, frame);
    core.end_turn();
    EXPECT_EQ(proposed.size(), 2U);
}

TEST_F(ServerCoreTest, the_state_of_a_snapshot_takes_the_place_of_the_present_one) {
    stand(Role::leader, MemberId{1});
    const auto client = connect();
    const auto entry = proposed.front();
    calls.apply(Index{2}, Term{3}, *entry);
    std::vector<std::string> chunks(1);
    const auto slices = calls.cut_snapshot();
    while (slices(chunks.back(), 100)) chunks.emplace_back();
    ServerOptions other_options = options;
    ServerCounters other_counters;
    ServerCore other(other_options,
                     other_counters,
                     {[] { return MemberId{2}; },
                      [this] { return standing; },
                      [] { return std::vector<MemberStatus>(); },
                      [] { return true; },
                      [](const ServerCore::Entry&) { return false; },
                      [](MemberId, const std::string&) { return false; },
                      [] {},
                      [] { return ServerCore::Time(); }});
    other.processor().set_member(MemberId{2});

    const auto swap = other.application().build([&, i = 0U](std::string& chunk) mutable {
        if (i == chunks.size()) return false;
        chunk = chunks.at(i++);
        return true;
    });
    ASSERT_TRUE(swap.has_value());
    swap.value()();

    EXPECT_EQ(other.processor().state().last_zxid(), core.processor().state().last_zxid());
    EXPECT_EQ(other.processor().tracker().size(), 1U);
}

}  // namespace
}  // namespace coord
