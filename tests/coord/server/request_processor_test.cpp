#include "coord/server/request_processor.hpp"

#include "coord/proto/error.hpp"
#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

struct RequestProcessorTest : testing::Test {
    // The xids and errors of the next replies, events told apart by their xid of -1.
    std::vector<std::pair<int, int>> replies(WireClient& from, int count) {
        std::vector<std::pair<int, int>> all;
        for (int i = 0; i < count; ++i) {
            const auto reply = from.read_reply();
            all.emplace_back(reply.header.xid, reply.header.error);
        }
        return all;
    }

    RunningCore core;
    WireClient client{core.port()};
};

using Replies = std::vector<std::pair<int, int>>;

// The vector is a capture of ZooKeeper's behaviour.
TEST_F(RequestProcessorTest, pipelined_requests_are_answered_in_their_order) {
    client.open();
    client.send(WireClient::create(1, "/a") + WireClient::read(2, OpCode::exists, "/a") +
                WireClient::request(-2, OpCode::ping) + WireClient::remove(3, "/a") +
                WireClient::read(4, OpCode::exists, "/a"));

    EXPECT_EQ(replies(client, 5), (Replies{{1, 0}, {2, 0}, {-2, 0}, {3, 0}, {4, -101}}));
}

TEST_F(RequestProcessorTest, a_read_between_two_writes_sees_the_first_and_not_the_second) {
    client.open();
    client.send(WireClient::create(1, "/a") + WireClient::set(2, "/a", "one") +
                WireClient::read(3, OpCode::get_data, "/a") + WireClient::set(4, "/a", "two") +
                WireClient::read(5, OpCode::get_data, "/a"));

    replies(client, 2);
    const auto between = client.read_reply();
    client.read_reply();
    const auto after = client.read_reply();
    EXPECT_EQ(Decoder(between.body).buffer(), "one");
    EXPECT_EQ(Decoder(after.body).buffer(), "two");
}

TEST_F(RequestProcessorTest, what_is_pipelined_behind_the_connect_request_is_kept) {
    ConnectRequest request;
    request.timeout_ms = 10000;
    client.send(WireClient::connect_frame(request) + WireClient::create(1, "/early"));

    ASSERT_TRUE(client.read_frame());
    EXPECT_EQ(replies(client, 1), (Replies{{1, 0}}));
}

TEST_F(RequestProcessorTest, a_reply_carries_the_zxid_of_the_write_and_a_read_the_newest) {
    client.open();
    const auto created = client.ask(WireClient::create(1, "/a"));
    const auto refused = client.ask(WireClient::create(2, "/a"));
    const auto read = client.ask(WireClient::read(3, OpCode::exists, "/a"));

    EXPECT_EQ(refused.header.error, static_cast<int>(Errc::node_exists));
    EXPECT_GE(refused.header.zxid, created.header.zxid);
    EXPECT_EQ(read.header.zxid, refused.header.zxid);
    Decoder in(read.body);
    EXPECT_EQ(in.stat().czxid, created.header.zxid);
}

// The vector is a capture of ZooKeeper's behaviour.
TEST_F(RequestProcessorTest, events_of_ones_own_write_come_before_its_reply) {
    client.open();
    client.ask(WireClient::create(1, "/p"));
    client.ask(WireClient::read(2, OpCode::exists, "/p/c", true));
    client.ask(WireClient::read(3, OpCode::get_children, "/p", true));

    client.send(WireClient::create(4, "/p/c"));

    EXPECT_EQ(client.read_event(),
              (WatcherEvent{EventType::node_created, KeeperState::sync_connected, "/p/c"}));
    EXPECT_EQ(client.read_event(),
              (WatcherEvent{EventType::node_children_changed, KeeperState::sync_connected, "/p"}));
    EXPECT_EQ(replies(client, 1), (Replies{{4, 0}}));
}

TEST_F(RequestProcessorTest, an_event_reaches_another_client_before_any_reply_that_reflects_it) {
    WireClient other(core.port());
    client.open();
    other.open();
    client.ask(WireClient::create(1, "/a"));
    other.ask(WireClient::read(1, OpCode::get_data, "/a", true));

    client.ask(WireClient::set(2, "/a", "new"));
    other.send(WireClient::read(2, OpCode::get_data, "/a"));

    EXPECT_EQ(other.read_event().type, EventType::node_data_changed);
    EXPECT_EQ(Decoder(other.read_reply().body).buffer(), "new");
}

TEST_F(RequestProcessorTest, a_sync_is_answered_with_its_path_behind_the_writes_before_it) {
    client.open();
    std::string path;
    Encoder out(path);
    out.ustring("/no/such/path");

    EXPECT_EQ(client.ask(WireClient::request(1, OpCode::sync, path)).body, path);
    EXPECT_EQ(client.ask(WireClient::request(1, OpCode::sync, path + "more")).body, path);
    client.send(WireClient::create(2, "/a") + WireClient::request(3, OpCode::sync, path) +
                WireClient::read(4, OpCode::exists, "/a"));
    EXPECT_EQ(replies(client, 3), (Replies{{2, 0}, {3, 0}, {4, 0}}));
}

