#include "coord/client/client.hpp"

#include "tests/support/faulty_link.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/test_ensemble.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <stdexcept>

namespace coord {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::UnorderedElementsAre;

TEST(MultiResult, names_the_culprit_and_not_those_it_took_along) {
    const MultiResult failed{
        {Errc::ok, Errc::no_node, Errc::runtime_inconsistency}, {{}, {}, {}}, {"", "", ""}};
    const MultiResult fine{{Errc::ok, Errc::ok}, {{}, {}}, {"", ""}};

    EXPECT_EQ(failed.first_error(), Errc::no_node);
    EXPECT_EQ(fine.first_error(), Errc::ok);
}

TEST(Client, refuses_to_be_built_with_a_connection_string_it_cannot_read) {
    boost::asio::io_context io;
    ClientOptions options;
    options.connect = "zk1:none";

    EXPECT_THROW(Client(io, options), std::invalid_argument);
}

TEST(Client, sends_no_path_that_no_server_would_take) {
    boost::asio::io_context io;
    ClientOptions options;
    options.connect = "127.0.0.1:1";
    Client client(io, options);

    EXPECT_EQ(run_task(io, client.exists("a")).error(), Errc::bad_arguments);
    EXPECT_EQ(run_task(io, client.get_data_of({"/a", "/b/"})).error(), Errc::bad_arguments);
    EXPECT_EQ(run_task(io, client.create("/a//b", "", CreateMode::persistent)).error(),
              Errc::bad_arguments);
    EXPECT_EQ(run_task(io, client.create("/a", "", CreateMode::persistent_ttl)).error(),
              Errc::bad_arguments);
    const std::vector<Op> ops = {RemoveOp{"/a/./b"}};
    EXPECT_EQ(run_task(io, client.multi(ops)).error(), Errc::bad_arguments);
}

class ClientTest : public EnsembleTest {
protected:
    void SetUp() override {
        EnsembleTest::SetUp();
        if (IsSkipped()) return;
        client = open(ensemble->address());
        root = path_of_test();
        ASSERT_TRUE(run(client->ensure_path(root)));
    }

    std::unique_ptr<Client> open(std::string connect,
                                 std::optional<SessionIdentity> resume = std::nullopt) {
        ClientOptions options;
        options.connect = std::move(connect);
        options.session_timeout = milliseconds(4000);
        options.resume = resume;
        auto opened = std::make_unique<Client>(io, options);
        opened->on_event([this](const WatcherEvent& event) { events.push_back(event); });
        opened->on_state([this](SessionState state) { states.push_back(state); });
        opened->start();
        return opened;
    }

    template <class T>
    T run(Task<T> task) {
        return run_task(io, std::move(task));
    }
    void run(Task<void> task) { run_task(io, std::move(task)); }

    bool await_events(std::size_t count) {
        return run_until(io, [&] { return events.size() >= count; });
    }
    static WatcherEvent event(EventType type, const std::string& path) {
        return {type, KeeperState::sync_connected, path};
    }

