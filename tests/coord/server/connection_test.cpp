#include "coord/server/connection.hpp"

#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono::milliseconds;

double dropped(const RunningCore& core, std::string_view reason) {
    return core.metric("roster_coord_connections_dropped_total", reason);
}

TEST(Connection, frames_may_arrive_in_any_pieces) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    const auto requests = WireClient::create(1, "/a") + WireClient::read(2, OpCode::exists, "/a");

    for (const char byte : requests) client.send({&byte, 1});

    EXPECT_EQ(client.read_reply().header.xid, 1);
    EXPECT_EQ(client.read_reply().header.error, 0);
}

TEST(Connection, a_value_of_nearly_a_megabyte_passes) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    client.ask(WireClient::create(1, "/a"));
    const std::string value(1'000'000, 'v');

    EXPECT_EQ(client.ask(WireClient::set(2, "/a", value)).header.error, 0);
    const auto read = client.ask(WireClient::read(3, OpCode::get_data, "/a"));
    EXPECT_EQ(Decoder(read.body).buffer(), value);
}

TEST(Connection, a_frame_of_a_bad_length_closes_it_without_a_reply) {
    RunningCore core;
    const std::string_view negative("\xff\xff\xff\xff", 4);
    const std::string_view too_long("\x00\x10\x00\x00", 4);  // 1048576, one more than allowed.
    for (const auto bytes : {negative, too_long}) {
        WireClient client(core.port());
        client.open();
        client.send(bytes);
        EXPECT_TRUE(client.is_closed());
    }
    EXPECT_EQ(dropped(core, "frame_bytes_max"), 2);
}

TEST(Connection, garbage_is_dropped_and_harms_nobody) {
    RunningCore core;
    WireClient good(core.port());
    good.open();
    WireClient http(core.port());
    http.send("GET / HTTP/1.1\r\n\r\n");
    WireClient empty(core.port());
    empty.send(std::string_view("\0\0\0\0", 4));
    WireClient short_header(core.port());
    short_header.open();
    short_header.send(std::string_view("\0\0\0\2xx", 6));

    EXPECT_TRUE(http.is_closed());
    EXPECT_TRUE(empty.is_closed());
    EXPECT_TRUE(short_header.is_closed());
    EXPECT_EQ(dropped(core, "malformed"), 2);
    EXPECT_EQ(good.ask(WireClient::create(1, "/a")).header.error, 0);
}

TEST(Connection, who_does_not_ask_for_a_session_in_time_is_dropped) {
    ServerOptions options;
    options.tick = milliseconds(20);
    options.handshake_timeout = milliseconds(40);
    RunningCore core(options);
    WireClient idle(core.port());
    WireClient quick(core.port());
    quick.open();

    EXPECT_TRUE(idle.is_closed());
    EXPECT_EQ(dropped(core, "handshake_timeout"), 1);
    EXPECT_EQ(quick.ask(WireClient::create(1, "/a")).header.error, 0);
}

TEST(Connection, who_does_not_read_its_events_is_dropped_when_they_pile_up) {
    ServerOptions options;
    options.output_bytes_max = std::size_t{1} << 20U;
    RunningCore core(options);
    WireClient deaf(core.port());
    WireClient writer(core.port());
    deaf.open(40000);
    writer.open();
    const auto path = "/" + std::string(100'000, 'p');
    writer.ask(WireClient::create(1, path));
    deaf.ask(WireClient::watch_request(1, OpCode::add_watch, path, 0));

    for (int i = 0; i < 200 && dropped(core, "output_bytes_max") == 0; ++i) {
        ASSERT_EQ(writer.ask(WireClient::set(i, path, "x")).header.error, 0);
    }

    EXPECT_EQ(dropped(core, "output_bytes_max"), 1);
    EXPECT_EQ(writer.ask(WireClient::set(1, path, "x")).header.error, 0);
}

TEST(Connection, who_asks_for_much_and_reads_it_late_gets_it_all) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    client.ask(WireClient::create(1, "/a"));
    const std::string value(500'000, 'v');
    client.ask(WireClient::set(2, "/a", value));
    std::string requests;
    for (int i = 0; i < 100; ++i) requests += WireClient::read(i, OpCode::get_data, "/a");
    client.send(requests);

    for (int i = 0; i < 100; ++i) {
        const auto reply = client.read_reply();
        ASSERT_EQ(reply.header.xid, i);
        ASSERT_EQ(Decoder(reply.body).buffer(), value);
    }
    EXPECT_EQ(dropped(core, "output_bytes_max"), 0);
}

TEST(Connection, a_four_letter_word_is_answered_and_the_connection_closed) {
    RunningCore core;
    WireClient serving(core.port());
    serving.open();  // Answered when the server serves.
    WireClient plain(core.port());
    plain.send("ruok");
    EXPECT_EQ(plain.read_all(), "imok");

    WireClient with_newline(core.port());
    with_newline.send("isro\r\n");
    EXPECT_EQ(with_newline.read_all(), "rw");
}

TEST(Connection, a_four_letter_word_after_the_handshake_is_a_bad_frame) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    client.send("ruok");
    EXPECT_TRUE(client.is_closed());
}

TEST(Connection, who_asks_for_much_work_at_once_lets_the_others_have_their_turn) {
    RunningCore core;
    WireClient busy(core.port());
    busy.open();
    std::string requests;
    for (int i = 0; i < 500; ++i) requests += WireClient::create(i, "/n" + std::to_string(i));
    busy.send(requests);
    for (int i = 0; i < 500; ++i) ASSERT_EQ(busy.read_reply().header.error, 0);
    std::string path;
    Encoder(path).ustring("/");
    requests.clear();
    const int count = 5000;  // of half a thousand znodes each
    for (int i = 0; i < count; ++i) {
        requests += WireClient::request(i, OpCode::get_all_children_number, path);
    }

    busy.send(requests);
    for (int i = 0; i < count; ++i) ASSERT_EQ(busy.read_reply().header.xid, i);

    EXPECT_GT(core.metric("roster_coord_turns_yielded_total"), 0);
}

}  // namespace
}  // namespace coord