TEST_F(RequestProcessorTest, a_failed_multi_says_ok_in_its_header_and_the_errors_in_its_body) {
    client.open();
    std::string body;
    Encoder out(body);
    const auto add = [&](OpCode op, const std::string& request) {
        MultiHeader{op, false, -1}.encode(out);
        body += request;
    };
    CreateRequest create;
    create.path = "/m";
    create.acl = open_acl_unsafe;
    add(OpCode::create, WireClient::encoded(create, OpCode::create));
    add(OpCode::remove, WireClient::encoded(RemoveRequest{"/zzz", -1}));
    MultiHeader{}.encode(out);

    const auto reply = client.ask(WireClient::request(1, OpCode::multi, body));

    EXPECT_EQ(reply.header.error, 0);
    Decoder in(reply.body);
    EXPECT_EQ(MultiHeader::decode(in).error, 0);
    EXPECT_EQ(in.int32(), 0);
    EXPECT_EQ(MultiHeader::decode(in).error, static_cast<int>(Errc::no_node));
    EXPECT_EQ(client.ask(WireClient::read(2, OpCode::exists, "/m")).header.error, -101);
}

TEST_F(RequestProcessorTest, an_unknown_operation_is_unimplemented_and_closes_the_connection) {
    for (const auto op : {OpCode{77},
                          OpCode::check,
                          OpCode::delete_container,
                          OpCode::create_session,
                          OpCode::notification}) {
        WireClient fresh(core.port());
        fresh.open();
        fresh.send(WireClient::request(5, op) + WireClient::create(6, "/not-executed"));

        const auto reply = fresh.read_reply();
        EXPECT_EQ(reply.header.xid, 5);
        EXPECT_EQ(reply.header.zxid, Zxid{-1});
        EXPECT_EQ(reply.header.error, static_cast<int>(Errc::unimplemented));
        EXPECT_TRUE(fresh.is_closed());
    }
    client.open();
    EXPECT_EQ(client.ask(WireClient::read(1, OpCode::exists, "/not-executed")).header.error, -101);
}

TEST_F(RequestProcessorTest, a_malformed_request_is_refused_and_the_connection_lives) {
    client.open();
    const std::string cut("\0\0\0\7/a", 6);
    for (const auto op : {OpCode::create,
                          OpCode::get_data,
                          OpCode::set_data,
                          OpCode::multi,
                          OpCode::set_watches,
                          OpCode::add_watch,
                          OpCode::check_watches,
                          OpCode::reconfig,
                          OpCode::sync}) {
        const auto reply = client.ask(WireClient::request(3, op, cut));
        EXPECT_EQ(reply.header.error, static_cast<int>(Errc::marshalling_error))
            << static_cast<int>(op);
    }
    EXPECT_EQ(client.ask(WireClient::create(4, "/a")).header.error, 0);
}

TEST_F(RequestProcessorTest, reconfig_is_disabled_and_sasl_refused) {
    client.open();
    std::string nothing;
    Encoder out(nothing);
    for (int i = 0; i < 3; ++i) out.buffer(std::nullopt);
    out.int64(-1);
    const auto reconfig = client.ask(WireClient::request(1, OpCode::reconfig, nothing));
    EXPECT_EQ(reconfig.header.error, static_cast<int>(Errc::reconfig_disabled));

    const auto sasl = client.ask(WireClient::request(2, OpCode::sasl, std::string(4, '\0')));
    EXPECT_EQ(sasl.header.error, static_cast<int>(Errc::auth_failed));
    EXPECT_TRUE(client.is_closed());
}

std::string auth(int xid, std::string_view scheme, std::string_view proof) {
    return WireClient::request(
        xid, OpCode::auth, WireClient::encoded(AuthRequest{0, scheme, proof}));
}

TEST_F(RequestProcessorTest, auth_replies_keep_their_place_and_count_for_what_follows) {
    client.open();
    CreateRequest secret;
    secret.path = "/secret";
    secret.acl = std::vector<Acl>{{perm::all, {"auth", ""}}};
    client.send(
        WireClient::create(1, "/a") + auth(-4, "digest", "pat:passwd") +
        WireClient::request(2, OpCode::create, WireClient::encoded(secret, OpCode::create)));

    const auto first = client.read_reply();
    const auto second = client.read_reply();
    EXPECT_EQ(first.header.xid, 1);
    EXPECT_EQ(second.header.xid, -4);
    EXPECT_EQ(second.header.zxid, Zxid{0});
    EXPECT_EQ(client.read_reply().header.error, 0);

    WireClient stranger(core.port());
    stranger.open();
    const auto refused = stranger.ask(WireClient::read(1, OpCode::get_data, "/secret"));
    EXPECT_EQ(refused.header.error, static_cast<int>(Errc::no_auth));
    stranger.ask(auth(7, "digest", "pat:passwd"));
    EXPECT_EQ(stranger.ask(WireClient::read(2, OpCode::get_data, "/secret")).header.error, 0);
}

