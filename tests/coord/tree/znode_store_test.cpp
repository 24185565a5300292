#include "coord/tree/znode_store.hpp"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace coord {
namespace {

std::vector<std::string> names(const ZnodeStore& store, NodeId id) {
    std::vector<std::string> found;
    store.each_child(id, [&](const Znode& child) { found.emplace_back(child.name()); });
    return found;
}

TEST(ZnodeStore, finds_a_znode_by_its_whole_path_only) {
    ZnodeStore store;
    const auto a = store.add(ZnodeStore::root, "/a", "data");
    const auto b = store.add(a, "/a/b", std::nullopt);

    EXPECT_EQ(store.find("/"), ZnodeStore::root);
    EXPECT_EQ(store.find("/a"), a);
    EXPECT_EQ(store.find("/a/b"), b);
    for (const auto path : {"", "a", "/b", "/a/", "/a/b/", "//a", "/ab", "/a/b/c"}) {
        EXPECT_EQ(store.find(path), NodeId::none) << path;
    }
    EXPECT_EQ(store.path_of(b), "/a/b");
    EXPECT_EQ(store.path_of(ZnodeStore::root), "/");
    EXPECT_EQ(store.path_size(b), 4U);
}

TEST(ZnodeStore, tells_null_data_from_empty) {
    ZnodeStore store;
    const auto null = store.add(ZnodeStore::root, "/n", std::nullopt);
    const auto empty = store.add(ZnodeStore::root, "/e", "");

    EXPECT_EQ(store[null].data(), std::nullopt);
    EXPECT_EQ(store[empty].data(), "");
    store.replace_data(null, "now");
    store.replace_data(empty, std::nullopt);
    EXPECT_EQ(store[null].data(), "now");
    EXPECT_EQ(store[null].name(), "n");
    EXPECT_EQ(store[empty].data(), std::nullopt);
}

TEST(ZnodeStore, has_children_in_the_order_of_their_creation) {
    ZnodeStore store;
    for (const auto path : {"/z", "/a", "/m"}) store.add(ZnodeStore::root, path, "");

    EXPECT_EQ(names(store, ZnodeStore::root), (std::vector<std::string>{"z", "a", "m"}));
}

TEST(ZnodeStore, a_removed_znode_can_come_back_to_its_place) {
    ZnodeStore store;
    store.add(ZnodeStore::root, "/a", "");
    const auto b = store.add(ZnodeStore::root, "/b", "");
    store.add(ZnodeStore::root, "/c", "");

    store.remove_from_index(b);
    EXPECT_EQ(store.find("/b"), NodeId::none);
    EXPECT_EQ(names(store, ZnodeStore::root), (std::vector<std::string>{"a", "c"}));

    store.return_to_index(b);
    EXPECT_EQ(store.find("/b"), b);
    EXPECT_EQ(names(store, ZnodeStore::root), (std::vector<std::string>{"a", "b", "c"}));
}

TEST(ZnodeStore, uses_the_place_of_a_freed_znode_again) {
    ZnodeStore store;
    const auto a = store.add(ZnodeStore::root, "/a", "old");
    store.remove_from_index(a);
    store.free(a);

    const auto b = store.add(ZnodeStore::root, "/b", std::nullopt);

    EXPECT_EQ(b, a);
    EXPECT_EQ(store[b].data(), std::nullopt);
    EXPECT_EQ(names(store, ZnodeStore::root), (std::vector<std::string>{"b"}));
    EXPECT_EQ(store.size(), 2U);
}

TEST(ZnodeStore, walks_below_a_znode_parents_first_past_the_removed) {
    ZnodeStore store;
    const auto a = store.add(ZnodeStore::root, "/a", "");
    const auto gone = store.add(a, "/a/gone", "");
    const auto b = store.add(a, "/a/b", "");
    store.add(b, "/a/b/c", "");
    store.add(ZnodeStore::root, "/outside", "");
    store.remove_from_index(gone);

    std::vector<std::string> paths;
    for (auto id = store.next_below(a, a); id != NodeId::none; id = store.next_below(a, id)) {
        paths.push_back(store.path_of(id));
    }

    EXPECT_EQ(paths, (std::vector<std::string>{"/a/b", "/a/b/c"}));
    EXPECT_EQ(store.next_below(b, store.find("/a/b/c")), NodeId::none);
}

TEST(ZnodeStore, finds_everything_while_the_index_grows_and_shrinks) {
    ZnodeStore store;
    const auto path = [](int i) { return "/n" + std::to_string(i); };
    for (int i = 0; i < 3000; ++i) {
        store.add(ZnodeStore::root, path(i), "");
        if (i % 97 != 0) continue;
        for (int j = 0; j <= i; ++j) ASSERT_NE(store.find(path(j)), NodeId::none) << j << " " << i;
    }

    for (int i = 0; i < 3000; i += 2) {
        const auto id = store.find(path(i));
        store.remove_from_index(id);
        store.free(id);
    }

    for (int i = 0; i < 3000; ++i) EXPECT_EQ(store.find(path(i)) == NodeId::none, i % 2 == 0) << i;
    EXPECT_EQ(store.size(), 1501U);
}

}  // namespace
}  // namespace coord
