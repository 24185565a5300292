#include "coord/client/client_session.hpp"

#include "tests/support/run_until.hpp"
#include "tests/support/scripted_server.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace coord {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;

constexpr SessionId session_id{0x1234};

class ClientSessionTest : public testing::Test {
protected:
    ClientOptions options(milliseconds timeout = milliseconds(10000)) {
        ClientOptions chosen;
        chosen.connect = server.address();
        chosen.session_timeout = timeout;
        return chosen;
    }

    void open(const ClientOptions& chosen) {
        client = std::make_unique<Client>(io, chosen);
        client->on_state([this](SessionState state) { states.push_back(state); });
        client->on_event(
            [this](const WatcherEvent& event) { log.push_back("event " + event.path); });
        client->start();
    }

    // A client whose session the server has accepted.
    void connect(ClientOptions chosen) {
        const auto timeout = static_cast<std::int32_t>(chosen.session_timeout.count());
        open(std::move(chosen));
        (void)server.await_connect();
        server.accept_session(session_id, timeout);
        await_state(SessionState::connected);
    }

    void await_state(SessionState state) {
        ASSERT_TRUE(run_until(io, [&] { return client->state() == state; }));
    }

    // Asks in the background, and notes in `log` what came of it.
    void ask(std::string path) {
        auto asked =
            [](Client& through, std::string wanted, std::vector<std::string>& noted) -> Task<void> {
            const auto answer = co_await through.exists(wanted);
            const auto error = answer ? Error() : answer.error();
            noted.push_back(wanted + " " + std::to_string(error.value()));
        };
        spawn(io, "ask", asked(*client, std::move(path), log));
    }

    bool logged(std::size_t lines) {
        return run_until(io, [&] { return log.size() >= lines; });
    }

    [[nodiscard]] double metric(std::string_view name) const {
        for (const auto& metric : client->metrics()) {
            if (metric.name == name) return metric.value;
        }
        return -1;
    }

    static std::string stat_body() {
        std::string body;
        Encoder(body).stat({});
        return body;
    }

    boost::asio::io_context io;
    ScriptedServer server{io};
    std::unique_ptr<Client> client;
    std::vector<SessionState> states;
    std::vector<std::string> log;
};

TEST_F(ClientSessionTest, asks_for_a_new_session_and_knows_it_once_accepted) {
    open(options());

    const auto request = server.await_connect();

    EXPECT_EQ(request.session, SessionId{});
    EXPECT_EQ(request.last_zxid_seen, Zxid{});
    EXPECT_EQ(request.timeout_ms, 10000);
    EXPECT_EQ(request.password.size(), 16U);
    EXPECT_EQ(request.read_only, false);
    EXPECT_EQ(client->session().id, SessionId{});
    server.accept_session(session_id, 7000);
    await_state(SessionState::connected);
    EXPECT_EQ(client->session().id, session_id);
    EXPECT_EQ(client->session_timeout(), milliseconds(7000));
    EXPECT_THAT(states, ElementsAre(SessionState::connected));
}

TEST_F(ClientSessionTest, a_path_that_only_begins_like_the_chroot_is_not_below_it) {
    auto below = options();
    below.connect += "/app";
    connect(below);

    server.notify(EventType::node_created, "/application");
    server.notify(EventType::node_created, "/app/lication");
    server.notify(EventType::node_created, "/app");

    ASSERT_TRUE(logged(3));
    EXPECT_THAT(log, ElementsAre("event /application", "event /lication", "event /"));
}

TEST_F(ClientSessionTest, does_not_ping_in_a_loop_however_short_the_timeout_it_is_granted) {
    open(options());
    server.await_connect();
    server.accept_session(session_id, 1);
    await_state(SessionState::connected);
    const auto begun = std::chrono::steady_clock::now();

    EXPECT_EQ(server.await_request().op, OpCode::ping);

    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(50));
}

TEST_F(ClientSessionTest, reads_frames_that_come_in_pieces) {
    connect(options());
    ask("/a");
    const auto request = server.await_request();
    const auto bytes =
        ScriptedServer::framed(ScriptedServer::reply_content(request.xid, Zxid{5}, 0, stat_body()));

    for (const char byte : bytes) {
        server.send({&byte, 1});
        io.poll();
    }

    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/a 0"));
    EXPECT_EQ(client->last_zxid(), Zxid{5});
}

TEST_F(ClientSessionTest, delivers_events_and_replies_in_the_order_of_the_socket) {
    connect(options());
    ask("/a");
    ask("/b");
    const auto first = server.await_request();
    const auto second = server.await_request();

    server.reply(first.xid, Zxid{5}, -101);
    server.notify(EventType::node_created, "/b");
    server.reply(second.xid, Zxid{6}, 0, stat_body());

    ASSERT_TRUE(logged(3));
    EXPECT_THAT(log, ElementsAre("/a -101", "event /b", "/b 0"));
}

