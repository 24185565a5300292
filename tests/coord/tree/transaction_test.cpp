// What golden_test.cpp cannot see: events, times, ephemerals of several sessions. The checks and
// their order are there too, as Apache ZooKeeper answers them; here each has a name.

#include "coord/tree/transaction.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

using enum EventType;

std::string told(const Outcome& outcome) {
    std::string text;
    for (const auto& event : outcome.events) {
        text += std::to_string(static_cast<int>(event.type)) + event.path +
                (event.to_data_watches ? " data" : "") + (event.to_child_watches ? " child" : "") +
                "; ";
    }
    return text;
}

template <class Record>
std::string encoded(const Record& record) {
    std::string body;
    Encoder out(body);
    record.encode(out);
    return body;
}

const std::vector<Acl> nobody_may{{0, {"world", "anyone"}}};

TEST(Transaction, tells_watches_in_zookeepers_order) {
    Machine machine;

    EXPECT_EQ(told(machine.create("/a")), "1/a data; 4/ child; ");
    EXPECT_EQ(told(machine.create("/a/b")), "1/a/b data; 4/a child; ");
    EXPECT_EQ(told(machine.set("/a", "x")), "3/a data; ");
    EXPECT_EQ(told(machine.set_acl("/a", open_acl_unsafe)), "");
    EXPECT_EQ(told(machine.remove("/a/b")), "2/a/b data child; 4/a child; ");
    EXPECT_EQ(told(machine.remove("/none")), "");
}

TEST(Transaction, a_create_checks_in_zookeepers_order) {
    Machine machine;
    machine.create("/e", CreateMode::ephemeral);
    machine.create("/closed", CreateMode::persistent, "", nobody_may);
    machine.create("/there");
    const auto error = [&](std::string_view path, std::int32_t flags, std::vector<Acl> acl) {
        return machine
            .apply(OpCode::create, Machine::create_body({path, "", std::move(acl), flags, 0}))
            .error;
    };

    EXPECT_EQ(error("no slash", 9, {}), Errc::bad_arguments);
    EXPECT_EQ(error("/none/x", 0, {}), Errc::invalid_acl);
    EXPECT_EQ(error("/none//", 0, open_acl_unsafe), Errc::no_node);
    EXPECT_EQ(error("/closed/.", 0, open_acl_unsafe), Errc::no_auth);
    EXPECT_EQ(error("/e/.", 0, open_acl_unsafe), Errc::bad_arguments);
    EXPECT_EQ(error("/e/x", 0, open_acl_unsafe), Errc::no_children_for_ephemerals);
    EXPECT_EQ(error("/there", 0, open_acl_unsafe), Errc::node_exists);
    EXPECT_EQ(error("/", 0, open_acl_unsafe), Errc::node_exists);
    machine.session = nobody;
    EXPECT_EQ(error("/x", 9, open_acl_unsafe), Errc::bad_arguments);
    EXPECT_EQ(error("no slash", 0, {}), Errc::session_expired);
}

TEST(Transaction, every_mode_makes_its_kind_of_znode) {
    Machine machine;

    EXPECT_EQ(created_path(machine.create("/p")), "/p");
    EXPECT_EQ(created_path(machine.create("/e", CreateMode::ephemeral)), "/e");
    EXPECT_EQ(created_path(machine.create("/s", CreateMode::persistent_sequential)),
              "/s0000000002");
    EXPECT_EQ(created_path(machine.create("/es", CreateMode::ephemeral_sequential)),
              "/es0000000003");
    EXPECT_EQ(created_path(machine.create_container("/c")), "/c");
    EXPECT_EQ(created_path(machine.create_ttl("/t", 5)), "/t");
    EXPECT_EQ(created_path(machine.create_ttl("/ts", 5, CreateMode::persistent_sequential_ttl)),
              "/ts0000000006");

    EXPECT_EQ(machine.stat("/e").ephemeral_owner, alice);
    EXPECT_EQ(machine.stat("/es0000000003").ephemeral_owner, alice);
    EXPECT_EQ(machine.stat("/p").ephemeral_owner, SessionId{0});
    EXPECT_EQ(machine.tree.ephemeral_count(), 2U);
    EXPECT_EQ(machine.tree.due_for_removal(1'000'000, 9).size(), 3U);
}

