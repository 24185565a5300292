#include "coord/tree/state_machine.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace coord {
namespace {

TEST(StateMachine, begins_with_the_system_znodes_as_zookeeper_has_them) {
    const Machine machine;

    EXPECT_EQ(machine.tree.znode_count(), 4U);
    EXPECT_EQ(machine.stat("/").num_children, 1);
    EXPECT_EQ(machine.stat("/").cversion, -1);
    EXPECT_EQ(machine.stat("/zookeeper").cversion, -2);
    EXPECT_EQ(machine.stat("/zookeeper").num_children, 2);
    EXPECT_EQ(machine.stat("/zookeeper/config").aversion, -1);
    EXPECT_EQ(machine.stat("/zookeeper/quota"), Stat());
    EXPECT_EQ(machine.data("/zookeeper/config"), "");
}

TEST(StateMachine, counts_one_zxid_for_every_command_failed_or_not) {
    Machine machine;
    const auto before = static_cast<std::int64_t>(machine.tree.last_zxid());

    EXPECT_EQ(machine.create("/a").zxid, Zxid{before + 1});
    EXPECT_EQ(machine.create("/a").zxid, Zxid{before + 2});
    EXPECT_EQ(machine.open(bob).zxid, Zxid{before + 3});
    EXPECT_EQ(machine.close(bob).zxid, Zxid{before + 4});
    EXPECT_EQ(machine.apply(OpCode::create, "").zxid, Zxid{before + 5});
    EXPECT_EQ(machine.tree.last_zxid(), Zxid{before + 5});
}

TEST(StateMachine, opens_sessions_and_tells_of_them_in_id_order) {
    Machine machine;
    machine.open(bob, 5000, 'b');

    const auto views = machine.tree.sessions();
    ASSERT_EQ(views.size(), 2U);
    EXPECT_EQ(views[0].id, alice);
    EXPECT_EQ(views[1].id, bob);
    const auto found = machine.tree.find_session(bob);
    ASSERT_TRUE(found);
    EXPECT_EQ(found->timeout.count(), 5000);
    EXPECT_EQ(found->password[15], 'b');
    EXPECT_FALSE(machine.tree.find_session(nobody));
}

TEST(StateMachine, refuses_session_ids_that_mean_something_else) {
    Machine machine;

    EXPECT_EQ(machine.open(SessionId{0}).error, Errc::bad_arguments);
    EXPECT_EQ(machine.open(SessionId{INT64_MIN}).error, Errc::bad_arguments);
    EXPECT_EQ(machine.open(SessionId{-1}).error, Errc::bad_arguments);
    EXPECT_EQ(machine.open(alice, 10000, 'x').error, Errc::bad_arguments);
}

TEST(StateMachine, closing_a_session_removes_its_ephemerals_in_path_order_at_one_zxid) {
    Machine machine;
    machine.create("/p");
    machine.create("/p/b", CreateMode::ephemeral);
    machine.create("/a", CreateMode::ephemeral);
    machine.create("/stays");

    const auto closed = machine.close(alice);

    EXPECT_EQ(closed.error, Errc::ok);
    EXPECT_EQ(closed.closed_sessions, std::vector{alice});
    ASSERT_EQ(closed.events.size(), 4U);
    EXPECT_EQ(closed.events[0].path, "/a");
    EXPECT_EQ(closed.events[1].path, "/");
    EXPECT_EQ(closed.events[2].path, "/p/b");
    EXPECT_EQ(closed.events[3].path, "/p");
    EXPECT_EQ(machine.stat("/").pzxid, closed.zxid);
    EXPECT_EQ(machine.stat("/p").pzxid, closed.zxid);
    EXPECT_TRUE(machine.has("/stays"));
    EXPECT_FALSE(machine.has("/a"));
    EXPECT_FALSE(machine.tree.find_session(alice));
    EXPECT_EQ(machine.tree.ephemeral_count(), 0U);
}

TEST(StateMachine, a_closed_session_neither_writes_nor_closes_again) {
    Machine machine;
    machine.create("/a");
    machine.close(alice);

    EXPECT_EQ(machine.create("/b").error, Errc::session_expired);
    EXPECT_EQ(machine.remove("/a").error, Errc::session_expired);
    EXPECT_EQ(machine.set("/a", "x").error, Errc::session_expired);
    EXPECT_EQ(machine.set_acl("/a", open_acl_unsafe).error, Errc::session_expired);
    EXPECT_EQ(machine.apply(OpCode::multi, MultiBody().remove("/a").done()).error,
              Errc::session_expired);
    const auto closed = machine.close(alice);
    EXPECT_EQ(closed.error, Errc::session_expired);
    EXPECT_TRUE(closed.closed_sessions.empty());
}

TEST(StateMachine, to_begin_anew_ends_every_session_and_leaves_all_zxids_of_before_behind) {
    Machine machine;
    machine.open(bob);
    machine.create("/p");
    machine.create("/p/a", CreateMode::ephemeral);
    const auto before = machine.tree.last_zxid();

    Command command;
    command.op = OpCode::begin_anew;
    const auto anew = machine.tree.apply(command);

    EXPECT_EQ(anew.error, Errc::ok);
    EXPECT_EQ(anew.closed_sessions, (std::vector{alice, bob}));
    EXPECT_TRUE(machine.tree.sessions().empty());
    EXPECT_EQ(machine.tree.ephemeral_count(), 0U);
    EXPECT_FALSE(machine.has("/p/a"));
    EXPECT_TRUE(machine.has("/p"));
    ASSERT_EQ(anew.events.size(), 2U);
    EXPECT_EQ(anew.events[0].path, "/p/a");
    EXPECT_EQ(machine.tree.last_zxid(), anew.zxid);
    EXPECT_GT(static_cast<std::int64_t>(anew.zxid),
              static_cast<std::int64_t>(before) + 1'000'000'000'000);
    EXPECT_EQ(machine.create("/q").error, Errc::session_expired);
}

TEST(StateMachine, an_operation_that_is_no_write_is_unimplemented) {
    Machine machine;

    EXPECT_EQ(machine.apply(OpCode::check, Machine::body_of(RemoveRequest{"/", -1})).error,
              Errc::unimplemented);
    EXPECT_EQ(machine.apply(OpCode::get_data, "").error, Errc::unimplemented);
    EXPECT_EQ(machine.apply(OpCode{77}, "").error, Errc::unimplemented);
}

TEST(StateMachine, a_restored_one_goes_on_like_the_original) {
    Machine machine;
    machine.open(bob);
    machine.create("/q");
    machine.create("/q/n-", CreateMode::persistent_sequential);
    machine.create("/q/e", CreateMode::ephemeral);
    machine.remove("/q/n-0000000000");
    machine.create_ttl("/ttl", 5);
    machine.set_acl("/q", std::vector<Acl>{{perm::all, {"ip", "127.0.0.1"}}});
    Machine copy;
    copy.tree = StateMachine::restore(in_chunks(machine.snapshot(), 7)).value();

    for (auto* each : {&machine, &copy}) {
        each->create("/q/n-", CreateMode::persistent_sequential);
        each->set("/ttl", "late");
        each->close(alice);
    }

    EXPECT_EQ(copy.children("/q"), (std::vector<std::string>{"n-0000000002"}));
    EXPECT_EQ(copy.tree.last_zxid(), machine.tree.last_zxid());
    EXPECT_EQ(copy.tree.data_bytes(), machine.tree.data_bytes());
    EXPECT_EQ(copy.tree.due_for_removal(1006, 9), (std::vector<std::string>{"/ttl"}));
    EXPECT_EQ(to_hex(copy.snapshot()), to_hex(machine.snapshot()));
}

TEST(StateMachine, tells_which_containers_and_ttl_znodes_are_due) {
    Machine machine;
    machine.create_container("/used");
    machine.create("/used/child");
    machine.create_container("/unused");
    machine.create_ttl("/ttl", 500);
    machine.create("/plain");

    EXPECT_EQ(machine.tree.due_for_removal(1500, 9), std::vector<std::string>{});
    machine.remove("/used/child");

    EXPECT_EQ(machine.tree.due_for_removal(1500, 9), (std::vector<std::string>{"/used"}));
    EXPECT_EQ(machine.tree.due_for_removal(1501, 9), (std::vector<std::string>{"/used", "/ttl"}));
    EXPECT_EQ(machine.tree.due_for_removal(302000, 9).size(), 3U);
    EXPECT_EQ(machine.tree.due_for_removal(302000, 2).size(), 2U);
}

TEST(StateMachine, lists_the_ephemerals_of_each_session) {
    Machine machine;
    machine.open(bob);
    machine.create("/b", CreateMode::ephemeral);
    machine.create("/a", CreateMode::ephemeral);

    const auto all = machine.tree.ephemerals();

    ASSERT_EQ(all.size(), 1U);
    EXPECT_EQ(all[0].first, alice);
    EXPECT_EQ(all[0].second, (std::vector<std::string>{"/a", "/b"}));
    EXPECT_EQ(machine.tree.ephemeral_count(), 2U);
}

TEST(StateMachine, who_may_not_read_a_znode_is_not_told_of_it) {
    Machine machine;
    machine.ids = {{"ip", "10.0.0.1"}};
    const std::vector<Acl> closed{{31, machine.ids.front()}};

    auto events = machine.create("/closed", CreateMode::persistent, "", closed).events;
    for (auto& event : machine.set("/closed", "data").events) events.push_back(event);
    for (auto& event : machine.remove("/closed").events) events.push_back(event);

    ASSERT_EQ(events.size(), 5U);
    for (const auto& event : events) {
        const bool is_of_root = event.path == "/";
        EXPECT_EQ(StateMachine::may_hear(event, {{"ip", "127.0.0.1"}}), is_of_root);
        EXPECT_TRUE(StateMachine::may_hear(event, {{"ip", "10.0.0.1"}}));
    }
}

TEST(StateMachine, tells_who_the_members_are_to_whoever_watches_that_znode) {
    Machine machine;
    Command command;
    command.op = OpCode::tell_members;
    command.body = "server.1=10.0.0.1:2888:2888:participant";

    const auto outcome = machine.tree.apply(command);

    EXPECT_EQ(outcome.error, Errc::ok);
    ASSERT_EQ(outcome.events.size(), 1U);
    EXPECT_EQ(outcome.events[0].path, "/zookeeper/config");
    EXPECT_TRUE(outcome.events[0].to_data_watches);
    EXPECT_EQ(machine.data("/zookeeper/config"), command.body);
    EXPECT_EQ(machine.tree.members(), command.body);
}

TEST(StateMachine, catches_up_watches_with_what_happened_since) {
    Machine machine;
    machine.create("/same");
    machine.create("/changed");
    machine.create("/parent");
    const auto seen = machine.tree.last_zxid();
    machine.set("/changed", "new");
    machine.create("/parent/child");
    SetWatchesRequest request;
    request.relative_zxid = seen;
    request.data = {"/same", "/changed", "/gone"};
    request.exist = {"/same", "/never"};
    request.child = {"/same", "/parent", "/gone"};
    request.persistent = {"/p"};
    request.persistent_recursive = {"/r"};

    const auto caught = machine.tree.catch_up(request);

    using enum EventType;
    const auto state = KeeperState::sync_connected;
    EXPECT_EQ(caught.events,
              (std::vector<WatcherEvent>{{node_data_changed, state, "/changed"},
                                         {node_deleted, state, "/gone"},
                                         {node_created, state, "/same"},
                                         {node_children_changed, state, "/parent"},
                                         {node_deleted, state, "/gone"}}));
    ASSERT_EQ(caught.watches.size(), 3U);
    EXPECT_EQ(caught.watches[0].path, "/same");
    EXPECT_EQ(caught.watches[1].path, "/never");
    EXPECT_EQ(caught.watches[1].table, WatchTableKind::data);
    EXPECT_EQ(caught.watches[2].table, WatchTableKind::child);
    EXPECT_EQ(caught.persistent, std::vector<std::string>{"/p"});
    EXPECT_EQ(caught.persistent_recursive, std::vector<std::string>{"/r"});
}

// Entries of member 1 unless it says so; the tests above apply commands of no entry.
struct MovingSessionsTest : testing::Test {
    MovingSessionsTest() {
        enter(1);
        machine.open(bob);
    }
    void enter(std::uint64_t member, std::uint64_t term = 5) {
        ASSERT_TRUE(machine.tree.begin({member, 7, ++sequences[member]}, term));
    }
    [[nodiscard]] SessionView session(SessionId id) const {
        return machine.tree.find_session(id).value();
    }