    boost::asio::io_context io;
    std::unique_ptr<Client> client;
    std::string root;
    std::vector<WatcherEvent> events;
    std::vector<SessionState> states;
};

INSTANTIATE_TEST_SUITE_P(Ensemble, ClientTest, testing::Values(Oracle::apache));
INSTANTIATE_TEST_SUITE_P(Core, ClientTest, testing::Values(Oracle::core));

TEST_P(ClientTest, creates_reads_changes_and_removes_a_znode) {
    const auto path = root + "/a";

    const auto created = run(client->create(path, "one", CreateMode::persistent));
    const auto changed = run(client->set_data(path, "two", 0));
    const auto read = run(client->get_data(path));
    const auto children = run(client->get_children(root));
    const auto removed = run(client->remove(path, 1));
    const auto gone = run(client->exists(path));

    EXPECT_EQ(created.value().path, path);
    EXPECT_EQ(created.value().stat.version, 0);
    EXPECT_EQ(changed.value().version, 1);
    EXPECT_EQ(read.value().data, "two");
    EXPECT_EQ(read.value().stat, changed.value());
    EXPECT_THAT(children.value().names, ElementsAre("a"));
    EXPECT_EQ(children.value().stat.num_children, 1);
    EXPECT_TRUE(removed);
    EXPECT_EQ(gone.error(), Errc::no_node);
    EXPECT_GT(client->last_zxid(), changed.value().mzxid);
}

TEST_P(ClientTest, creates_in_every_mode) {
    const auto sequential =
        run(client->create(root + "/s-", "", CreateMode::persistent_sequential));
    const auto ephemeral = run(client->create(root + "/e", "", CreateMode::ephemeral));
    const auto both = run(client->create(root + "/", "", CreateMode::ephemeral_sequential));
    const auto container = run(client->create(root + "/c", "", CreateMode::container));

    EXPECT_EQ(sequential.value().path, root + "/s-0000000000");
    EXPECT_EQ(ephemeral.value().stat.ephemeral_owner, client->session().id);
    EXPECT_EQ(both.value().path, root + "/0000000002");
    EXPECT_EQ(container.value().path, root + "/c");
}

TEST_P(ClientTest, tells_the_servers_error_codes) {
    EXPECT_EQ(run(client->create(root, "", CreateMode::persistent)).error(), Errc::node_exists);
    EXPECT_EQ(run(client->get_data(root + "/none")).error(), Errc::no_node);
    EXPECT_EQ(run(client->set_data(root, "", 7)).error(), Errc::bad_version);
    (void)run(client->create(root + "/child", "", CreateMode::persistent));
    EXPECT_EQ(run(client->remove(root)).error(), Errc::not_empty);
}

TEST_P(ClientTest, multi_goes_through_as_a_whole) {
    std::vector<Op> ops = {CreateOp{root + "/n-", "x", CreateMode::persistent_sequential},
                           SetDataOp{root, "new"},
                           CheckOp{root, 1},
                           CreateOp{root + "/b", "y", CreateMode::container},
                           RemoveOp{root + "/b"}};

    const auto result = run(client->multi(ops)).value();

    ASSERT_EQ(result.first_error(), Errc::ok);
    EXPECT_THAT(result.paths, ElementsAre(root + "/n-0000000000", "", "", root + "/b", ""));
    EXPECT_EQ(result.stats.at(1)->version, 1);
    EXPECT_FALSE(result.stats.at(2));
    EXPECT_EQ(result.stats.at(3)->data_length, 1);
    EXPECT_TRUE(run(client->multi({})).value().errors.empty());
}

TEST_P(ClientTest, multi_fails_as_a_whole) {
    std::vector<Op> ops = {
        CreateOp{root + "/a", "x"}, RemoveOp{root + "/none"}, CreateOp{root + "/b", "x"}};

    const auto result = run(client->multi(ops)).value();

    EXPECT_EQ(result.first_error(), Errc::no_node);
    EXPECT_THAT(result.errors, ElementsAre(Errc::ok, Errc::no_node, Errc::runtime_inconsistency));
    EXPECT_EQ(run(client->exists(root + "/a")).error(), Errc::no_node);
}

TEST_P(ClientTest, reads_many_in_one_request) {
    (void)run(client->create(root + "/a", "one", CreateMode::persistent));
    (void)run(client->create(root + "/a/x", "", CreateMode::persistent));

    const auto data = run(client->get_data_of({root + "/a", root + "/none", root})).value();
    const auto names = run(client->get_children_of({root + "/none", root + "/a"})).value();

    ASSERT_EQ(data.size(), 3U);
    EXPECT_EQ(data[0].value().data, "one");
    EXPECT_EQ(data[1].error(), Errc::no_node);
    EXPECT_EQ(data[2].value().stat.num_children, 1);
    ASSERT_EQ(names.size(), 2U);
    EXPECT_EQ(names[0].error(), Errc::no_node);
    EXPECT_THAT(names[1].value(), ElementsAre("x"));
}

TEST_P(ClientTest, lives_below_its_chroot) {
    auto inside = open(ensemble->address() + root + "/app");

    ASSERT_TRUE(run(inside->ensure_path("/a/b")));
    const auto created = run(inside->create("/a/n-", "", CreateMode::persistent_sequential));
    (void)run(inside->add_watch("/", WatchMode::persistent_recursive));
    events.clear();
    (void)run(client->set_data(root + "/app/a/b", "from outside"));

    EXPECT_EQ(created.value().path, "/a/n-0000000001");
    EXPECT_TRUE(run(client->exists(root + "/app/a/n-0000000001")));
    ASSERT_TRUE(await_events(1));
    EXPECT_THAT(events, ElementsAre(event(EventType::node_data_changed, "/a/b")));
    EXPECT_THAT(run(inside->get_children("/")).value().names, ElementsAre("a"));
}

TEST_P(ClientTest, tells_of_one_shot_watches_once) {
    (void)run(client->exists(root + "/a", true));
    (void)run(client->get_children(root, true));

    (void)run(client->create(root + "/a", "", CreateMode::persistent));
    (void)run(client->set_data(root + "/a", "x"));

    EXPECT_THAT(events,
                ElementsAre(event(EventType::node_created, root + "/a"),
                            event(EventType::node_children_changed, root)));
}

TEST_P(ClientTest, hears_of_its_own_change_before_the_reply) {
    (void)run(client->add_watch(root, WatchMode::persistent_recursive));
    std::vector<std::string> order;
    client->on_event([&](const WatcherEvent& told) { order.push_back("event " + told.path); });
    auto change =
        [](Client& through, std::string path, std::vector<std::string>& noted) -> Task<void> {
        (void)co_await through.create(path, "", CreateMode::persistent);
        noted.push_back("created " + path);
    };

    spawn(io, "change", change(*client, root + "/a", order));
    spawn(io, "change", change(*client, root + "/b", order));
    ASSERT_TRUE(run_until(io, [&] { return order.size() == 4; }));

    EXPECT_THAT(order,
                ElementsAre("event " + root + "/a",
                            "created " + root + "/a",
                            "event " + root + "/b",
                            "created " + root + "/b"));
}

TEST_P(ClientTest, keeps_its_session_and_watches_over_a_cut_connection) {
    FaultyLink link(io, ensemble->port());
    auto cut = open(link.address());
    (void)run(cut->create(root + "/e", "", CreateMode::ephemeral));
    (void)run(cut->get_data(root, true));
    (void)run(cut->add_watch(root, WatchMode::persistent_recursive));
    const auto before = cut->session();
    events.clear();

    link.set_open(false);
    link.cut();
    ASSERT_TRUE(run_until(io, [&] { return cut->state() == SessionState::connecting; }));
    (void)run(client->set_data(root, "changed meanwhile"));
    link.set_open(true);
    ASSERT_TRUE(run(cut->sync(root)));  // Answered after the watches are set again.
    (void)run(client->create(root + "/after", "", CreateMode::persistent));

    ASSERT_TRUE(await_events(2));
    EXPECT_EQ(cut->session().id, before.id);
    EXPECT_EQ(run(client->exists(root + "/e")).value().ephemeral_owner, before.id);
    EXPECT_THAT(events,
                ElementsAre(event(EventType::node_data_changed, root),
                            event(EventType::node_created, root + "/after")));
}

TEST_P(ClientTest, resumes_the_session_of_a_client_that_abandoned_it) {
    auto first = open(ensemble->address());
    (void)run(first->create(root + "/e", "", CreateMode::ephemeral));
    const auto identity = first->session();
    first->abandon();

    auto second = open(ensemble->address(), identity);

    EXPECT_EQ(run(second->exists(root + "/e")).value().ephemeral_owner, identity.id);
    EXPECT_EQ(second->session().id, identity.id);
}

TEST_P(ClientTest, opens_a_new_session_when_the_one_to_resume_is_gone) {
    auto first = open(ensemble->address());
    (void)run(first->sync("/"));
    const auto identity = first->session();
    run(first->close(milliseconds(5000)));
    states.clear();

    auto second = open(ensemble->address(), identity);
    ASSERT_TRUE(run_until(io, [&] { return second->state() == SessionState::connected; }));

    EXPECT_NE(second->session().id, identity.id);
    EXPECT_THAT(states, ElementsAre(SessionState::expired, SessionState::connected));
}

TEST_P(ClientTest, close_removes_the_ephemerals_at_once) {
    auto leaving = open(ensemble->address());
    (void)run(leaving->create(root + "/e", "", CreateMode::ephemeral));

    run(leaving->close(milliseconds(5000)));

    EXPECT_EQ(run(client->exists(root + "/e")).error(), Errc::no_node);
    EXPECT_EQ(leaving->state(), SessionState::closed);
}

TEST_P(ClientTest, survives_the_restart_of_its_server) {
    const auto before = client->session();
    (void)run(client->create(root + "/e", "", CreateMode::ephemeral));

    ensemble->stop();
    ASSERT_TRUE(run_until(io, [&] { return client->state() == SessionState::connecting; }));
    ensemble->start();

    EXPECT_EQ(run(client->exists(root + "/e")).value().ephemeral_owner, before.id);
    EXPECT_EQ(client->session().id, before.id);
}

TEST_P(ClientTest, a_value_too_large_for_the_server_fails_and_the_client_goes_on) {
    ClientOptions options;
    options.connect = ensemble->address();
    options.request_bytes_max = std::size_t{4} << 20U;
    Client generous(io, options);
    generous.start();

    const auto refused = run(client->set_data(root, std::string(2 << 20, 'x')));
    const auto lost = run(generous.set_data(root, std::string(2 << 20, 'x')));
    const auto fine = run(generous.set_data(root, std::string(1000 << 10, 'x')));

    EXPECT_EQ(refused.error(), Errc::bad_arguments);
    EXPECT_EQ(lost.error(), Errc::connection_loss);
    EXPECT_TRUE(fine);
    EXPECT_EQ(run(client->get_data(root)).value().data.size(), 1000U << 10U);
}

TEST_P(ClientTest, pipelines_ten_thousand_creates) {
    std::size_t created = 0;
    auto create = [](Client& through, std::string path, std::size_t& count) -> Task<void> {
        if (co_await through.create(path, "x", CreateMode::ephemeral)) ++count;
    };

    for (int i = 0; i < 10000; ++i) {
        spawn(io, "create", create(*client, root + "/" + std::to_string(i), created));
    }
    ASSERT_TRUE(run_until(io, [&] { return created == 10000; }));

    EXPECT_EQ(run(client->exists(root)).value().num_children, 10000);
}

}  // namespace
}  // namespace coord
