#include "coord/server/server.hpp"

#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <deque>
#include <stdexcept>

namespace coord {
namespace {

using testing::HasSubstr;

std::string word(const RunningCore& core, std::string_view asked) {
    WireClient client(core.port());
    client.send(asked);
    return client.read_all();
}

TEST(Server, says_in_one_line_that_a_port_is_in_use) {
    RunningCore core;
    TemporaryDirectory directory;
    boost::asio::io_context io;
    ServerOptions options;
    options.data_dir = directory.path();
    options.listen = {"127.0.0.1:" + std::to_string(core.port())};
    Server second(io, options);

    try {
        second.start();
        FAIL() << "it started";
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "cannot listen on " + options.listen[0] +
                      ": address already in use (is another roster or ZooKeeper running?)");
    }
}

TEST(Server, listens_on_every_address_it_is_given) {
    TemporaryDirectory directory;
    boost::asio::io_context io;
    ServerOptions options;
    options.data_dir = directory.path();
    options.listen = {"127.0.0.1:0", "[::1]:0", "localhost:0"};
    Server server(io, options);
    server.start();

    EXPECT_EQ(server.ports().size(), 3U);
    for (const auto port : server.ports()) EXPECT_NE(port, 0);
    server.stop();
}

TEST(Server, knows_an_ipv4_client_by_its_address_on_a_socket_that_listens_to_both) {
    RunningCore core({}, "[::]");
    WireClient client(core.port());  // by 127.0.0.1
    client.open();

    const auto reply = client.ask(WireClient::request(1, OpCode::who_am_i));

    Decoder in(reply.body);
    EXPECT_EQ(in.int32(), 1);
    EXPECT_EQ(in.ustring(), "ip");
    EXPECT_EQ(in.ustring(), "127.0.0.1");
}

TEST(Server, keeps_what_was_acknowledged_over_a_restart) {
    RunningCore core;
    {
        WireClient client(core.port());
        client.open();
        for (int i = 0; i < 100; ++i) {
            client.ask(WireClient::create(i, "/n" + std::to_string(i)));
        }
    }
    core.stop();
    core.start();

    WireClient client(core.port());
    client.open();
    for (int i = 0; i < 100; ++i) {
        const auto path = "/n" + std::to_string(i);
        EXPECT_EQ(client.ask(WireClient::read(i, OpCode::exists, path)).header.error, 0);
    }
}

TEST(Server, restores_a_snapshot_and_the_log_behind_it) {
    ServerOptions options;
    options.snapshot_log_bytes = 20'000;
    RunningCore core(options);
    WireClient client(core.port());
    client.open();
    client.ask(WireClient::create(1, "/a"));
    for (int i = 0; i < 500; ++i) {
        client.ask(WireClient::set(i, "/a", std::to_string(i) + std::string(100, 'x')));
    }
    EXPECT_GT(core.metric("roster_raft_snapshots_total"), 0);

    core.stop();
    core.start();

    WireClient again(core.port());
    again.open();
    const auto data = again.ask(WireClient::read(1, OpCode::get_data, "/a"));
    EXPECT_EQ(Decoder(data.body).buffer(), "499" + std::string(100, 'x'));
}

TEST(Server, closes_connections_above_its_limits_at_once) {
    ServerOptions options;
    options.connections_max = 2;
    RunningCore core(options);
    WireClient one(core.port());
    one.open();
    WireClient two(core.port());
    two.open();
    WireClient three(core.port());
    EXPECT_TRUE(three.is_closed());
    EXPECT_EQ(core.metric("roster_coord_connections_refused_total", "connections_max"), 1);

    two.ask(WireClient::request(1, OpCode::close_session));
    EXPECT_TRUE(two.is_closed());
    WireClient four(core.port());
    EXPECT_TRUE(four.open());
}

TEST(Server, closes_connections_above_the_limit_per_address_at_once) {
    ServerOptions options;
    options.connections_per_address_max = 1;
    RunningCore core(options);
    WireClient one(core.port());
    one.open();
    WireClient two(core.port());
    EXPECT_TRUE(two.is_closed());
    EXPECT_EQ(core.metric("roster_coord_connections_refused_total", "connections_per_address_max"),
              1);
}

TEST(Server, tells_many_of_a_change_in_turns_and_each_of_them_once) {
    ServerOptions options;
    options.turn_max = std::chrono::milliseconds(0);  // One a turn.
    RunningCore core(options);
    WireClient writer(core.port());
    writer.open();
    writer.ask(WireClient::create(1, "/a"));
    std::deque<WireClient> watchers;
    for (int i = 0; i < 20; ++i) {
        watchers.emplace_back(core.port()).open();
        watchers.back().ask(WireClient::read(1, OpCode::get_data, "/a", true));
    }
    const auto yielded = core.metric("roster_coord_turns_yielded_total");

    writer.send(WireClient::set(2, "/a", "new") + WireClient::read(3, OpCode::get_data, "/a"));

    for (auto& watcher : watchers) EXPECT_EQ(watcher.read_event().path, "/a");
    EXPECT_GE(core.metric("roster_coord_turns_yielded_total"), yielded + 10);
    for (auto& watcher : watchers) {
        EXPECT_EQ(watcher.ask(WireClient::read(2, OpCode::exists, "/a")).header.xid, 2);
    }
    EXPECT_EQ(writer.read_reply().header.xid, 2);
    EXPECT_EQ(writer.read_reply().header.xid, 3);
}

TEST(Server, tells_its_status_and_figures_to_any_thread) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    client.ask(WireClient::create(1, "/a"));

    const auto status = core.server().status();

    EXPECT_TRUE(status.serving);
    EXPECT_EQ(status.leader, "127.0.0.1:" + std::to_string(core.port()));
    EXPECT_EQ(status.peers, std::vector<std::string>{status.leader});
    EXPECT_EQ(status.last_zxid, 2);
    EXPECT_EQ(core.metric("roster_coord_sessions"), 1);
    EXPECT_EQ(core.metric("roster_coord_serving"), 1);
    EXPECT_EQ(core.metric("roster_raft_leader"), 1);
}

TEST(Server, answers_only_the_four_letter_words_it_is_told_to) {
    ServerOptions options;
    options.four_letter_words = {"srvr"};
    RunningCore core(options);
    WireClient client(core.port());
    client.open();

    EXPECT_EQ(word(core, "stat"), "stat is not executed because it is not in the whitelist.\n");
    EXPECT_THAT(word(core, "srvr"), HasSubstr("Mode: "));
}

TEST(Server, stops_with_clients_connected_and_closes_them) {
    RunningCore core;
    WireClient client(core.port());
    client.open();
    core.stop();
    EXPECT_TRUE(client.is_closed());
}

}  // namespace
}  // namespace coord