TEST_F(ClientSessionTest, gathers_what_is_asked_in_one_turn_and_numbers_it) {
    connect(options());

    for (int i = 0; i < 100; ++i) ask("/" + std::to_string(i));

    for (int i = 0; i < 100; ++i) EXPECT_EQ(server.await_request().xid, i + 1);
}

TEST_F(ClientSessionTest, drops_a_server_that_answers_out_of_order) {
    connect(options());
    ask("/a");
    ask("/b");
    const auto first = server.await_request();

    server.reply(first.xid + 1, Zxid{5}, 0, stat_body());

    server.await_disconnect();
    ASSERT_TRUE(logged(2));
    EXPECT_THAT(log, ElementsAre("/a -4", "/b -4"));
}

TEST_F(ClientSessionTest, drops_a_server_whose_frame_is_above_the_limit) {
    auto chosen = options();
    chosen.frame_bytes_max = 1000;
    connect(chosen);
    ask("/a");
    (void)server.await_request();

    server.send(std::string_view("\x00\x00\x03\xe9", 4));

    server.await_disconnect();
    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/a -4"));
}

TEST_F(ClientSessionTest, fails_only_the_request_whose_reply_cannot_be_read) {
    connect(options());
    ask("/a");
    ask("/b");

    server.reply(server.await_request().xid, Zxid{5}, 0, "short");
    server.reply(server.await_request().xid, Zxid{5}, 0, stat_body());

    ASSERT_TRUE(logged(2));
    EXPECT_THAT(log, ElementsAre("/a -5", "/b 0"));
    EXPECT_EQ(client->state(), SessionState::connected);
}

TEST_F(ClientSessionTest, attaches_to_its_session_again_with_what_it_has_seen) {
    connect(options());
    ask("/a");
    server.reply(server.await_request().xid, Zxid{77}, -101);
    ASSERT_TRUE(logged(1));

    server.drop();

    const auto request = server.await_connect();
    EXPECT_EQ(request.session, session_id);
    EXPECT_EQ(request.password, std::string(16, 'p'));
    EXPECT_EQ(request.last_zxid_seen, Zxid{77});
    server.accept_session(session_id);
    await_state(SessionState::connected);
    EXPECT_THAT(
        states,
        ElementsAre(SessionState::connected, SessionState::connecting, SessionState::connected));
}

TEST_F(ClientSessionTest, never_sends_again_what_was_in_flight_but_sends_what_waited) {
    connect(options());
    ask("/lost");
    (void)server.await_request();
    server.drop();
    await_state(SessionState::connecting);
    ask("/waited");
    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/lost -4"));

    (void)server.await_connect();
    server.accept_session(session_id);
    const auto request = server.await_request();

    EXPECT_EQ(ReadRequest::decode(*std::make_unique<Decoder>(server.body())).path, "/waited");
    server.reply(request.xid, Zxid{1}, 0, stat_body());
    ASSERT_TRUE(logged(2));
    EXPECT_EQ(log.back(), "/waited 0");
}

TEST_F(ClientSessionTest, opens_a_new_session_when_the_old_one_has_expired) {
    connect(options());
    ask("/a");
    server.reply(server.await_request().xid, Zxid{77}, -101);
    ASSERT_TRUE(logged(1));
    server.drop();
    await_state(SessionState::connecting);
    ask("/waited");
    (void)server.await_connect();

    server.accept_session(SessionId{}, 0);

    const auto request = server.await_connect();
    EXPECT_EQ(request.session, SessionId{});
    EXPECT_EQ(request.last_zxid_seen, Zxid{});
    ASSERT_TRUE(logged(2));
    EXPECT_EQ(log.back(), "/waited -112");
    server.accept_session(SessionId{0x99});
    await_state(SessionState::connected);
    EXPECT_EQ(client->session().id, SessionId{0x99});
    EXPECT_THAT(states,
                ElementsAre(SessionState::connected,
                            SessionState::connecting,
                            SessionState::expired,
                            SessionState::connected));
}

TEST_F(ClientSessionTest, takes_another_session_id_for_expiry_too) {
    auto chosen = options();
    chosen.resume = SessionIdentity{session_id, {}};
    open(chosen);
    EXPECT_EQ(server.await_connect().session, session_id);

    server.accept_session(SessionId{0x99});

    EXPECT_EQ(server.await_connect().session, SessionId{});
    EXPECT_THAT(states, ElementsAre(SessionState::expired));
}

