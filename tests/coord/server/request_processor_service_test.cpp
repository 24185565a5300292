#include "coord/proto/error.hpp"
#include "coord/server/request_processor.hpp"
#include "tests/support/server_cluster.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <set>
#include <string>

namespace coord {
namespace {

using std::chrono::milliseconds;

constexpr std::int32_t ephemeral = 1;
constexpr std::int32_t sequential = 2;

int create(WireClient& client, std::string_view path, std::int32_t flags = 0) {
    return client.ask(WireClient::create(1, path, flags)).header.error;
}
int exists(WireClient& client, std::string_view path) {
    return client.ask(WireClient::read(2, OpCode::exists, path)).header.error;
}
int sync(WireClient& client) {
    std::string body;
    Encoder(body).ustring("/");
    return client.ask(WireClient::request(3, OpCode::sync, body)).header.error;
}
std::string word(std::uint16_t port, std::string_view word) {
    WireClient client(port);
    client.send(word);
    return client.read_all();
}
std::optional<ConnectResponse> open_read_only(WireClient& client) {
    ConnectRequest request;
    request.timeout_ms = 10000;
    request.read_only = true;
    client.send(WireClient::connect_frame(request));
    const auto frame = client.read_frame();
    if (!frame) return std::nullopt;
    return ConnectResponse::decode(*frame).value();
}

TEST(Ensemble, a_write_through_any_server_is_seen_through_every_server) {
    ServerCluster cluster(3);
    cluster.leader();
    ASSERT_TRUE(cluster.settle());
    for (std::size_t i = 0; i < 3; ++i) {
        WireClient client(cluster.port(i));
        ASSERT_TRUE(client.open());
        EXPECT_EQ(create(client, "/from" + std::to_string(i)), 0);
    }

    for (std::size_t i = 0; i < 3; ++i) {
        WireClient client(cluster.port(i));
        ASSERT_TRUE(client.open());
        EXPECT_EQ(sync(client), 0);
        for (int j = 0; j < 3; ++j) EXPECT_EQ(exists(client, "/from" + std::to_string(j)), 0);
    }
}

TEST(Ensemble, many_writes_of_many_clients_are_each_answered_once_and_applied_once) {
    ServerCluster cluster(3);
    cluster.leader();
    ASSERT_TRUE(cluster.settle());
    std::vector<std::unique_ptr<WireClient>> clients;
    for (std::size_t i = 0; i < 3; ++i) {
        clients.push_back(std::make_unique<WireClient>(cluster.port(i)));
        ASSERT_TRUE(clients[i]->open());
    }

    for (int n = 0; n < 300; ++n) {
        for (auto& client : clients) client->send(WireClient::create(n, "/q-", sequential));
    }

    std::set<std::string> paths;
    for (auto& client : clients) {
        for (int n = 0; n < 300; ++n) {
            const auto reply = client->read_reply();
            EXPECT_EQ(reply.header.xid, n);
            EXPECT_EQ(reply.header.error, 0);
            paths.insert(reply.body);
        }
    }
    EXPECT_EQ(paths.size(), 900U);
}

TEST(Ensemble, writes_under_way_survive_the_leaders_death_each_applied_once_and_in_order) {
    ServerCluster cluster(3);
    const auto leader = cluster.leader();
    const auto other = cluster.follower();
    WireClient client(cluster.port(other));
    ASSERT_TRUE(client.open());

    for (int n = 0; n < 2000; ++n) {
        client.send(WireClient::create(n, "/q-", sequential));
        if (n == 1000) cluster.kill(leader);
    }

    for (int n = 0; n < 2000; ++n) {
        const auto reply = client.read_reply();
        ASSERT_EQ(reply.header.xid, n);
        ASSERT_EQ(reply.header.error, 0);
        EXPECT_EQ(Decoder(reply.body).ustring().substr(3), fmt::format("{:010}", n));
    }
}

TEST(Ensemble, the_writes_of_a_leader_that_is_cut_off_are_applied_once_when_it_is_back) {
    ServerCluster cluster(3);
    const auto leader = cluster.leader();
    WireClient client(cluster.port(leader));
    ASSERT_TRUE(client.open());
    EXPECT_EQ(create(client, "/before-", sequential), 0);

    cluster.isolate(leader);
    for (int n = 0; n < 100; ++n) client.send(WireClient::create(n, "/q-", sequential));
    ASSERT_TRUE(cluster.until([&] { return cluster.status(leader).role != Role::leader; }));
    cluster.heal();

    for (int n = 0; n < 100; ++n) {
        const auto reply = client.read_reply();
        ASSERT_EQ(reply.header.xid, n);
        ASSERT_EQ(reply.header.error, 0);
        EXPECT_EQ(Decoder(reply.body).ustring().substr(3), fmt::format("{:010}", n + 1));
    }
    EXPECT_GE(cluster.metric(leader, "roster_coord_sent_again_total"), 1);
}

TEST(Ensemble, a_session_moves_with_its_client_and_the_old_connection_is_closed) {
    ServerCluster cluster(3);
    const auto leader = cluster.leader();
    const auto other = cluster.follower();
    WireClient old(cluster.port(leader));
    const auto session = old.open().value();
    EXPECT_EQ(create(old, "/e", ephemeral), 0);
    ASSERT_TRUE(cluster.settle());

    WireClient young(cluster.port(other));
    EXPECT_EQ(young.open(10000, session)->session, session.session);

    EXPECT_TRUE(old.is_closed());
    EXPECT_EQ(exists(young, "/e"), 0);
    EXPECT_EQ(create(young, "/e2", ephemeral), 0);
    EXPECT_EQ(cluster.metric(leader, "roster_coord_sessions_moved_total"), 1);
    WireClient thief(cluster.port(leader));
    auto forged = session;
    forged.password.fill('x');
    EXPECT_EQ(thief.open(10000, forged)->timeout_ms, 0);
    EXPECT_EQ(exists(young, "/e2"), 0);
}

TEST(Ensemble, a_session_outlives_its_server_and_its_ephemerals_go_with_it_once) {
    ServerCluster cluster(3);
    cluster.leader();
    const auto doomed = cluster.follower();
    const auto other = cluster.follower(doomed);
    WireClient client(cluster.port(doomed));
    const auto session = client.open(10000).value();
    EXPECT_EQ(create(client, "/kept", ephemeral), 0);
    WireClient brief(cluster.port(doomed));
    ASSERT_TRUE(brief.open(400));
    EXPECT_EQ(create(brief, "/gone", ephemeral), 0);
    WireClient watcher(cluster.port(other));
    ASSERT_TRUE(watcher.open());
    EXPECT_EQ(sync(watcher), 0);
    EXPECT_EQ(watcher.ask(WireClient::read(9, OpCode::exists, "/gone", true)).header.error, 0);

    cluster.kill(doomed);
    WireClient moved(cluster.port(other));
    EXPECT_EQ(moved.open(10000, session)->session, session.session);

    EXPECT_EQ(watcher.read_event().type, EventType::node_deleted);
    EXPECT_EQ(exists(moved, "/kept"), 0);
    EXPECT_EQ(exists(moved, "/gone"), static_cast<int>(Errc::no_node));
    EXPECT_TRUE(watcher.is_silent(milliseconds(300)));
}

TEST(Ensemble, pings_to_a_follower_keep_a_session_alive) {
    ServerCluster cluster(3);
    cluster.leader();
    WireClient client(cluster.port(cluster.follower()));
    ASSERT_TRUE(client.open(600));
    EXPECT_EQ(create(client, "/e", ephemeral), 0);

    const auto end = std::chrono::steady_clock::now() + milliseconds(2000);
    while (std::chrono::steady_clock::now() < end) {
        ASSERT_TRUE(client.is_silent(milliseconds(50)));
        ASSERT_EQ(client.ask(WireClient::request(-2, OpCode::ping)).header.xid, -2);
    }

    EXPECT_EQ(exists(client, "/e"), 0);
}

TEST(Ensemble, a_watch_on_a_follower_hears_of_a_change_through_another_server) {
    ServerCluster cluster(3);
    const auto leader = cluster.leader();
    WireClient watcher(cluster.port(cluster.follower()));
    ASSERT_TRUE(watcher.open());
    watcher.ask(WireClient::read(1, OpCode::exists, "/w", true));
    WireClient writer(cluster.port(leader));
    ASSERT_TRUE(writer.open());

    EXPECT_EQ(create(writer, "/w"), 0);

    EXPECT_EQ(watcher.read_event().path, "/w");
}

TEST(Ensemble, a_minority_refuses_writes_reads_on_and_lets_its_clients_go_in_the_end) {
    auto options = ServerCluster::quick();
    options.leaderless_max = milliseconds(1500);
    ServerCluster cluster(3, options);
    cluster.leader();
    const auto lonely = cluster.follower();
    WireClient client(cluster.port(lonely));
    ASSERT_TRUE(client.open());
    EXPECT_EQ(create(client, "/a"), 0);

    cluster.isolate(lonely);
    ASSERT_TRUE(cluster.until([&] { return cluster.status(lonely).leader.empty(); }));
    EXPECT_EQ(exists(client, "/a"), 0) << "reads go on for a while";
    client.send(WireClient::create(5, "/b"));

    EXPECT_TRUE(client.is_closed());
    EXPECT_GE(cluster.metric(lonely, "roster_coord_connections_dropped_total", "unknown_fate"), 1);
    WireClient refused(cluster.port(lonely));
    EXPECT_FALSE(refused.open());
    EXPECT_EQ(word(cluster.port(lonely), "isro"), "null");
    cluster.heal();
    ASSERT_TRUE(cluster.settle());
    WireClient again(cluster.port(lonely));
    EXPECT_TRUE(again.open());
    EXPECT_EQ(exists(again, "/b"), static_cast<int>(Errc::no_node));
}

TEST(Ensemble, who_asks_for_read_only_is_served_without_a_quorum_and_may_write_after_it) {
    auto options = ServerCluster::quick();
    options.leaderless_max = milliseconds(300);
    options.read_only_mode = true;
    ServerCluster cluster(3, options);
    const auto leader = cluster.leader();
    const auto lonely = cluster.follower();
    {
        WireClient client(cluster.port(leader));
        ASSERT_TRUE(client.open());
        EXPECT_EQ(create(client, "/a"), 0);
        EXPECT_EQ(word(cluster.port(leader), "isro"), "rw");
    }
    ASSERT_TRUE(cluster.settle());

    cluster.isolate(lonely);
    ASSERT_TRUE(cluster.until([&] { return cluster.status(lonely).read_only; }));
    EXPECT_EQ(word(cluster.port(lonely), "isro"), "ro");
    EXPECT_NE(word(cluster.port(lonely), "srvr").find("Mode: read-only"), std::string::npos);
    WireClient writer(cluster.port(lonely));
    EXPECT_FALSE(writer.open());
    WireClient reader(cluster.port(lonely));
    const auto session = open_read_only(reader);
    ASSERT_TRUE(session);
    EXPECT_EQ(session->read_only, true);
    EXPECT_EQ(exists(reader, "/a"), 0);
    EXPECT_EQ(create(reader, "/b"), static_cast<int>(Errc::not_read_only));
    EXPECT_EQ(sync(reader), static_cast<int>(Errc::not_read_only));

    cluster.heal();
    EXPECT_TRUE(reader.is_closed());
    ASSERT_TRUE(cluster.settle());
    WireClient again(cluster.port(lonely));
    EXPECT_EQ(open_read_only(again)->read_only, false);
    EXPECT_EQ(create(again, "/b"), 0);
}

TEST(Ensemble, a_client_that_is_ahead_of_a_server_is_turned_away) {
    ServerCluster cluster(3);
    cluster.leader();
    WireClient client(cluster.port(cluster.follower()));
    EXPECT_FALSE(client.open(10000, {}, Zxid{1'000'000}));
}

TEST(Ensemble, a_server_that_was_away_gets_the_state_while_the_others_write_and_serves_it) {
    auto options = ServerCluster::quick();
    options.snapshot_log_bytes = std::size_t{64} << 10U;
    options.trailing_entries = 10;
    ServerCluster cluster(3, options);
    const auto leader = cluster.leader();
    const auto away = cluster.follower();
    cluster.kill(away);
    WireClient client(cluster.port(leader));
    ASSERT_TRUE(client.open());
    const auto write = [&](int from, int to) {
        for (int n = from; n < to; ++n) {
            EXPECT_EQ(create(client, "/n" + std::to_string(n)), 0);
            EXPECT_EQ(client.ask(WireClient::set(7, "/n0", std::string(2000, 'x'))).header.error,
                      0);
        }
    };
    write(0, 150);

    cluster.start(away);
    write(150, 200);

    ASSERT_TRUE(cluster.settle());
    EXPECT_GE(cluster.metric(away, "roster_raft_installs_total"), 1);
    WireClient reader(cluster.port(away));
    ASSERT_TRUE(reader.open());
    for (int n = 0; n < 200; ++n) ASSERT_EQ(exists(reader, "/n" + std::to_string(n)), 0);
    EXPECT_EQ(create(reader, "/through-it"), 0);
}

TEST(Ensemble, the_four_letter_words_tell_who_leads) {
    ServerCluster cluster(3);
    const auto leader = cluster.leader();
    const auto other = cluster.follower();

    EXPECT_NE(word(cluster.port(leader), "srvr").find("Mode: leader"), std::string::npos);
    EXPECT_NE(word(cluster.port(other), "srvr").find("Mode: follower"), std::string::npos);
    const auto mntr = word(cluster.port(leader), "mntr");
    EXPECT_NE(mntr.find("zk_server_state\tleader"), std::string::npos);
    EXPECT_NE(mntr.find("zk_synced_followers\t2"), std::string::npos);
    EXPECT_NE(mntr.find("zk_quorum_size\t3"), std::string::npos);
    EXPECT_EQ(cluster.status(other).members.size(), 3U);
}

}  // namespace
}  // namespace coord