    Machine machine;
    std::map<std::uint64_t, std::uint64_t> sequences;
};

TEST_F(MovingSessionsTest, an_entry_that_was_applied_is_not_begun_again) {
    EXPECT_FALSE(machine.tree.begin({1, 7, 1}, 5));
    EXPECT_TRUE(machine.tree.begin({1, 7, 2}, 5));
    Machine restored;
    restored.tree = StateMachine::restore(in_chunks(machine.snapshot(), 100)).value();
    EXPECT_FALSE(restored.tree.begin({1, 7, 2}, 5)) << "nor after a snapshot";
}

TEST_F(MovingSessionsTest, only_the_server_that_has_a_session_writes_for_it) {
    machine.session = bob;
    EXPECT_EQ(machine.create("/a").error, Errc::ok);
    enter(2);
    EXPECT_EQ(machine.create("/b").error, Errc::session_moved);
    EXPECT_EQ(machine.close(bob).error, Errc::session_moved);

    EXPECT_EQ(machine.attach(bob, 3000).error, Errc::ok);

    EXPECT_EQ(session(bob).owner, 2U);
    EXPECT_EQ(session(bob).timeout, std::chrono::milliseconds(3000));
    EXPECT_EQ(machine.create("/b").error, Errc::ok);
    enter(1);
    EXPECT_EQ(machine.create("/c").error, Errc::session_moved);
}

TEST_F(MovingSessionsTest, nobody_gets_a_session_without_its_password_or_by_its_id) {
    enter(2);
    EXPECT_EQ(machine.attach(bob, 10000, 'x').error, Errc::session_expired);
    EXPECT_EQ(machine.attach(nobody).error, Errc::session_expired);
    EXPECT_EQ(machine.open(bob, 10000, 'p').error, Errc::bad_arguments);
    EXPECT_EQ(session(bob).owner, 1U);
}

TEST_F(MovingSessionsTest, a_session_expires_as_its_leader_saw_it_or_not_at_all) {
    const auto seen = session(bob);
    enter(2);
    machine.attach(bob);
    enter(3);

    EXPECT_EQ(machine.expire(seen, 5).error, Errc::session_moved) << "it has moved on";
    EXPECT_EQ(machine.expire(session(bob), 4).error, Errc::session_moved) << "of an old leader";
    EXPECT_EQ(machine.expire(session(bob), 5).closed_sessions, std::vector{bob});
    EXPECT_FALSE(machine.tree.find_session(bob));
}

}  // namespace
}  // namespace coord