TEST_F(RequestProcessorTest, an_unknown_scheme_fails_and_closes_the_connection) {
    client.open();
    EXPECT_EQ(client.ask(auth(-4, "ip", "")).header.error, 0);
    client.send(WireClient::create(1, "/a") + auth(-4, "kerberos", "x") +
                WireClient::create(2, "/b"));

    EXPECT_EQ(replies(client, 2), (Replies{{1, 0}, {-4, -115}}));
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(core.metric("roster_coord_auth_failures_total"), 1);
}

TEST_F(RequestProcessorTest, an_auth_packet_that_proves_nothing_fails_and_closes_the_connection) {
    const auto no_proof = WireClient::encoded(AuthRequest{0, "digest", std::nullopt});
    for (const auto& body : {no_proof, std::string("\0\0\0\0", 4)}) {
        WireClient fresh(core.port());
        fresh.open();
        const auto reply = fresh.ask(WireClient::request(-4, OpCode::auth, body));
        EXPECT_EQ(reply.header.error, static_cast<int>(Errc::auth_failed));
        EXPECT_TRUE(fresh.is_closed());
    }
}

TEST_F(RequestProcessorTest, a_client_that_has_much_outstanding_is_read_on_as_it_is_answered) {
    ServerOptions options;
    options.outstanding_per_connection_max = 10;
    options.output_pause_bytes = 100;
    RunningCore narrow(options);
    WireClient many(narrow.port());
    many.open();
    std::string requests = WireClient::create(0, "/a");
    for (int i = 1; i <= 500; ++i) requests += WireClient::set(i, "/a", "x");
    many.send(requests);

    for (int i = 0; i <= 500; ++i) ASSERT_EQ(many.read_reply().header.xid, i);
    EXPECT_GT(narrow.metric("roster_coord_reading_paused_total"), 0);
}

TEST_F(RequestProcessorTest, an_overloaded_server_reads_everybody_on_when_it_has_caught_up) {
    ServerOptions options;
    options.outstanding_max = 5;
    RunningCore narrow(options);
    WireClient one(narrow.port());
    WireClient two(narrow.port());
    one.open();
    two.open();
    std::string requests;
    for (int i = 0; i < 300; ++i) requests += WireClient::set(i, "/", "x");
    one.send(requests);
    two.send(requests);

    for (int i = 0; i < 300; ++i) {
        ASSERT_EQ(one.read_reply().header.xid, i);
        ASSERT_EQ(two.read_reply().header.xid, i);
    }
}

// Its ids travel with each of its writes: with too many, no log entry would hold them.
TEST_F(RequestProcessorTest, who_proves_more_ids_than_allowed_is_closed_and_harms_nobody) {
    WireClient greedy(core.port());
    greedy.open();
    client.open();
    const auto proof = [](int i) {
        const auto who = std::to_string(i) + std::string(900'000, 'u') + ":pw";
        return WireClient::request(
            -4, OpCode::auth, WireClient::encoded(AuthRequest{0, "digest", who}));
    };
    for (int i = 0; i < 20; ++i) greedy.send(proof(i));
    greedy.send(WireClient::create(1, "/greedy"));

    EXPECT_EQ(greedy.read_reply().header.error, static_cast<int>(Errc::auth_failed));
    EXPECT_TRUE(greedy.is_closed());
    EXPECT_EQ(core.metric("roster_coord_auth_failures_total"), 1);
    EXPECT_EQ(client.ask(WireClient::create(1, "/a")).header.error, 0);
}

TEST_F(RequestProcessorTest, many_ids_as_clients_have_them_are_allowed) {
    client.open();
    for (int i = 0; i < 100; ++i) {
        const auto who = "user" + std::to_string(i) + ":pw";
        const auto reply = client.ask(WireClient::request(
            -4, OpCode::auth, WireClient::encoded(AuthRequest{0, "digest", who})));
        ASSERT_EQ(reply.header.error, 0);
    }
    EXPECT_EQ(client.ask(WireClient::create(1, "/a")).header.error, 0);
}

TEST_F(RequestProcessorTest, large_replies_that_wait_behind_a_write_are_held_to_the_output_limit) {
    ServerOptions options;
    options.output_bytes_max = std::size_t{8} << 20U;
    RunningCore narrow(options);
    WireClient greedy(narrow.port());
    greedy.open();
    greedy.ask(WireClient::create(1, "/a"));
    greedy.ask(WireClient::set(2, "/a", std::string(1'000'000, 'v')));
    auto requests = WireClient::create(3, "/b");
    for (int i = 0; i < 500; ++i) requests += WireClient::read(4 + i, OpCode::get_data, "/a");
    greedy.send(requests);

    EXPECT_LT(greedy.read_all().size(), std::size_t{10} << 20U);
    EXPECT_EQ(narrow.metric("roster_coord_connections_dropped_total", "output_bytes_max"), 1);
}

}  // namespace
}  // namespace coord