TEST_F(ClientSessionTest, resumes_the_session_it_was_given) {
    auto chosen = options();
    chosen.resume = SessionIdentity{session_id, {}};
    chosen.resume->password.fill('q');
    open(chosen);

    const auto request = server.await_connect();

    EXPECT_EQ(request.session, session_id);
    EXPECT_EQ(request.password, std::string(16, 'q'));
    server.accept_session(session_id);
    await_state(SessionState::connected);
    EXPECT_THAT(states, ElementsAre(SessionState::connected));
}

TEST_F(ClientSessionTest, sets_its_watches_again_before_anything_else) {
    connect(options());
    auto watch = [](Client& through) -> Task<void> {
        (void)co_await through.add_watch("/tree", WatchMode::persistent_recursive);
        (void)co_await through.get_children("/tree", true);
    };
    spawn(io, "watch", watch(*client));
    server.reply(server.await_request().xid, Zxid{50}, 0, std::string(4, '\0'));
    std::string children;
    Encoder(children).strings({});
    server.reply(server.await_request().xid, Zxid{50}, 0, children + stat_body());
    ASSERT_TRUE(run_until(io, [&] { return metric("roster_client_replies_total") == 2; }));
    server.drop();
    await_state(SessionState::connecting);
    ask("/waited");

    (void)server.await_connect();
    server.accept_session(session_id);

    const auto header = server.await_request();
    EXPECT_EQ(header.xid, set_watches_xid);
    EXPECT_EQ(header.op, OpCode::set_watches2);
    Decoder in(server.body());
    const auto request = SetWatchesRequest::decode(in, header.op);
    EXPECT_EQ(request.relative_zxid, Zxid{50});
    EXPECT_THAT(request.child, ElementsAre("/tree"));
    EXPECT_THAT(request.persistent_recursive, ElementsAre("/tree"));
    EXPECT_EQ(server.await_request().op, OpCode::exists);
}

TEST_F(ClientSessionTest, pings_at_a_third_and_gives_up_silence_at_two_thirds) {
    connect(options(milliseconds(300)));
    const auto begun = std::chrono::steady_clock::now();

    const auto ping = server.await_request();

    EXPECT_EQ(ping.op, OpCode::ping);
    EXPECT_EQ(ping.xid, ping_xid);
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(90));
    server.await_disconnect();
    EXPECT_GE(std::chrono::steady_clock::now() - begun, milliseconds(190));
    EXPECT_EQ(server.await_connect().session, session_id);
}

TEST_F(ClientSessionTest, stays_as_long_as_pings_are_answered) {
    connect(options(milliseconds(150)));

    for (int i = 0; i < 6; ++i) {
        ASSERT_EQ(server.await_request().op, OpCode::ping);
        server.reply(ping_xid, Zxid{1});
    }

    EXPECT_THAT(states, ElementsAre(SessionState::connected));
}

TEST_F(ClientSessionTest, leaves_a_host_that_accepts_but_does_not_shake_hands) {
    open(options(milliseconds(200)));
    (void)server.await_connect();

    server.await_disconnect();

    (void)server.await_connect();
    server.accept_session(session_id);
    await_state(SessionState::connected);
}

TEST_F(ClientSessionTest, goes_to_the_next_host_when_one_refuses) {
    auto chosen = options();
    chosen.connect = "127.0.0.1:1," + server.address();
    open(chosen);

    (void)server.await_connect();
    server.accept_session(session_id);

    await_state(SessionState::connected);
}

TEST_F(ClientSessionTest, tries_a_closed_port_of_its_own_host_often_for_it_may_be_starting) {
    auto chosen = options();
    chosen.connect = "127.0.0.1:1";
    open(chosen);

    // With pauses that go on doubling, so many would take more than ten seconds.
    const auto often = [&] { return metric("roster_client_connect_attempts_total") >= 20; };
    EXPECT_TRUE(run_until(io, often, milliseconds(5000)));
}

TEST_F(ClientSessionTest, looks_up_the_names_of_hosts) {
    auto chosen = options();
    chosen.connect = "localhost" + chosen.connect.substr(chosen.connect.find(':'));
    open(chosen);

    (void)server.await_connect();
    server.accept_session(session_id);

    await_state(SessionState::connected);
}

TEST_F(ClientSessionTest, forgets_what_it_has_seen_once_all_refuse_it_too_long) {
    connect(options(milliseconds(90)));
    ask("/a");
    server.reply(server.await_request().xid, Zxid{77}, -101);
    ASSERT_TRUE(logged(1));
    server.drop();

    // As a restored ensemble does whose newest zxid is below 77.
    auto request = server.await_connect();
    while (request.last_zxid_seen != Zxid{}) {
        EXPECT_EQ(request.last_zxid_seen, Zxid{77});
        server.drop();
        request = server.await_connect();
    }

    EXPECT_EQ(request.session, session_id);
}

TEST_F(ClientSessionTest, fails_what_waited_longer_than_the_session_timeout) {
    open(options(milliseconds(100)));

    ask("/a");

    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/a -4"));
}

