#include "coord/tree/data_tree.hpp"

#include "tests/support/random_writes.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace coord {
namespace {

struct Tree {
    SessionTable sessions;
    DataTree tree{sessions};

    NodeId create(std::string_view path, std::int64_t zxid, std::int64_t owner = 0) {
        const auto slash = path.rfind('/');
        const auto parent = tree.znodes().find(slash == 0 ? "/" : path.substr(0, slash));
        return tree.create({parent, path, "data", owner, open_acl_unsafe}, Zxid{zxid}, 10 * zxid);
    }
    [[nodiscard]] Stat stat(std::string_view path) const {
        return tree.stat(tree.znodes().find(path));
    }
};

TEST(DataTree, fills_in_the_stat_of_a_new_znode) {
    Tree tree;
    tree.create("/a", 7);
    tree.tree.commit();

    const auto stat = tree.stat("/a");

    EXPECT_EQ(stat.czxid, Zxid{7});
    EXPECT_EQ(stat.mzxid, Zxid{7});
    EXPECT_EQ(stat.pzxid, Zxid{7});
    EXPECT_EQ(stat.ctime, 70);
    EXPECT_EQ(stat.mtime, 70);
    EXPECT_EQ(stat.version + stat.cversion + stat.aversion, 0);
    EXPECT_EQ(stat.data_length, 4);
}

TEST(DataTree, a_parents_cversion_counts_creations_and_removals) {
    Tree tree;
    tree.create("/p", 1);
    for (int i = 0; i < 5; ++i) tree.create("/p/" + std::to_string(i), 2 + i);
    tree.tree.remove(tree.tree.znodes().find("/p/3"), Zxid{9});
    tree.tree.commit();

    EXPECT_EQ(tree.stat("/p").cversion, 6);
    EXPECT_EQ(tree.stat("/p").num_children, 4);
    EXPECT_EQ(tree.stat("/p").pzxid, Zxid{9});
    EXPECT_EQ(tree.stat("/p").mzxid, Zxid{1});
    EXPECT_EQ(tree.stat("/").cversion, 1);
}

TEST(DataTree, owners_that_are_no_sessions_read_as_none) {
    Tree tree;
    tree.sessions.open(SessionId{5}, {}, {});
    tree.create("/e", 1, 5);
    tree.create("/c", 2, static_cast<std::int64_t>(container_owner));
    tree.create("/t", 3, ttl_owner(1000));
    tree.tree.commit();

    EXPECT_EQ(tree.stat("/e").ephemeral_owner, SessionId{5});
    EXPECT_EQ(tree.stat("/c").ephemeral_owner, SessionId{0});
    EXPECT_EQ(tree.stat("/t").ephemeral_owner, SessionId{0});
    EXPECT_EQ(tree.tree.expiring().size(), 2U);
    EXPECT_TRUE(tree.sessions.find(SessionId{5})->ephemerals.contains("/e"));
}

TEST(DataTree, versions_wrap_around) {
    Tree tree;
    ZnodeImage image;
    image.version = std::numeric_limits<std::int32_t>::max();
    image.creates = std::numeric_limits<std::int32_t>::max();
    const auto id = tree.tree.restore(ZnodeStore::root, "/a", image, open_acl_unsafe);

    tree.tree.set_data(id, "x", Zxid{1}, 0);
    tree.create("/a/b", 2);
    tree.tree.commit();

    EXPECT_EQ(tree.stat("/a").version, std::numeric_limits<std::int32_t>::min());
    EXPECT_EQ(tree.tree.znodes().branch(id).creates, std::numeric_limits<std::int32_t>::min());
}

TEST(DataTree, rolling_back_leaves_no_trace) {
    Tree tree;
    const auto a = tree.create("/a", 1);
    const auto b = tree.create("/a/b", 2);
    tree.create("/a/c", 2);
    tree.tree.commit();
    const auto stat_a = tree.stat("/a");
    const auto stat_b = tree.stat("/a/b");
    const auto bytes = tree.tree.data_bytes();

    tree.create("/a/d", 3);
    tree.tree.set_data(b, std::nullopt, Zxid{3}, 3);
    tree.tree.set_acl(b, {{1, {"ip", "::1"}}});
    tree.tree.remove(b, Zxid{3});
    tree.create("/a/b", 3);
    tree.tree.rollback();

    EXPECT_EQ(tree.stat("/a"), stat_a);
    EXPECT_EQ(tree.stat("/a/b"), stat_b);
    EXPECT_EQ(tree.tree.znodes()[b].data(), "data");
    EXPECT_EQ(tree.tree.acl(b), open_acl_unsafe);
    EXPECT_EQ(tree.tree.data_bytes(), bytes);
    EXPECT_EQ(tree.tree.znodes().find("/a/d"), NodeId::none);
    EXPECT_EQ(tree.tree.znodes().find("/a/b"), b);
    std::vector<std::string> names;
    tree.tree.znodes().each_child(a, [&](const auto& n) { names.emplace_back(n.name()); });
    EXPECT_EQ(names, (std::vector<std::string>{"b", "c"}));
}

TEST(DataTree, a_failed_multi_changes_nothing_in_any_history) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    RandomWrites writes(seed);
    RandomWrites same_writes(seed);
    RandomWrites extra(seed + 1);
    Machine tried;
    Machine untouched;
    for (auto* each : {&tried, &untouched}) each->open(bob);

    for (int round = 0; round < 300; ++round) {
        writes.write(tried);
        same_writes.write(untouched);
        const auto failed = tried.apply(OpCode::multi, extra.multi().check("/none").done());
        untouched.create("");

        EXPECT_TRUE(failed.events.empty());
        ASSERT_EQ(to_hex(tried.snapshot()), to_hex(untouched.snapshot())) << round;
        ASSERT_EQ(tried.tree.data_bytes(), untouched.tree.data_bytes()) << round;
    }
}

}  // namespace
}  // namespace coord
