#include "coord/server/watch_table.hpp"

#include "coord/server/conversation.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace coord {
namespace {

Event changed(std::string path) {
    return {EventType::node_data_changed, std::move(path), true, false};
}
Event created(std::string path) { return {EventType::node_created, std::move(path), true, false}; }
Event deleted(std::string path) { return {EventType::node_deleted, std::move(path), true, true}; }
Event children(std::string path) {
    return {EventType::node_children_changed, std::move(path), false, true};
}

struct WatchTableTest : testing::Test {
    using Watchers = std::vector<WatchTable::Watcher>;

    Watchers fire(const Event& event) {
        auto told = table.fire(event);
        std::sort(told.begin(), told.end(), std::less<>{});
        return told;
    }
    Watchers both() {
        Watchers all{&a, &b};
        std::sort(all.begin(), all.end(), std::less<>{});
        return all;
    }

    Conversation a;
    Conversation b;
    WatchTable table;
};

TEST_F(WatchTableTest, a_one_shot_watch_fires_once) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&a, "/x", WatchTableKind::data);

    EXPECT_EQ(fire(changed("/x")), Watchers{&a});
    EXPECT_EQ(fire(changed("/x")), Watchers{});
    EXPECT_EQ(table.watch_count(), 0U);
    EXPECT_EQ(table.watcher_count(), 0U);
}

TEST_F(WatchTableTest, data_and_child_watches_hear_of_their_own_changes_only) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&b, "/x", WatchTableKind::child);

    EXPECT_EQ(fire(children("/x")), Watchers{&b});
    EXPECT_EQ(fire(changed("/x")), Watchers{&a});
}

TEST_F(WatchTableTest, a_deletion_is_told_once_to_who_watches_data_and_children) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&a, "/x", WatchTableKind::child);
    table.watch(&b, "/x", WatchTableKind::child);

    EXPECT_EQ(fire(deleted("/x")), both());
    EXPECT_EQ(table.watch_count(), 0U);
}

TEST_F(WatchTableTest, a_persistent_watch_hears_of_the_znode_and_its_children_again_and_again) {
    table.watch(&a, "/x", WatchMode::persistent);

    for (int i = 0; i < 2; ++i) {
        EXPECT_EQ(fire(changed("/x")), Watchers{&a});
        EXPECT_EQ(fire(children("/x")), Watchers{&a});
        EXPECT_EQ(fire(created("/x/child")), Watchers{});
    }
}

TEST_F(WatchTableTest, a_recursive_watch_hears_of_every_descendant_but_not_of_child_lists) {
    table.watch(&a, "/x", WatchMode::persistent_recursive);

    EXPECT_EQ(fire(created("/x/y/z")), Watchers{&a});
    EXPECT_EQ(fire(changed("/x")), Watchers{&a});
    EXPECT_EQ(fire(deleted("/x/y/z")), Watchers{&a});
    EXPECT_EQ(fire(children("/x")), Watchers{});
    EXPECT_EQ(fire(children("/x/y")), Watchers{});
    EXPECT_EQ(fire(changed("/xy")), Watchers{});
}

TEST_F(WatchTableTest, a_recursive_watch_on_the_root_hears_of_everything) {
    table.watch(&a, "/", WatchMode::persistent_recursive);

    EXPECT_EQ(fire(created("/x")), Watchers{&a});
    EXPECT_EQ(fire(created("/x/y")), Watchers{&a});
    EXPECT_EQ(fire(changed("/")), Watchers{&a});
}

TEST_F(WatchTableTest, who_watches_on_several_levels_hears_of_a_change_once) {
    table.watch(&a, "/", WatchMode::persistent_recursive);
    table.watch(&a, "/x", WatchMode::persistent_recursive);
    table.watch(&a, "/x/y", WatchTableKind::data);
    table.watch(&b, "/x", WatchMode::persistent_recursive);

    EXPECT_EQ(fire(changed("/x/y")), both());
}

TEST_F(WatchTableTest, modes_coexist_on_a_path) {
    table.watch(&a, "/x", WatchMode::persistent);
    table.watch(&a, "/x", WatchMode::persistent_recursive);
    table.watch(&a, "/x", WatchTableKind::data);
    EXPECT_EQ(table.watch_count(), 3U);

    EXPECT_EQ(fire(changed("/x")), Watchers{&a});
    EXPECT_EQ(table.watch_count(), 2U);
    EXPECT_TRUE(table.remove(&a, "/x", WatcherType::persistent_recursive));
    EXPECT_EQ(fire(created("/x/y")), Watchers{});
    EXPECT_EQ(fire(children("/x")), Watchers{&a});
}

TEST_F(WatchTableTest, removal_selects_by_type_and_says_whether_there_was_one) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&a, "/x", WatchTableKind::child);

    EXPECT_FALSE(table.has(&a, "/x", WatcherType::persistent));
    EXPECT_FALSE(table.remove(&a, "/y", WatcherType::any));
    EXPECT_FALSE(table.remove(&b, "/x", WatcherType::any));
    EXPECT_TRUE(table.remove(&a, "/x", WatcherType::children));
    EXPECT_TRUE(table.has(&a, "/x", WatcherType::data));
    EXPECT_TRUE(table.remove(&a, "/x", WatcherType::any));
    EXPECT_FALSE(table.has(&a, "/x", WatcherType::any));
    EXPECT_EQ(table.watcher_count(), 0U);
}

TEST_F(WatchTableTest, a_watcher_that_is_gone_is_forgotten_everywhere) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&a, "/y", WatchMode::persistent_recursive);
    table.watch(&b, "/x", WatchTableKind::data);
    EXPECT_EQ(table.load_of(&a).paths, 2U);

    table.forget(&a);

    EXPECT_EQ(table.load_of(&a).paths, 0U);
    EXPECT_EQ(table.load_of(&a).bytes, 0U);
    EXPECT_EQ(fire(changed("/x")), Watchers{&b});
    EXPECT_EQ(fire(changed("/y")), Watchers{});
    EXPECT_EQ(table.watch_count(), 0U);
}

TEST_F(WatchTableTest, lists_where_each_watcher_hears_of_the_znode_itself) {
    table.watch(&a, "/x", WatchTableKind::data);
    table.watch(&a, "/x", WatchMode::persistent);
    table.watch(&b, "/x", WatchMode::persistent_recursive);
    table.watch(&b, "/y", WatchTableKind::child);

    EXPECT_EQ(table.watcher_count(), 2U);
    EXPECT_EQ(table.data_watches().size(), 2U);
    for (const auto& [watcher, paths] : table.data_watches()) {
        EXPECT_EQ(paths, std::vector<std::string>{"/x"});
    }
    table.forget(&a);
    table.forget(&b);
    EXPECT_TRUE(table.data_watches().empty());
}

}  // namespace
}  // namespace coord