TEST_F(ClientSessionTest, bounds_what_is_in_flight_and_what_waits) {
    auto chosen = options();
    chosen.outstanding_max = 2;
    chosen.waiting_max = 1;
    connect(chosen);

    for (const auto* path : {"/1", "/2", "/3", "/4"}) ask(path);

    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/4 -127"));
    const auto first = server.await_request();
    EXPECT_EQ(server.await_request().xid, 2);
    server.reply(first.xid, Zxid{1}, -101);
    EXPECT_EQ(server.await_request().xid, 3);
}

TEST_F(ClientSessionTest, refuses_a_request_that_no_server_would_take) {
    auto chosen = options();
    chosen.request_bytes_max = 100;
    connect(chosen);

    const auto result = run_task(io, client->set_data("/a", std::string(100, 'x')));

    EXPECT_EQ(result.error(), Errc::bad_arguments);
    EXPECT_EQ(client->state(), SessionState::connected);
}

TEST_F(ClientSessionTest, close_ends_the_session_after_what_was_asked_before) {
    connect(options());
    ask("/a");
    bool closed = false;
    auto close = [](Client& closing, bool& done) -> Task<void> {
        co_await closing.close(milliseconds(10000));
        done = true;
    };
    spawn(io, "close", close(*client, closed));
    const auto asked = server.await_request();
    const auto header = server.await_request();
    ask("/late");
    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/late -112"));

    EXPECT_EQ(header.op, OpCode::close_session);
    server.reply(asked.xid, Zxid{1}, 0, stat_body());
    server.reply(header.xid, Zxid{2});

    ASSERT_TRUE(run_until(io, [&] { return closed; }));
    EXPECT_THAT(log, ElementsAre("/late -112", "/a 0"));
    EXPECT_THAT(states, ElementsAre(SessionState::connected, SessionState::closed));
    server.await_disconnect();
}

TEST_F(ClientSessionTest, close_waits_no_longer_than_its_patience) {
    connect(options());
    ask("/a");

    run_task(io, client->close(milliseconds(50)));

    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/a -4"));
    EXPECT_EQ(client->state(), SessionState::closed);
}

TEST_F(ClientSessionTest, close_asks_again_when_the_connection_breaks_under_it) {
    connect(options());
    bool closed = false;
    auto close = [](Client& closing, bool& done) -> Task<void> {
        co_await closing.close(milliseconds(10000));
        done = true;
    };
    spawn(io, "close", close(*client, closed));
    EXPECT_EQ(server.await_request().op, OpCode::close_session);

    server.drop();
    (void)server.await_connect();
    server.accept_session(session_id);

    const auto again = server.await_request();
    EXPECT_EQ(again.op, OpCode::close_session);
    server.reply(again.xid, Zxid{2});
    EXPECT_TRUE(run_until(io, [&] { return closed; }));
}

TEST_F(ClientSessionTest, abandon_leaves_the_session_and_fails_what_is_awaited) {
    connect(options());
    ask("/a");
    EXPECT_EQ(server.await_request().op, OpCode::exists);

    client->abandon();

    server.await_disconnect();
    ASSERT_TRUE(logged(1));
    EXPECT_THAT(log, ElementsAre("/a -4"));
    EXPECT_EQ(states.back(), SessionState::closed);
}

TEST_F(ClientSessionTest, may_be_destroyed_while_operations_are_awaited) {
    connect(options());
    ask("/flying");
    (void)server.await_request();
    server.drop();
    await_state(SessionState::connecting);
    ask("/waiting");
    io.poll();

    client.reset();

    ASSERT_TRUE(logged(2));
    EXPECT_THAT(log, ElementsAre("/flying -4", "/waiting -4"));
}

TEST_F(ClientSessionTest, may_be_destroyed_from_its_own_callback) {
    connect(options());
    ask("/a");
    client->on_event([this](const WatcherEvent&) { client.reset(); });

    server.notify(EventType::node_created, "/b");

    ASSERT_TRUE(logged(2));
    EXPECT_THAT(log, ElementsAre("event /b", "/a -4"));
}

TEST_F(ClientSessionTest, counts_what_happens) {
    connect(options());
    ask("/a");
    (void)server.await_request();
    server.drop();
    ASSERT_TRUE(logged(1));

    EXPECT_EQ(metric("roster_client_connect_attempts_total"), 1);
    EXPECT_EQ(metric("roster_client_connects_total"), 1);
    EXPECT_EQ(metric("roster_client_requests_total"), 1);
    EXPECT_EQ(metric("roster_client_replies_total"), 0);
    EXPECT_EQ(metric("roster_client_connection_losses_total"), 1);
    EXPECT_EQ(metric("roster_client_outstanding"), 0);
}

}  // namespace
}  // namespace coord
