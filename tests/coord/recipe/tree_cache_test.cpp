#include "coord/recipe/tree_cache.hpp"

#include "tests/support/faulty_link.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/scripted_server.hpp"
#include "tests/support/test_ensemble.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <iostream>
#include <random>
#include <set>

namespace coord {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

// What a user of the cache would hold, and a check of every promise that the header makes.
class Mirror {
public:
    TreeCacheCallbacks callbacks() {
        TreeCacheCallbacks functions;
        functions.put = [this](const CachedZnode& znode) { put(znode); };
        functions.removed = [this](std::string_view path, Zxid zxid) { remove(path, zxid); };
        functions.settled = [this](Zxid zxid, bool synced) { settle(zxid, synced); };
        return functions;
    }

    [[nodiscard]] std::map<std::string, std::string> znodes() const {
        std::map<std::string, std::string> all;
        for (const auto& [path, znode] : znodes_) all[path] = znode.data;
        return all;
    }

    std::vector<std::string> told;  // since somebody cleared it
    std::size_t settled = 0;
    std::vector<std::pair<Zxid, std::size_t>>
        steps;  // each settled's zxid, and what was told by then
    Zxid settled_at{};

private:
    void put(const CachedZnode& znode) {
        const auto before = znodes_.find(znode.path);
        if (before != znodes_.end()) {
            EXPECT_LE(before->second.stat.czxid, znode.stat.czxid) << znode.path;
            EXPECT_LT(before->second.stat.mzxid, znode.stat.mzxid) << znode.path << " told twice";
        }
        EXPECT_EQ(static_cast<std::size_t>(znode.stat.data_length), znode.data.size());
        znodes_[znode.path] = znode;
        told.push_back("put " + znode.path);
    }
    void remove(std::string_view path, Zxid at) {
        const auto before = znodes_.find(std::string(path));
        ASSERT_NE(before, znodes_.end()) << path << " was never there";
        EXPECT_GT(at, before->second.stat.mzxid) << path;
        znodes_.erase(before);
        told.push_back("removed " + std::string(path));
    }
    void settle(Zxid at, bool synced) {
        EXPECT_GE(at, settled_at);
        EXPECT_TRUE(synced);
        settled_at = at;
        ++settled;
        steps.emplace_back(at, told.size());
    }

    std::map<std::string, CachedZnode> znodes_;
};

TEST(TreeCache, begins_again_when_the_server_refuses_for_now) {
    boost::asio::io_context io;
    ScriptedServer server(io);
    ClientOptions options;
    options.connect = server.address();
    Client client(io, options);
    Mirror mirror;
    TreeCache cache(client, "/root", 1, mirror.callbacks());
    cache.start();
    client.start();
    (void)server.await_connect();
    server.accept_session(SessionId{1});
    const auto refused = server.await_request();
    ASSERT_EQ(refused.op, OpCode::add_watch);

    server.reply(refused.xid, Zxid{1}, static_cast<std::int32_t>(Errc::throttled_op));

    EXPECT_EQ(server.await_request().op, OpCode::add_watch);
    EXPECT_FALSE(cache.synced());
}

class TreeCacheTest : public EnsembleTest {
protected:
    void SetUp() override {
        EnsembleTest::SetUp();
        if (IsSkipped()) return;
        link = std::make_unique<FaultyLink>(io, ensemble->port());
        root = path_of_test();
        writer = open(ensemble->address());
        watcher = open(link->address());
    }

    std::unique_ptr<Client> open(const std::string& connect) {
        ClientOptions options;
        options.connect = connect;
        options.session_timeout = milliseconds(4000);
        auto opened = std::make_unique<Client>(io, options);
        opened->start();
        return opened;
    }

    void follow(std::size_t depth) {
        cache =
            std::make_unique<TreeCache>(*watcher, root, depth, mirror.callbacks(), Removals::dated);
        cache->start();
    }
    void await_synced() {
        ASSERT_TRUE(run_until(io, [&] { return cache->synced(); }));
    }
    // Until the cache has told what is there now.
    void await_reached() {
        ASSERT_TRUE(run_task(io, writer->sync(root)));
        ASSERT_TRUE(run_task(io, cache->reached(writer->last_zxid(), test_patience)));
    }

    void create(const std::string& path, const std::string& data = "") {
        ASSERT_TRUE(run_task(io, writer->create(root + path, data, CreateMode::persistent)));
    }
    void set(const std::string& path, const std::string& data) {
        ASSERT_TRUE(run_task(io, writer->set_data(root + path, data)));
    }
    void remove(const std::string& path) { ASSERT_TRUE(run_task(io, writer->remove(root + path))); }

