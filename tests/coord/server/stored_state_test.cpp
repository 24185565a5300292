#include "coord/server/stored_state.hpp"

#include "tests/support/running_core.hpp"

#include <boost/asio/use_future.hpp>
#include <gtest/gtest.h>

#include <fstream>

namespace coord {
namespace {

namespace fs = std::filesystem;

// A core that has run, and a snapshot of it that was saved while it did.
struct StoredStateTest : testing::Test {
    StoredStateTest() {
        core = std::make_unique<RunningCore>(options());
        auto saved = boost::asio::co_spawn(
            core->io(), core->server().save_snapshot(), boost::asio::use_future);
        const auto snapshot = saved.get();
        EXPECT_TRUE(snapshot);
        std::ofstream(file, std::ios::binary) << snapshot.value().read(0, snapshot.value().bytes);
        index = snapshot.value().index;
    }
    ServerOptions options() {
        ServerOptions options;
        options.data_dir = directory.path() / "core";
        return options;
    }

    TemporaryDirectory directory;
    fs::path file = directory.path() / "saved";
    std::uint64_t index = 0;
    std::unique_ptr<RunningCore> core;
};

TEST_F(StoredStateTest, a_saved_snapshot_tells_what_it_holds) {
    const auto found = inspect_snapshot(file);

    EXPECT_EQ(found.index, index);
    ASSERT_EQ(found.servers.size(), 1U);
    EXPECT_EQ(found.servers[0].role, ListedServer::Role::voter);
    EXPECT_GE(found.all.znodes, 2U);
    EXPECT_EQ(found.below.count("/zookeeper"), 1U);
}

TEST_F(StoredStateTest, a_directory_is_looked_at_only_while_nobody_uses_it) {
    EXPECT_THROW(inspect_server(options().data_dir), std::runtime_error);
    core.reset();

    const auto found = inspect_server(options().data_dir);

    EXPECT_NE(found.cluster, 0U);
    EXPECT_GE(found.last_index, index);
    ASSERT_TRUE(found.snapshot);
    EXPECT_EQ(found.snapshot->index, index);
}

TEST_F(StoredStateTest, a_snapshot_is_restored_into_a_place_that_is_free_or_given_up) {
    core.reset();
    const auto old = inspect_server(options().data_dir);

    EXPECT_THROW(restore_server(file, options().data_dir, "local", Overwrite::refuse),
                 std::runtime_error);
    const auto aside = restore_server(file, options().data_dir, "local", Overwrite::set_aside);

    ASSERT_TRUE(aside);
    EXPECT_TRUE(fs::exists(*aside / "meta"));
    const auto fresh = inspect_server(options().data_dir);
    EXPECT_NE(fresh.cluster, old.cluster);
    EXPECT_NE(fresh.member, old.member);
    EXPECT_EQ(fresh.last_index, index + 1) << "the entry that begins anew";
    core = std::make_unique<RunningCore>(options());
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
    while (!core->server().status().serving && std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    EXPECT_TRUE(core->server().status().serving);
}

TEST_F(StoredStateTest, a_damaged_snapshot_is_restored_nowhere) {
    std::fstream damaged(file, std::ios::in | std::ios::out | std::ios::binary);
    damaged.seekp(-10, std::ios::end);
    damaged.put('\x55');
    damaged.close();

    EXPECT_THROW(inspect_snapshot(file), std::runtime_error);
    EXPECT_THROW(restore_server(file, directory.path() / "new", "local", Overwrite::refuse),
                 std::runtime_error);
    EXPECT_FALSE(fs::exists(directory.path() / "new"));
}

TEST_F(StoredStateTest, a_server_that_is_recovered_has_another_cluster) {
    core.reset();
    const auto before = inspect_server(options().data_dir);

    const auto kept = recover_server(options().data_dir);

    EXPECT_TRUE(fs::exists(kept / "cluster"));
    EXPECT_NE(inspect_server(options().data_dir).cluster, before.cluster);
    EXPECT_EQ(inspect_server(options().data_dir).last_index, before.last_index + 2)
        << "that it is alone, and that it begins anew";
}

}  // namespace
}  // namespace coord
