#include "coord/tree/snapshot_cut.hpp"

#include "coord/tree/data_tree.hpp"
#include "tests/support/random_writes.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace coord {
namespace {

TEST(SnapshotCut, visits_the_tree_of_the_cut_whatever_happens_meanwhile) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    RandomWrites writes(seed);
    for (int round = 0; round < 60; ++round) {
        Machine machine;
        for (int i = 0; i < 150; ++i) writes.write(machine);
        for (int again = 0; again < 3; ++again) {
            const auto expected = machine.snapshot();

            std::string bytes;
            const auto cut = machine.tree.cut_snapshot();
            const auto slice = 1 + writes.below(7);
            while (cut(bytes, slice)) {
                for (auto left = writes.below(8); left > 0; --left) writes.write(machine);
            }

            ASSERT_EQ(to_hex(bytes), to_hex(expected)) << round;
        }
    }
}

TEST(SnapshotCut, dropped_halfway_leaves_the_tree_as_if_it_had_never_been) {
    const auto seed = seed_of_this_run();
    SCOPED_TRACE("SEED=" + std::to_string(seed));
    RandomWrites writes(seed);
    RandomWrites same_writes(seed);
    Machine cut_often;
    Machine never_cut;
    for (int round = 0; round < 100; ++round) {
        {
            std::string bytes;
            const auto cut = cut_often.tree.cut_snapshot();
            cut(bytes, static_cast<std::size_t>(round % 5));
            for (int i = 0; i < 10; ++i) writes.write(cut_often);
        }
        for (int i = 0; i < 10; ++i) same_writes.write(never_cut);
    }

    EXPECT_EQ(to_hex(cut_often.snapshot()), to_hex(never_cut.snapshot()));
}

struct Tree {
    SessionTable sessions;
    DataTree tree{sessions};

    NodeId create(NodeId parent, std::string_view path, std::int64_t zxid) {
        const auto id = tree.create({parent, path, "old", 0, open_acl_unsafe}, Zxid{zxid}, 0);
        tree.commit();
        return id;
    }
};

TEST(SnapshotCut, keeps_only_what_changed_before_it_came_by) {
    Tree tree;
    const auto a = tree.create(ZnodeStore::root, "/a", 1);
    const auto b = tree.create(a, "/a/b", 2);
    const auto cut = tree.tree.cut(Zxid{2});
    ASSERT_TRUE(cut->visit());  // the root
    ASSERT_TRUE(cut->visit());  // a

    tree.tree.set_data(a, "seen already", Zxid{3}, 0);
    tree.tree.commit();
    EXPECT_EQ(cut->kept(), 0U);
    tree.tree.set_data(b, "new", Zxid{4}, 0);
    tree.tree.commit();
    tree.tree.set_data(b, "newer", Zxid{5}, 0);
    tree.tree.commit();
    EXPECT_EQ(cut->kept(), 1U);

    const auto visit = cut->visit();
    EXPECT_EQ(visit->image.data, "old");
    EXPECT_EQ(visit->image.version, 0);
    EXPECT_EQ(visit->depth, 2U);
    EXPECT_EQ(cut->kept(), 0U);
    EXPECT_FALSE(cut->visit());
}

TEST(SnapshotCut, comes_across_znodes_removed_since_and_not_across_new_ones) {
    Tree tree;
    const auto a = tree.create(ZnodeStore::root, "/a", 1);
    const auto b = tree.create(a, "/a/b", 2);
    const auto cut = tree.tree.cut(Zxid{2});

    tree.tree.remove(b, Zxid{3});
    tree.tree.remove(a, Zxid{3});
    tree.tree.commit();
    tree.create(ZnodeStore::root, "/a", 4);

    std::vector<std::string> names;
    while (const auto visit = cut->visit()) names.emplace_back(visit->image.name);
    EXPECT_EQ(names, (std::vector<std::string>{"", "a", "b"}));
    EXPECT_EQ(tree.tree.znodes().size(), 2U);
}

}  // namespace
}  // namespace coord