    // The subtree as the ensemble has it, read one by one.
    Task<void> read(std::string path, std::size_t depth, std::map<std::string, std::string>& out) {
        const auto children = co_await writer->get_children(path);
        if (!children || depth == 0) co_return;
        for (const auto& name : children->names) {
            const auto child = path + "/" + name;
            const auto data = co_await writer->get_data(child);
            if (data) out[child] = data->data;
            co_await read(child, depth - 1, out);
        }
    }
    std::map<std::string, std::string> truth(std::size_t depth) {
        std::map<std::string, std::string> out;
        run_task(io, read(root, depth, out));
        return out;
    }

    boost::asio::io_context io;
    std::unique_ptr<FaultyLink> link;
    std::unique_ptr<Client> writer;
    std::unique_ptr<Client> watcher;
    std::string root;
    Mirror mirror;
    std::unique_ptr<TreeCache> cache;
};

INSTANTIATE_TEST_SUITE_P(Ensemble, TreeCacheTest, testing::Values(Oracle::apache));
INSTANTIATE_TEST_SUITE_P(Core, TreeCacheTest, testing::Values(Oracle::core));

TEST_P(TreeCacheTest, creates_its_root_and_is_synced_with_nothing) {
    root += "/deep/er";
    follow(2);

    await_synced();

    EXPECT_EQ(cache->size(), 0U);
    EXPECT_EQ(mirror.settled, 1U);
    EXPECT_TRUE(run_task(io, writer->exists(root)));
}

TEST_P(TreeCacheTest, tells_what_is_there_in_one_step_parents_first) {
    create("");
    create("/a", "1");
    create("/a/x", "2");
    create("/b", "3");

    follow(2);
    await_synced();

    EXPECT_THAT(
        mirror.znodes(),
        ElementsAre(Pair(root + "/a", "1"), Pair(root + "/a/x", "2"), Pair(root + "/b", "3")));
    EXPECT_EQ(mirror.told.back(), "put " + root + "/a/x");
    EXPECT_EQ(mirror.settled, 1U);
    EXPECT_EQ(cache->size(), 3U);
}

TEST_P(TreeCacheTest, tells_creation_change_and_removal) {
    follow(2);
    await_synced();

    create("/a", "1");
    create("/a/x", "2");
    await_reached();
    set("/a/x", "3");
    await_reached();
    remove("/a/x");
    await_reached();

    EXPECT_THAT(mirror.told,
                ElementsAre("put " + root + "/a",
                            "put " + root + "/a/x",
                            "put " + root + "/a/x",
                            "removed " + root + "/a/x"));
    EXPECT_THAT(mirror.znodes(), ElementsAre(Pair(root + "/a", "1")));
}

TEST_P(TreeCacheTest, settles_at_the_zxid_of_a_multi_only_when_all_of_it_is_told) {
    follow(2);
    await_synced();
    std::vector<Op> ops;
    for (int i = 0; i < 20; ++i) ops.push_back(CreateOp{root + "/" + std::to_string(i), "1"});

    ASSERT_EQ(run_task(io, writer->multi(ops)).value().first_error(), Errc::ok);
    const auto zxid = writer->last_zxid();
    await_reached();

    for (const auto& [settled_at, told] : mirror.steps) {
        EXPECT_TRUE(settled_at < zxid || told == 20) << told;
    }
    EXPECT_GE(mirror.settled_at, zxid);
    EXPECT_EQ(mirror.told.size(), 20U);
}

TEST_P(TreeCacheTest, dates_its_last_change_as_one_does_who_reads_only_now) {
    follow(2);
    await_synced();
    for (const auto* path : {"/a", "/a/x", "/a/y", "/b", "/b/z"}) create(path);
    set("/a/y", "1");
    const auto dated = [&](auto change) {
        change();
        const auto zxid = writer->last_zxid();
        run_task(io, writer->create(root + "-elsewhere", "", CreateMode::ephemeral)).value();
        run_task(io, writer->remove(root + "-elsewhere")).value();
        await_reached();
        const auto late = open(ensemble->address());
        TreeCache fresh(*late, root, 2, {}, Removals::dated);
        fresh.start();
        EXPECT_TRUE(run_until(io, [&] { return fresh.synced() && fresh.idle(); }));
        EXPECT_EQ(fresh.changed_at(), zxid);
        fresh.stop();
        EXPECT_TRUE(run_until(io, [&] { return cache->idle(); }));
        return cache->changed_at() == zxid;
    };

    EXPECT_TRUE(dated([&] { remove("/a/x"); })) << "a removal is in its parent's stat";
    EXPECT_TRUE(dated([&] { set("/b/z", "2"); }));
    EXPECT_TRUE(dated([&] { remove("/b/z"); }));
    EXPECT_TRUE(dated([&] { remove("/b"); })) << "as that of a parent is in the root's";
    EXPECT_TRUE(dated([&] { create("/c"); }));
}

TEST_P(TreeCacheTest, ignores_what_is_below_its_depth) {
    create("");
    create("/a", "1");
    create("/a/x", "2");
    follow(1);
    await_synced();

    set("/a/x", "3");
    create("/a/y", "4");
    create("/b", "5");
    await_reached();

    EXPECT_THAT(mirror.told, ElementsAre("put " + root + "/a", "put " + root + "/b"));
}

TEST_P(TreeCacheTest, tells_what_changed_while_it_was_cut_off_and_nothing_else) {
    for (const auto* path : {"", "/same", "/changed", "/gone", "/gone/x", "/again"}) create(path);
    follow(2);
    await_synced();
    link->set_open(false);
    link->cut();
    ASSERT_TRUE(run_until(io, [&] { return watcher->state() != SessionState::connected; }));
    mirror.told.clear();

    set("/changed", "x");
    remove("/gone/x");
    remove("/gone");
    remove("/again");
    create("/again");
    create("/new");
    link->set_open(true);
    await_reached();

    EXPECT_THAT(mirror.told,
                testing::UnorderedElementsAre("put " + root + "/changed",
                                              "put " + root + "/again",
                                              "put " + root + "/new",
                                              "removed " + root + "/gone/x",
                                              "removed " + root + "/gone"));
    EXPECT_TRUE(cache->synced());
}

TEST_P(TreeCacheTest, goes_on_with_a_new_session_after_expiry) {
    create("");
    create("/a");
    follow(1);
    await_synced();
    const auto before = watcher->session();
    ClientOptions thief;
    thief.connect = ensemble->address();
    thief.resume = before;
    link->set_open(false);
    link->cut();
    ASSERT_TRUE(run_until(io, [&] { return watcher->state() != SessionState::connected; }));
    Client ender(io, thief);
    ender.start();
    run_task(io, ender.close(test_patience));
    create("/b");

    link->set_open(true);
    await_reached();
    create("/c");
    await_reached();

    EXPECT_NE(watcher->session().id, before.id);
    EXPECT_THAT(mirror.told,
                ElementsAre("put " + root + "/a", "put " + root + "/b", "put " + root + "/c"));
}

TEST_P(TreeCacheTest, makes_its_root_again_when_somebody_removes_it) {
    follow(2);
    await_synced();
    create("/a");
    create("/a/x");
    await_reached();

    remove("/a/x");
    remove("/a");
    remove("");
    ASSERT_TRUE(run_until(io, [&] { return mirror.znodes().empty(); }));
    ASSERT_TRUE(run_until(io, [&] { return run_task(io, writer->exists(root)).has_value(); }));
    create("/b");
    await_reached();

    EXPECT_THAT(mirror.znodes(), ElementsAre(Pair(root + "/b", "")));
}

TEST_P(TreeCacheTest, reaches_a_write_that_no_event_tells_of) {
    follow(1);
    await_synced();
    const auto elsewhere =
        run_task(io, writer->create(root + "-elsewhere", "", CreateMode::persistent));

    const auto reached = run_task(io, cache->reached(elsewhere.value().stat.czxid, test_patience));

    EXPECT_TRUE(reached);
}

TEST_P(TreeCacheTest, gives_up_reaching_after_its_patience) {
    follow(1);
    await_synced();

    const auto reached = run_task(
        io, cache->reached(Zxid{std::numeric_limits<std::int64_t>::max()}, milliseconds(20)));

    EXPECT_EQ(reached.error(), Errc::operation_timeout);
}

TEST_P(TreeCacheTest, reads_in_smaller_pieces_when_a_reply_is_too_large) {
    create("");
    for (int i = 0; i < 40; ++i) create("/" + std::to_string(i), std::string(4000, 'x'));
    ClientOptions options;
    options.connect = ensemble->address();
    options.frame_bytes_max = 20000;
    watcher = std::make_unique<Client>(io, options);
    watcher->start();

    follow(1);
    await_synced();

    EXPECT_EQ(cache->size(), 40U);
}

TEST_P(TreeCacheTest, reads_in_smaller_pieces_when_the_server_refuses_to_send_so_much) {
    create("");
    for (int i = 0; i < 20; ++i) create("/" + std::to_string(i), std::string(900'000, 'x'));
    ClientOptions options;
    options.connect = ensemble->address();
    options.frame_bytes_max = std::size_t{64} << 20U;
    watcher = std::make_unique<Client>(io, options);
    watcher->start();

    follow(1);
    await_synced();

    EXPECT_EQ(cache->size(), 20U);
    EXPECT_EQ(watcher->state(), SessionState::connected);
}

TEST_P(TreeCacheTest, tells_nothing_after_it_is_stopped) {
    follow(1);
    await_synced();
    cache->stop();

    create("/a");
    ASSERT_TRUE(run_task(io, watcher->sync(root)));

    EXPECT_THAT(mirror.told, IsEmpty());
}

TEST_P(TreeCacheTest, may_be_destroyed_while_it_reads) {
    create("");
    for (int i = 0; i < 300; ++i) create("/" + std::to_string(i), std::string(1000, 'x'));
    follow(1);
    ASSERT_TRUE(run_until(io, [&] { return !mirror.told.empty(); }));
    const auto told = mirror.told.size();

    cache.reset();
    ASSERT_TRUE(run_task(io, watcher->sync(root)));

    EXPECT_EQ(mirror.told.size(), told);
    EXPECT_EQ(mirror.settled, 0U);
}

// Random writes by one client, while another follows through a link that is cut at random.
class Churn {
public:
    Churn(Client& client, std::string root, std::uint64_t seed)
        : client_(client), root_(std::move(root)), random_(seed) {}

    Task<void> run(std::size_t operations) {
        for (std::size_t i = 0; i < operations; ++i) co_await step();
        done = true;
    }

    std::size_t cut_at(std::size_t bytes) { return random_() % bytes; }
    bool done = false;

private:
    Task<void> step() {
        auto path = root_ + "/" + std::to_string(random_() % 8);
        if (random_() % 3 != 0) path += "/" + std::to_string(random_() % 8);
        switch (random_() % 4) {
            case 0: (void)co_await client_.remove(path); break;
            case 1: (void)co_await client_.set_data(path, std::to_string(random_())); break;
            case 2: co_await remove_below(path); break;
            default: (void)co_await client_.create(path, "new", CreateMode::persistent);
        }
    }
    Task<void> remove_below(std::string path) {
        const auto children = co_await client_.get_children(path);
        if (!children) co_return;
        std::vector<Op> ops;
        for (const auto& name : children->names) ops.push_back(RemoveOp{path + "/" + name});
        ops.push_back(RemoveOp{path});
        (void)co_await client_.multi(ops);
    }

    Client& client_;
    std::string root_;
    std::mt19937_64 random_;
};

std::uint64_t seed() {
    const auto* given = std::getenv("SEED");
    const auto chosen =
        given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
    std::cout << "SEED=" << chosen << "\n";
    return chosen;
}

TEST_P(TreeCacheTest, equals_the_tree_after_churn_over_a_link_that_breaks) {
    create("");
    Churn churn(*writer, root, seed());
    follow(2);

    spawn(io, "churn", churn.run(1000));
    for (int cuts = 0; cuts < 10 && !churn.done; ++cuts) {
        const auto accepted = link->accepted();
        link->cut_after(churn.cut_at(20000));
        (void)run_until(io, [&] { return churn.done || link->accepted() > accepted; });
    }
    // Every write waits for the disk, which may be busy.
    ASSERT_TRUE(run_until(
        io, [&] { return churn.done; }, std::chrono::minutes(2)));
    await_reached();

    EXPECT_GT(link->accepted(), 1U);
    EXPECT_EQ(mirror.znodes(), truth(2));
    EXPECT_EQ(mirror.znodes().size(), cache->size());
}

TEST_P(TreeCacheTest, follows_ten_thousand_instances_below_a_thousand_services) {
    create("");
    std::size_t left = 11000;
    auto create_one = [](Client& through, std::string path, std::size_t& pending) -> Task<void> {
        (void)co_await through.create(path, std::string(200, 'x'), CreateMode::persistent);
        --pending;
    };
    for (int service = 0; service < 1000; ++service) {
        const auto path = root + "/" + std::to_string(service);
        spawn(io, "create", create_one(*writer, path, left));
        for (int id = 0; id < 10; ++id) {
            spawn(io, "create", create_one(*writer, path + "/" + std::to_string(id), left));
        }
    }
    ASSERT_TRUE(run_until(io, [&] { return left == 0; }));

    const auto begun = std::chrono::steady_clock::now();
    follow(2);
    await_synced();

    const auto took = std::chrono::steady_clock::now() - begun;
    std::cout << "synced in " << std::chrono::duration_cast<milliseconds>(took).count() << " ms\n";
    EXPECT_EQ(cache->size(), 11000U);
    EXPECT_EQ(mirror.settled, 1U);
}

}  // namespace
}  // namespace coord
