#include "coord/proto/error.hpp"
#include "coord/server/request_processor.hpp"
#include "tests/support/running_core.hpp"
#include "tests/support/wire_client.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <utility>

namespace coord {
namespace {

using std::chrono::milliseconds;

constexpr std::int32_t ephemeral = 1;

ServerOptions quick() {
    ServerOptions options;
    options.tick = milliseconds(50);
    options.session_timeout_min = milliseconds(100);
    return options;
}

struct SessionsTest : testing::Test {
    int exists(WireClient& who, std::string_view path) {
        return who.ask(WireClient::read(9, OpCode::exists, path)).header.error;
    }

    RunningCore core{quick()};
    WireClient client{core.port()};
};

TEST_F(SessionsTest, a_session_has_its_own_id_and_a_password_of_its_own) {
    std::set<SessionId> ids;
    std::set<Password> passwords;
    for (int i = 0; i < 20; ++i) {
        WireClient fresh(core.port());
        const auto session = fresh.open();
        ASSERT_TRUE(session);
        const auto server = static_cast<std::uint64_t>(session->session) >> 56U;
        EXPECT_TRUE(server >= 1 && server <= 127) << server;
        ids.insert(session->session);
        passwords.insert(session->password);
    }
    EXPECT_EQ(ids.size(), 20U);
    EXPECT_EQ(passwords.size(), 20U);
}

TEST_F(SessionsTest, the_timeout_is_clamped_to_what_the_server_allows) {
    EXPECT_EQ(client.open(1)->timeout_ms, 100);
    WireClient patient(core.port());
    EXPECT_EQ(patient.open(1'000'000'000)->timeout_ms, 40000);
}

// Old clients do not send the flag, and the C client reads a record of fixed size: 40 or 41 bytes.
TEST_F(SessionsTest, the_read_only_flag_is_answered_exactly_if_it_was_sent) {
    ConnectRequest request;
    request.timeout_ms = 10000;
    client.send(WireClient::connect_frame(request));
    EXPECT_EQ(client.read_frame()->size(), 36U);

    WireClient newer(core.port());
    request.read_only = true;
    newer.send(WireClient::connect_frame(request));
    EXPECT_EQ(newer.read_frame()->size(), 37U);
}

TEST_F(SessionsTest, re_attaching_keeps_the_session_and_its_ephemerals) {
    const auto session = client.open().value();
    client.ask(WireClient::create(1, "/e", ephemeral));
    client.close();

    WireClient again(core.port());
    const auto attached = again.open(20000, session).value();

    EXPECT_EQ(attached.session, session.session);
    EXPECT_EQ(attached.password, session.password);
    EXPECT_EQ(attached.timeout_ms, 20000);
    EXPECT_EQ(exists(again, "/e"), 0);
}

TEST_F(SessionsTest, re_attaching_closes_the_sessions_other_connection) {
    const auto session = client.open().value();
    WireClient again(core.port());
    EXPECT_EQ(again.open(10000, session)->session, session.session);

    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(exists(again, "/"), 0);
}

TEST_F(SessionsTest, a_wrong_password_is_answered_as_expired_and_bumps_nobody) {
    const auto session = client.open().value();
    auto forged = session;
    forged.password.fill('x');
    WireClient thief(core.port());

    const auto refused = thief.open(10000, forged).value();

    EXPECT_EQ(refused.timeout_ms, 0);
    EXPECT_EQ(refused.session, SessionId{});
    EXPECT_EQ(refused.password, Password{});
    EXPECT_TRUE(thief.is_closed());
    EXPECT_EQ(exists(client, "/"), 0);
}

TEST_F(SessionsTest, a_client_that_has_seen_more_than_we_is_closed_without_a_reply) {
    EXPECT_FALSE(client.open(10000, {}, Zxid{1'000'000}));
    EXPECT_EQ(core.metric("roster_coord_connections_refused_total", "client_ahead"), 1);
}

TEST_F(SessionsTest, closing_removes_the_ephemerals_and_executes_nothing_behind_it) {
    const auto session = client.open().value();
    client.ask(WireClient::create(1, "/e", ephemeral));
    client.send(WireClient::request(2, OpCode::close_session) + WireClient::create(3, "/late"));

    const auto reply = client.read_reply();
    EXPECT_EQ(reply.header.xid, 2);
    EXPECT_EQ(reply.header.error, 0);
    EXPECT_TRUE(client.is_closed());
    WireClient other(core.port());
    other.open();
    EXPECT_EQ(exists(other, "/e"), -101);
    EXPECT_EQ(exists(other, "/late"), -101);
    WireClient again(core.port());
    EXPECT_EQ(again.open(10000, session)->timeout_ms, 0);
}

TEST_F(SessionsTest, a_silent_session_expires_and_its_connection_is_closed) {
    WireClient watcher(core.port());
    watcher.open();
    client.open(100);
    client.ask(WireClient::create(1, "/e", ephemeral));
    ASSERT_EQ(watcher.ask(WireClient::read(1, OpCode::exists, "/e", true)).header.error, 0);

    EXPECT_EQ(watcher.read_event().type, EventType::node_deleted);
    EXPECT_TRUE(client.is_closed());
    EXPECT_EQ(core.metric("roster_coord_sessions_expired_total"), 1);
}

TEST_F(SessionsTest, pings_keep_a_session_alive) {
    client.open(200);
    client.ask(WireClient::create(1, "/e", ephemeral));
    const auto end = std::chrono::steady_clock::now() + milliseconds(600);
    while (std::chrono::steady_clock::now() < end) {
        ASSERT_TRUE(client.is_silent(milliseconds(30)));
        ASSERT_EQ(client.ask(WireClient::request(-2, OpCode::ping)).header.xid, -2);
    }
    EXPECT_EQ(exists(client, "/e"), 0);
}

TEST_F(SessionsTest, sessions_and_ephemerals_survive_a_restart_of_the_server) {
    const auto session = client.open().value();
    client.ask(WireClient::create(1, "/e", ephemeral));
    client.close();

    core.stop();
    core.start();

    WireClient again(core.port());
    EXPECT_EQ(again.open(10000, session)->session, session.session);
    EXPECT_EQ(exists(again, "/e"), 0);
    WireClient fresh(core.port());
    EXPECT_GT(fresh.open()->session, session.session);
}

TEST_F(SessionsTest, a_session_that_nobody_comes_back_to_expires_after_a_restart) {
    client.open(300);
    client.ask(WireClient::create(1, "/e", ephemeral));

    core.stop();
    core.start();

    WireClient watcher(core.port());
    watcher.open();
    if (watcher.ask(WireClient::read(1, OpCode::exists, "/e", true)).header.error == 0) {
        EXPECT_EQ(watcher.read_event().type, EventType::node_deleted);
    }
}

TEST_F(SessionsTest, unused_containers_and_overdue_ttl_znodes_are_reaped) {
    auto options = quick();
    options.reap_interval = milliseconds(20);
    RunningCore reaping(options);
    WireClient user(reaping.port());
    user.open();
    CreateRequest create;
    create.path = "/c";
    create.acl = open_acl_unsafe;
    create.flags = static_cast<std::int32_t>(CreateMode::container);
    user.ask(WireClient::request(
        1, OpCode::create_container, WireClient::encoded(create, OpCode::create_container)));
    user.ask(WireClient::create(2, "/c/x"));
    ASSERT_EQ(user.ask(WireClient::read(3, OpCode::exists, "/c", true)).header.error, 0);

    user.send(WireClient::remove(4, "/c/x"));

    EXPECT_EQ(user.read_reply().header.xid, 4);
    const auto event = user.read_event();
    EXPECT_EQ(event.type, EventType::node_deleted);
    EXPECT_EQ(event.path, "/c");
}

// The processor by itself: leadership comes and goes by the test's word, entries are applied by it.
struct LeadershipTest : testing::Test {
    LeadershipTest() {
        options.wall_clock_ms = [] { return std::int64_t{1'700'000'000'000}; };
        processor.set_member(self);
    }

    std::shared_ptr<Conversation> connect() {
        const auto conversation = std::make_shared<Conversation>();
        ConnectRequest request;
        request.timeout_ms = 10000;
        processor.take(*conversation, WireClient::connect_frame(request).substr(4));
        return conversation;
    }
    // Applies everything sent, until nothing more comes.
    void settle() {
        processor.end_turn();
        for (; applied < log.size(); processor.end_turn()) {
            processor.apply(term, *log[applied++], now);
        }
    }
    void stand(Role role, MemberId leader, bool is_current) {
        processor.standing_changed({role, term, leader, is_current}, now);
    }
    void lead() {
        stand(Role::leader, self, true);
        settle();
    }
    void lose_leader() { stand(Role::follower, MemberId{0}, false); }

    static constexpr MemberId self{1};
    ServerOptions options;
    ServerCounters counters;
    RequestProcessor::Time now;
    Term term{1};
    std::vector<WriteQueue::Entry> log;
    std::size_t applied = 0;
    bool has_leader = true;
    RequestProcessor processor{options,
                               counters,
                               {[this](const WriteQueue::Entry& entry) {
                                    if (has_leader) log.push_back(entry);
                                    return has_leader;
                                },
                                [](const Touches&) { return true; },
                                [] {}}};
};

TEST_F(LeadershipTest, who_connects_before_the_server_serves_waits_for_it) {
    const auto client = connect();
    EXPECT_EQ(client->phase, Phase::joining);
    EXPECT_FALSE(processor.listens_to(*client));

    lead();

    EXPECT_TRUE(processor.is_serving());
    EXPECT_EQ(client->phase, Phase::open);
    EXPECT_EQ(client->out.size(), 4U + 36U);
}

TEST_F(LeadershipTest,
       a_follower_serves_only_when_it_has_all_that_was_committed_before_its_leader) {
    stand(Role::follower, MemberId{2}, false);
    EXPECT_FALSE(processor.is_serving());

    stand(Role::follower, MemberId{2}, true);
    EXPECT_TRUE(processor.is_serving());
}

TEST_F(LeadershipTest, a_write_under_way_is_sent_to_the_next_leader_and_answered_once) {
    lead();
    const auto client = connect();
    settle();
    client->out.clear();
    processor.take(*client, WireClient::create(1, "/a").substr(4));
    processor.end_turn();
    lose_leader();
    EXPECT_EQ(client->phase, Phase::open);

    const auto sent = log.size();
    term = Term{2};
    stand(Role::follower, MemberId{2}, true);
    processor.end_turn();
    ASSERT_EQ(log.size(), sent + 1);
    EXPECT_EQ(*log[sent], *log[sent - 1]);
    settle();

    EXPECT_EQ(client->phase, Phase::open);
    EXPECT_TRUE(client->requests.empty());
    EXPECT_EQ(counters.entries_repeated.value(), 1U);
    EXPECT_EQ(processor.state().znode_count(), StateMachine().znode_count() + 1);
}

TEST_F(LeadershipTest, when_nobody_leads_for_too_long_a_write_under_way_closes_its_connection) {
    lead();
    const auto client = connect();
    settle();
    const auto session = client->command.session;
    client->out.clear();
    processor.take(*client, WireClient::create(1, "/a").substr(4));
    processor.end_turn();
    lose_leader();
    processor.tick(now + options.leaderless_max / 2);
    EXPECT_EQ(client->phase, Phase::open);

    processor.tick(now + options.leaderless_max);

    EXPECT_EQ(client->phase, Phase::ending);
    EXPECT_TRUE(client->out.empty());
    EXPECT_FALSE(processor.is_serving());
    EXPECT_TRUE(processor.state().find_session(session));

    // It came about after all: nobody is told, and nothing is confused by it.
    settle();
    EXPECT_TRUE(client->out.empty());
    EXPECT_EQ(processor.state().znode_count(), StateMachine().znode_count() + 1);
}

TEST_F(LeadershipTest, a_new_leader_expires_nobody_before_their_full_timeout) {
    lead();
    const auto client = connect();
    settle();
    lose_leader();
    now += std::chrono::hours(1);
    processor.expire_sessions(now);
    lead();

    processor.expire_sessions(now + milliseconds(9000));
    settle();
    EXPECT_TRUE(processor.state().find_session(client->command.session));
    processor.expire_sessions(now + milliseconds(12000));
    settle();
    EXPECT_FALSE(processor.state().find_session(client->command.session));
}

}  // namespace
}  // namespace coord
