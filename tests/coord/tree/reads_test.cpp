#include "coord/tree/reads.hpp"

#include "tests/support/tree_machine.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

const std::vector<Acl> only_ten{{31, {"ip", "10.0.0.1"}}};
const std::vector<Acl> digest_reads{{perm::read, {"world", "anyone"}},
                                    {perm::admin, {"digest", "u:hash"}}};

TEST(Reads, set_the_watch_that_the_operation_is_for) {
    Machine machine;
    machine.create("/a");

    EXPECT_EQ(machine.read(OpCode::get_data, "/a", true).watch->table, WatchTableKind::data);
    EXPECT_EQ(machine.read(OpCode::exists, "/a", true).watch->table, WatchTableKind::data);
    EXPECT_EQ(machine.read(OpCode::get_children, "/a", true).watch->table, WatchTableKind::child);
    EXPECT_EQ(machine.read(OpCode::get_children2, "/a", true).watch->path, "/a");
    EXPECT_FALSE(machine.read(OpCode::get_data, "/a", false).watch);
}

TEST(Reads, of_a_missing_znode_set_a_watch_only_for_exists) {
    const Machine machine;

    const auto missing = machine.read(OpCode::exists, "/a", true);

    EXPECT_EQ(missing.error, Errc::no_node);
    EXPECT_TRUE(missing.body.empty());
    ASSERT_TRUE(missing.watch);
    EXPECT_EQ(missing.watch->path, "/a");
    EXPECT_FALSE(machine.read(OpCode::get_data, "/a", true).watch);
    EXPECT_FALSE(machine.read(OpCode::get_children, "/a", true).watch);
}

TEST(Reads, that_are_denied_say_so_and_set_no_watch) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, "secret", only_ten);

    for (const auto op :
         {OpCode::exists, OpCode::get_data, OpCode::get_children, OpCode::get_children2}) {
        const auto denied = machine.read(op, "/a", true);
        EXPECT_EQ(denied.error, Errc::no_auth);
        EXPECT_TRUE(denied.body.empty());
        EXPECT_FALSE(denied.watch);
    }
    EXPECT_EQ(machine.read_path(OpCode::get_acl, "/a").error, Errc::no_auth);
    EXPECT_EQ(machine.read_path(OpCode::get_all_children_number, "/a").error, Errc::no_auth);
}

TEST(Reads, names_children_in_the_order_of_their_creation) {
    Machine machine;
    machine.create("/p");
    for (const auto path : {"/p/z", "/p/a", "/p/m"}) machine.create(path);

    EXPECT_EQ(machine.children("/p"), (std::vector<std::string>{"z", "a", "m"}));
    machine.remove("/p/a");
    EXPECT_EQ(machine.children("/p"), (std::vector<std::string>{"z", "m"}));
    const auto both = machine.read(OpCode::get_children2, "/p");
    Decoder in(both.body);
    EXPECT_EQ(in.strings().size(), 2U);
    EXPECT_EQ(in.stat(), machine.stat("/p"));
}

TEST(Reads, the_empty_path_is_the_root_and_other_paths_are_taken_as_they_are) {
    const Machine machine;

    EXPECT_EQ(machine.read(OpCode::get_data, "").body, machine.read(OpCode::get_data, "/").body);
    EXPECT_EQ(machine.children(""), std::vector<std::string>{"zookeeper"});
    for (const auto path : {"zookeeper", "/zookeeper/", "//"}) {
        EXPECT_EQ(machine.read(OpCode::get_data, path).error, Errc::no_node) << path;
    }
    EXPECT_EQ(machine.read(OpCode::exists, std::string_view("/a\0", 3)).error, Errc::bad_arguments);
}

TEST(Reads, show_the_hashes_of_an_acl_only_to_who_administers_it) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, "", digest_reads);

    const auto masked = machine.read_path(OpCode::get_acl, "/a");
    machine.ids.push_back({"digest", "u:hash"});
    const auto whole = machine.read_path(OpCode::get_acl, "/a");

    EXPECT_EQ(Decoder(masked.body).acl()->at(1).id.id, "u:x");
    EXPECT_EQ(Decoder(whole.body).acl(), digest_reads);
}