TEST(Transaction, a_ttl_is_between_1_and_2_to_the_40) {
    Machine machine;

    EXPECT_EQ(machine.create_ttl("/a", 0).error, Errc::bad_arguments);
    EXPECT_EQ(machine.create_ttl("/a", std::int64_t{1} << 40U).error, Errc::bad_arguments);
    EXPECT_EQ(machine.create_ttl("/a", (std::int64_t{1} << 40U) - 1).error, Errc::ok);
    EXPECT_EQ(machine.create_ttl("/b", 5, CreateMode::persistent).error, Errc::bad_arguments);
}

TEST(Transaction, sequence_numbers_count_every_child_ever_created) {
    Machine machine;
    machine.create("/q");
    for (int i = 0; i < 3; ++i) machine.create("/q/a", CreateMode::persistent_sequential);
    machine.create("/q/x");
    machine.remove("/q/x");
    machine.create("/q/a0000000000");  // fails and does not count

    EXPECT_EQ(created_path(machine.create("/q/b", CreateMode::persistent_sequential)),
              "/q/b0000000004");
}

TEST(Transaction, set_data_moves_version_mzxid_and_mtime_only) {
    Machine machine;
    machine.create("/a");
    const auto before = machine.stat("/a");
    machine.now_ms = 5000;

    const auto set = machine.set("/a", "xyz", 0);

    auto expected = before;
    expected.version = 1;
    expected.mzxid = set.zxid;
    expected.mtime = 5000;
    expected.data_length = 3;
    EXPECT_EQ(machine.stat("/a"), expected);
    EXPECT_EQ(Decoder(set.body).stat(), expected);
    EXPECT_EQ(machine.set("/a", "again", 0).error, Errc::bad_version);
    EXPECT_EQ(machine.data("/a"), "xyz");
}

TEST(Transaction, set_acl_moves_aversion_only) {
    Machine machine;
    machine.create("/a");
    auto expected = machine.stat("/a");

    machine.set_acl("/a", std::vector<Acl>{{31, {"ip", "127.0.0.1"}}}, 0);

    expected.aversion = 1;
    EXPECT_EQ(machine.stat("/a"), expected);
    EXPECT_EQ(machine.set_acl("/a", open_acl_unsafe, 0).error, Errc::bad_version);
}

TEST(Transaction, null_data_stays_null) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, std::nullopt);
    EXPECT_EQ(machine.data("/a"), std::nullopt);

    machine.set("/a", "");
    EXPECT_EQ(machine.data("/a"), "");
    machine.set("/a", std::nullopt);
    EXPECT_EQ(machine.data("/a"), std::nullopt);
}

TEST(Transaction, a_removal_checks_in_zookeepers_order) {
    Machine machine;
    machine.create("/p");
    machine.create("/p/c");
    machine.create("/locked");
    machine.create("/locked/c");
    machine.set_acl("/locked", nobody_may);

    for (const auto path : {"/", "/zookeeper", "/zookeeper/quota", "/zookeeper/config", "p"}) {
        EXPECT_EQ(machine.remove(path).error, Errc::bad_arguments) << path;
    }
    EXPECT_EQ(machine.remove("/none/x").error, Errc::no_node);
    EXPECT_EQ(machine.remove("/locked/none").error, Errc::no_auth);
    EXPECT_EQ(machine.remove("/p", 3).error, Errc::bad_version);
    EXPECT_EQ(machine.remove("/p").error, Errc::not_empty);
    EXPECT_EQ(machine.remove("/p/c", 0).error, Errc::ok);
    EXPECT_EQ(machine.remove("/p").error, Errc::ok);
    EXPECT_FALSE(machine.has("/p"));
}

