#include "coord/proto/error.hpp"
#include "coord/server/request_processor.hpp"
#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gtest/gtest.h>

namespace coord {
namespace {

constexpr std::int32_t persistent = 0;
constexpr std::int32_t persistent_recursive = 1;

struct LocalRequestsTest : testing::Test {
    LocalRequestsTest() {
        client.open();
        writer.open();
        writer.ask(WireClient::create(1, "/a"));
        writer.ask(WireClient::create(1, "/a/b"));
    }

    RunningCore core;
    WireClient client{core.port()};
    WireClient writer{core.port()};
};

TEST_F(LocalRequestsTest, reads_answer_from_the_tree) {
    const auto children = client.ask(WireClient::read(1, OpCode::get_children, "/a"));
    Decoder names(children.body);
    EXPECT_EQ(names.strings(), std::vector<std::string_view>{"b"});

    const auto data = client.ask(WireClient::read(2, OpCode::get_data, "/a/b"));
    Decoder in(data.body);
    EXPECT_EQ(in.buffer(), "data");
    EXPECT_EQ(in.stat().data_length, 4);
    EXPECT_EQ(client.ask(WireClient::read(3, OpCode::get_data, "/no")).header.error, -101);
}

TEST_F(LocalRequestsTest, a_one_shot_watch_is_told_once) {
    client.ask(WireClient::read(1, OpCode::get_data, "/a", true));
    writer.ask(WireClient::set(2, "/a", "1"));
    writer.ask(WireClient::set(3, "/a", "2"));

    EXPECT_EQ(client.read_event().type, EventType::node_data_changed);
    client.send(WireClient::request(-2, OpCode::ping));
    EXPECT_EQ(client.read_reply().header.xid, -2);
}

TEST_F(LocalRequestsTest, exists_watches_what_is_not_there_yet_and_get_data_does_not) {
    EXPECT_EQ(client.ask(WireClient::read(1, OpCode::exists, "/x", true)).header.error, -101);
    EXPECT_EQ(client.ask(WireClient::read(2, OpCode::get_data, "/y", true)).header.error, -101);

    writer.ask(WireClient::create(2, "/y"));
    writer.ask(WireClient::create(3, "/x"));

    EXPECT_EQ(client.read_event().path, "/x");
}

TEST_F(LocalRequestsTest, add_watch_answers_with_an_empty_error_and_stays) {
    const auto added =
        client.ask(WireClient::watch_request(1, OpCode::add_watch, "/a", persistent_recursive));
    EXPECT_EQ(added.body, std::string(4, '\0'));

    for (const auto* data : {"1", "2"}) writer.ask(WireClient::set(2, "/a/b", data));
    writer.ask(WireClient::create(3, "/a/c"));

    for (int i = 0; i < 2; ++i) {
        const auto event = client.read_event();
        EXPECT_EQ(event.type, EventType::node_data_changed);
        EXPECT_EQ(event.path, "/a/b");
    }
    EXPECT_EQ(client.read_event().type, EventType::node_created);
}

TEST_F(LocalRequestsTest, a_watch_of_no_known_mode_is_malformed) {
    const auto malformed = static_cast<int>(Errc::marshalling_error);
    for (const auto mode : {-1, 2}) {
        const auto added = client.ask(WireClient::watch_request(1, OpCode::add_watch, "/a", mode));
        EXPECT_EQ(added.header.error, malformed);
    }
    for (const auto type : {0, 6}) {
        const auto checked =
            client.ask(WireClient::watch_request(1, OpCode::check_watches, "/a", type));
        EXPECT_EQ(checked.header.error, malformed);
    }
}

TEST_F(LocalRequestsTest, watches_are_checked_and_removed_without_an_event) {
    const auto ask = [&](OpCode op, WatcherType type) {
        return client.ask(WireClient::watch_request(1, op, "/a", static_cast<std::int32_t>(type)))
            .header.error;
    };
    client.ask(WireClient::watch_request(1, OpCode::add_watch, "/a", persistent));

    EXPECT_EQ(ask(OpCode::check_watches, WatcherType::any), 0);
    EXPECT_EQ(ask(OpCode::check_watches, WatcherType::children), -121);
    EXPECT_EQ(ask(OpCode::remove_watches, WatcherType::persistent), 0);
    EXPECT_EQ(ask(OpCode::remove_watches, WatcherType::any), -121);
    writer.ask(WireClient::set(2, "/a", "1"));
    EXPECT_TRUE(client.is_silent(std::chrono::milliseconds(20)));
}

TEST_F(LocalRequestsTest, set_watches_tells_what_happened_meanwhile_before_its_reply) {
    const auto seen = writer.ask(WireClient::read(1, OpCode::exists, "/a")).header.zxid;
    writer.ask(WireClient::set(2, "/a", "1"));
    SetWatchesRequest wanted;
    wanted.relative_zxid = seen;
    wanted.data = {"/a", "/a/b"};
    wanted.exist = {"/new"};
    wanted.child = {"/gone"};
    client.send(WireClient::request(
        set_watches_xid, OpCode::set_watches, WireClient::encoded(wanted, OpCode::set_watches)));

    EXPECT_EQ(client.read_event().type, EventType::node_data_changed);
    const auto gone = client.read_event();
    EXPECT_EQ(gone.type, EventType::node_deleted);
    EXPECT_EQ(gone.path, "/gone");
    EXPECT_EQ(client.read_reply().header.xid, set_watches_xid);

    writer.ask(WireClient::set(3, "/a", "2"));
    writer.ask(WireClient::set(4, "/a/b", "2"));
    writer.ask(WireClient::create(5, "/new"));
    EXPECT_EQ(client.read_event().path, "/a/b");
    EXPECT_EQ(client.read_event().path, "/new");
}

TEST_F(LocalRequestsTest, set_watches2_restores_the_watches_that_stay) {
    SetWatchesRequest wanted;
    wanted.persistent_recursive = {"/a"};
    client.ask(WireClient::request(
        set_watches_xid, OpCode::set_watches2, WireClient::encoded(wanted, OpCode::set_watches2)));

    writer.ask(WireClient::create(2, "/a/new"));

    EXPECT_EQ(client.read_event().path, "/a/new");
}

TEST_F(LocalRequestsTest, an_event_is_withheld_from_who_may_not_read_the_znode) {
    client.ask(WireClient::watch_request(1, OpCode::add_watch, "/", persistent_recursive));
    writer.ask(WireClient::request(
        2, OpCode::auth, WireClient::encoded(AuthRequest{0, "digest", "pat:passwd"})));
    CreateRequest secret;
    secret.path = "/secret";
    secret.acl = std::vector<Acl>{{perm::all, {"auth", ""}}};
    writer.ask(WireClient::request(3, OpCode::create, WireClient::encoded(secret, OpCode::create)));
    writer.ask(WireClient::remove(4, "/secret"));
    writer.ask(WireClient::create(5, "/open"));

    EXPECT_EQ(client.read_event().path, "/open");
    EXPECT_EQ(core.metric("roster_coord_events_withheld_total"), 2);
}

TEST_F(LocalRequestsTest, more_watches_than_allowed_are_refused_and_counted) {
    ServerOptions options;
    options.watches_per_connection_max = 2;
    RunningCore narrow(options);
    WireClient many(narrow.port());
    many.open();
    std::vector<int> errors;
    for (const auto* path : {"/1", "/2", "/3"}) {
        errors.push_back(many.ask(WireClient::read(1, OpCode::exists, path, true)).header.error);
    }

    EXPECT_EQ(errors, (std::vector<int>{-101, -101, static_cast<int>(Errc::throttled_op)}));
    EXPECT_EQ(narrow.metric("roster_coord_watches_refused_total", "watches_per_connection_max"), 1);
}

TEST_F(LocalRequestsTest, watches_are_limited_by_the_bytes_of_their_paths_and_in_all) {
    ServerOptions options;
    options.watch_bytes_per_connection_max = 6;
    options.watches_max = 2;
    RunningCore narrow(options);
    WireClient one(narrow.port());
    WireClient other(narrow.port());
    one.open();
    other.open();
    const auto watch = [](WireClient& from, std::string_view path) {
        return from.ask(WireClient::watch_request(1, OpCode::add_watch, path, 0)).header.error;
    };
    constexpr auto refused = static_cast<int>(Errc::throttled_op);

    EXPECT_EQ(watch(one, "/123"), 0);
    EXPECT_EQ(watch(one, "/56"), refused);
    EXPECT_EQ(watch(one, "/6"), 0);
    EXPECT_EQ(watch(other, "/a"), refused);

    EXPECT_EQ(narrow.metric("roster_coord_watches_refused_total", "watch_bytes_per_connection_max"),
              1);
    EXPECT_EQ(narrow.metric("roster_coord_watches_refused_total", "watches_max"), 1);
}

TEST_F(LocalRequestsTest, a_reply_with_too_many_children_or_bytes_is_refused_and_counted) {
    ServerOptions options;
    options.reply_children_max = 2;
    RunningCore narrow(options);
    WireClient many(narrow.port());
    many.open();
    many.ask(WireClient::create(1, "/p"));
    for (const auto* path : {"/p/1", "/p/2"}) many.ask(WireClient::create(1, path));
    EXPECT_EQ(many.ask(WireClient::read(1, OpCode::get_children, "/p")).header.error, 0);
    many.ask(WireClient::create(1, "/p/3"));

    const auto reply = many.ask(WireClient::read(1, OpCode::get_children2, "/p"));

    EXPECT_EQ(reply.header.error, static_cast<int>(Errc::throttled_op));
    EXPECT_EQ(narrow.metric("roster_coord_reads_refused_total"), 1);
}

TEST_F(LocalRequestsTest, null_paths_are_answered_as_zookeeper_does) {
    const std::string null(4, '\xff');
    const auto error = [&](OpCode op, const std::string& body) {
        return client.ask(WireClient::request(1, op, body)).header.error;
    };

    EXPECT_EQ(error(OpCode::create, null), -5);
    EXPECT_EQ(error(OpCode::get_data, null + std::string(1, '\0')), -5);
    EXPECT_EQ(error(OpCode::set_data, null + null + null), -8);
    EXPECT_EQ(error(OpCode::set_acl, null + null + null), -8);
    EXPECT_EQ(error(OpCode::sync, null), 0);
    EXPECT_EQ(error(OpCode::add_watch, null + std::string(4, '\0')), 0);
    EXPECT_EQ(error(OpCode::remove_watches, null + std::string("\0\0\0\3", 4)), 0);
    EXPECT_EQ(error(OpCode::remove_watches, null + std::string("\0\0\0\3", 4)), -121);
    EXPECT_EQ(error(OpCode::set_watches, std::string(8, '\0') + std::string("\0\0\0\1", 4) + null),
              -5);
    std::string ip;
    Encoder(ip).int32(0);
    Encoder(ip).ustring("ip");
    EXPECT_EQ(error(OpCode::auth, ip + null), 0);
}

TEST_F(LocalRequestsTest, who_am_i_names_the_address_and_the_users) {
    client.ask(WireClient::request(
        1, OpCode::auth, WireClient::encoded(AuthRequest{0, "digest", "pat:passwd"})));
    const auto reply = client.ask(WireClient::request(2, OpCode::who_am_i));

    Decoder in(reply.body);
    EXPECT_EQ(in.int32(), 2);
    EXPECT_EQ(in.ustring(), "ip");
    EXPECT_EQ(in.ustring(), "127.0.0.1");
    EXPECT_EQ(in.ustring(), "digest");
    EXPECT_EQ(in.ustring(), "pat");
}

TEST_F(LocalRequestsTest, a_multi_read_of_too_much_is_refused_and_counted) {
    client.ask(WireClient::create(1, "/a"));
    client.ask(WireClient::set(2, "/a", std::string(1'000'000, 'v')));
    std::string body;
    Encoder out(body);
    for (int i = 0; i < 40; ++i) {
        MultiHeader{OpCode::get_data, false, -1}.encode(out);
        ReadRequest{"/a", false}.encode(out);
    }
    MultiHeader{}.encode(out);

    const auto reply = client.ask(WireClient::request(3, OpCode::multi_read, body));

    EXPECT_EQ(reply.header.error, static_cast<int>(Errc::throttled_op));
    EXPECT_EQ(core.metric("roster_coord_reads_refused_total"), 1);
}

}  // namespace
}  // namespace coord