TEST(Reads, count_everything_below_a_znode) {
    Machine machine;
    for (const auto path : {"/a", "/a/b", "/a/b/c", "/a/d", "/e"}) machine.create(path);
    const auto count = [&](std::string_view path) {
        return Decoder(machine.read_path(OpCode::get_all_children_number, path).body).int32();
    };

    EXPECT_EQ(count("/a"), 3);
    EXPECT_EQ(count("/e"), 0);
    EXPECT_EQ(count("/"), 8);
    machine.remove("/a/b/c");
    EXPECT_EQ(count("/a"), 2);
    machine.apply(OpCode::multi,
                  MultiBody().remove("/a/b").create("/a/x").create("/a/x/y").remove("/no").done());
    EXPECT_EQ(count("/a"), 2);
    EXPECT_EQ(count("/"), 7);
}

TEST(Reads, list_this_sessions_ephemerals_below_a_prefix) {
    Machine machine;
    machine.open(bob);
    for (const auto path : {"/b", "/ab", "/abc", "/ac"})
        machine.create(path, CreateMode::ephemeral);
    machine.session = bob;
    machine.create("/abob", CreateMode::ephemeral);
    machine.session = alice;
    const auto list = [&](std::string_view prefix) {
        const auto found = machine.read_path(OpCode::get_ephemerals, prefix);
        Decoder in(found.body);
        const auto paths = in.strings();
        return std::vector<std::string>(paths.begin(), paths.end());
    };

    EXPECT_EQ(list("/ab"), (std::vector<std::string>{"/ab", "/abc"}));
    EXPECT_EQ(list("/").size(), 4U);
    EXPECT_EQ(list(" ").size(), 4U);
    EXPECT_TRUE(list("/x").empty());
}

TEST(Reads, many_in_one_fail_each_for_itself) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, "data");
    machine.create("/a/b", CreateMode::persistent, "", only_ten);
    const auto body = MultiBody()
                          .read(OpCode::get_data, "/a")
                          .read(OpCode::get_data, "/none")
                          .read(OpCode::get_children, "/a")
                          .read(OpCode::get_children, "/a/b")
                          .done();

    const auto all = machine.tree.read(OpCode::multi_read, body, alice, {});

    EXPECT_EQ(all.error, Errc::ok);
    EXPECT_FALSE(all.watch);
    Decoder in(all.body);
    EXPECT_EQ(MultiHeader::decode(in).op, OpCode::get_data);
    EXPECT_EQ(in.buffer(), "data");
    EXPECT_EQ(in.stat(), machine.stat("/a"));
    EXPECT_EQ(MultiHeader::decode(in).error, -101);
    EXPECT_EQ(in.int32(), -101);
    EXPECT_EQ(MultiHeader::decode(in).op, OpCode::get_children);
    EXPECT_EQ(in.strings(), std::vector<std::string_view>{"b"});
    EXPECT_EQ(MultiHeader::decode(in).error, -102);
    EXPECT_EQ(in.int32(), -102);
    EXPECT_TRUE(MultiHeader::decode(in).done);
    EXPECT_TRUE(in.rest().empty() && !in.failed());
}

TEST(Reads, malformed_requests_are_answered_as_such) {
    const Machine machine;
    for (const auto op : {OpCode::exists,
                          OpCode::get_data,
                          OpCode::get_children,
                          OpCode::get_acl,
                          OpCode::get_ephemerals,
                          OpCode::multi_read}) {
        EXPECT_EQ(machine.tree.read(op, "\0", alice, {}).error, Errc::marshalling_error);
    }
    EXPECT_EQ(machine.tree
                  .read(OpCode::multi_read, MultiBody().read(OpCode::exists, "/").done(), alice, {})
                  .error,
              Errc::marshalling_error);
    EXPECT_EQ(machine.tree.read(OpCode::ping, "", alice, {}).error, Errc::unimplemented);
}

TEST(Reads, many_large_ones_in_one_are_refused) {
    Machine machine;
    machine.create("/a", CreateMode::persistent, std::string(1'000'000, 'd'));
    const auto reads = [&](int count) {
        MultiBody body;
        for (int i = 0; i < count; ++i) body.read(OpCode::get_data, "/a");
        return machine.tree.read(OpCode::multi_read, body.done(), alice, {});
    };

    EXPECT_EQ(reads(16).error, Errc::ok);
    const auto refused = reads(40);
    EXPECT_EQ(refused.error, Errc::throttled_op);
    EXPECT_TRUE(refused.body.empty());
}

}  // namespace
}  // namespace coord