TEST(Transaction, super_passes_every_acl) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, "", nobody_may);
    EXPECT_EQ(machine.set("/a", "x").error, Errc::no_auth);

    machine.ids = {{"super", ""}};

    EXPECT_EQ(machine.set("/a", "x").error, Errc::ok);
    EXPECT_EQ(machine.set("/zookeeper/config", "server.1=a").error, Errc::ok);
}

TEST(Transaction, an_ephemeral_of_another_session_may_be_removed_and_is_then_nobodys) {
    Machine machine;
    machine.open(bob);
    machine.create("/e", CreateMode::ephemeral);
    machine.session = bob;

    EXPECT_EQ(machine.remove("/e").error, Errc::ok);

    EXPECT_EQ(machine.tree.ephemeral_count(), 0U);
    EXPECT_TRUE(machine.close(alice).events.empty());
}

TEST(Transaction, the_reaper_removes_only_what_is_still_due) {
    Machine machine;
    machine.session = SessionId{0};
    const auto reap = [&](std::string_view path) { return machine.remove_container(path).error; };
    machine.session = alice;
    machine.create_container("/c");
    machine.create("/c/x");
    machine.create_ttl("/t", 100);
    machine.create("/plain");
    machine.session = SessionId{0};

    EXPECT_EQ(reap("/c"), Errc::not_empty);
    EXPECT_EQ(reap("/t"), Errc::bad_version);
    EXPECT_EQ(reap("/plain"), Errc::bad_version);
    EXPECT_EQ(reap("/none"), Errc::no_node);
    EXPECT_EQ(reap("/zookeeper"), Errc::bad_arguments);
    machine.now_ms += 101;
    EXPECT_EQ(reap("/t"), Errc::ok);
    EXPECT_FALSE(machine.has("/t"));
}

TEST(Transaction, a_null_path_is_a_wrong_one_to_what_sets_and_malformed_to_the_rest) {
    Machine machine;
    const std::string null(4, '\xFF');
    const auto cut = [&](std::string body) { return null + body.substr(4); };

    const auto set_data = cut(encoded(SetDataRequest{"", "data", -1}));
    const auto set_acl = cut(encoded(SetAclRequest{"", open_acl_unsafe, -1}));
    const auto remove = cut(encoded(RemoveRequest{"", -1}));

    EXPECT_EQ(machine.apply(OpCode::set_data, set_data).error, Errc::bad_arguments);
    EXPECT_EQ(machine.apply(OpCode::set_acl, set_acl).error, Errc::bad_arguments);
    EXPECT_EQ(machine.apply(OpCode::remove, remove).error, Errc::marshalling_error);
}

TEST(Transaction, reconfig_is_disabled_and_takes_a_zxid_as_any_write) {
    Machine machine;
    const auto before = machine.tree.last_zxid();

    std::string body(12, '\xFF');  // nobody joins or leaves
    Encoder(body).int64(-1);
    const auto outcome = machine.apply(OpCode::reconfig, body);

    EXPECT_EQ(outcome.error, Errc::reconfig_disabled);
    EXPECT_GT(machine.tree.last_zxid(), before);
}

TEST(Transaction, malformed_bodies_change_nothing) {
    Machine machine;
    for (const auto op : {OpCode::create,
                          OpCode::create2,
                          OpCode::create_ttl,
                          OpCode::remove,
                          OpCode::set_data,
                          OpCode::set_acl,
                          OpCode::reconfig,
                          OpCode::delete_container}) {
        for (const auto body : {"", "\0\0\0\1", "\xFF\xFF\xFF\xFF"}) {
            EXPECT_EQ(machine.apply(op, body).error, Errc::marshalling_error);
        }
    }
    EXPECT_EQ(machine.tree.znode_count(), 4U);
}

}  // namespace
}  // namespace coord
