#include "agent/registrar.hpp"

#include "tests/support/running_agent.hpp"
#include "tests/support/zookeeper_process.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>

namespace agent {
namespace {

using coord::run_task;
using coord::run_until;
using Kind = Rejection::Kind;

class RegistrarTest : public testing::Test {
protected:
    AgentSettings settings() {
        AgentSettings settings;
        settings.connect = address_of(core_);
        settings.data_dir = directory_.path();
        return settings;
    }
    // Every znode of the agent's with the zxid of its last change.
    std::map<std::string, coord::Zxid> changes_of(RunningAgent& agent) {
        std::map<std::string, coord::Zxid> all;
        all[node_path("host1")] = agent.read(node_path("host1")).value().stat.mzxid;
        for (const auto& [id, service] : agent.registrar().services()) {
            const auto path = instance_path(service.definition.name, id, "host1");
            all[path] = agent.read(path).value().stat.mzxid;
        }
        return all;
    }
    std::string file_text() {
        std::ifstream in(directory_.path() / "registrations.json");
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }

    coord::RunningCore core_{quick_core()};
    coord::TemporaryDirectory directory_;
    boost::asio::io_context io_;
};

TEST_F(RegistrarTest, writes_an_ephemeral_instance_of_its_session_and_its_node) {
    RunningAgent agent(io_, settings());
    agent.start();

    ASSERT_FALSE(agent.add(test_service("web", "web-1")));

    const auto znode = agent.read("/services/web/web-1@host1");
    ASSERT_TRUE(znode);
    EXPECT_EQ(znode->stat.ephemeral_owner, agent.client().session().id);
    const auto record = decode_instance(znode->data).value.value();
    EXPECT_EQ(record.service, test_service("web", "web-1"));
    EXPECT_EQ(record.node, "host1");
    EXPECT_EQ(record.node_address, "10.0.0.1");
    EXPECT_EQ(record.registered_ms, 1'769'000'000'000);
    const auto node = agent.read("/roster/nodes/host1");
    ASSERT_TRUE(node);
    EXPECT_EQ(node->stat.ephemeral_owner, agent.client().session().id);
    EXPECT_EQ(decode_node(node->data).value, agent.registrar().node());
    EXPECT_TRUE(agent.registrar().settled());
}

TEST_F(RegistrarTest, changes_the_catalog_only_through_the_watch) {
    RunningAgent agent(io_, settings());
    agent.start();
    ASSERT_TRUE(agent.await_settled());
    bool done = false;
    coord::spawn(io_, "register", [&]() -> coord::Task<void> {
        co_await agent.registrar().register_service(test_service("web", "web"), Source::api, false);
        done = true;
    });
    io_.poll_one();
    EXPECT_EQ(agent.catalog().find_service("web"), nullptr);

    ASSERT_TRUE(run_until(io_, [&] {
        const auto view = agent.catalog().find_service("web");
        return view && view->instances.size() == 1;
    }));
    EXPECT_TRUE(done || run_until(io_, [&] { return done; }));
}

TEST_F(RegistrarTest, writes_nothing_when_the_same_is_registered_again) {
    RunningAgent agent(io_, settings());
    agent.start();
    auto service = test_service("web", "web-1");
    service.checks = {test_ttl_check()};
    ASSERT_FALSE(agent.add(service));
    const auto before = agent.read("/services/web/web-1@host1")->stat.mzxid;

    ASSERT_FALSE(agent.add(service));

    EXPECT_EQ(agent.read("/services/web/web-1@host1")->stat.mzxid, before);
}

TEST_F(RegistrarTest, moves_the_znode_when_the_name_of_an_id_changes) {
    RunningAgent agent(io_, settings());
    agent.start();
    ASSERT_FALSE(agent.add(test_service("web", "one")));

    ASSERT_FALSE(agent.add(test_service("api", "one")));

    EXPECT_TRUE(agent.read("/services/api/one@host1"));
    EXPECT_TRUE(run_until(io_, [&] { return agent.registrar().settled(); }));
    EXPECT_FALSE(agent.read("/services/web/one@host1"));
}

TEST_F(RegistrarTest, removes_the_znode_at_deregistration) {
    RunningAgent agent(io_, settings());
    agent.start();
    ASSERT_FALSE(agent.add(test_service("web", "web-1")));

    ASSERT_FALSE(agent.remove("web-1"));

    EXPECT_FALSE(agent.read("/services/web/web-1@host1"));
    EXPECT_TRUE(agent.registrar().services().empty());
    EXPECT_EQ(agent.remove("web-1")->kind, Kind::not_found);
}

TEST_F(RegistrarTest, publishes_a_changed_health_at_once_and_an_output_lazily) {
    auto lazily = settings();
    lazily.output_sync_interval = std::chrono::milliseconds(300);
    RunningAgent agent(io_, lazily);
    agent.start();
    auto service = test_service("web", "web");
    service.checks = {test_ttl_check()};
    ASSERT_FALSE(agent.add(service));
    const auto status = [&] {
        return agent.read_instance("web", "web", "host1").value().checks.at(0).status;
    };
    EXPECT_EQ(status().health, Health::critical);

    agent.registrar().set_check_status("service:web", {Health::passing, "fine"});
    ASSERT_TRUE(run_until(io_, [&] { return agent.registrar().settled(); }));
    EXPECT_EQ(status(), (CheckStatus{Health::passing, "fine"}));

    agent.registrar().set_check_status("service:web", {Health::passing, "still fine"});
    EXPECT_TRUE(agent.registrar().settled()) << "nothing is written for an output alone";
    EXPECT_EQ(agent.registrar().checks().at("service:web").status.output, "still fine");
    EXPECT_TRUE(run_until(io_, [&] { return status().output == "still fine"; }));
}

TEST_F(RegistrarTest, registers_again_what_somebody_else_removed_from_the_ensemble) {
    auto often = settings();
    often.output_sync_interval = std::chrono::milliseconds(100);
    RunningAgent agent(io_, often);
    agent.start();
    ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    ASSERT_TRUE(agent.read("/services/web/web-1@host1"));

    run_task(io_, agent.client().remove("/services/web/web-1@host1")).value();

    EXPECT_TRUE(
        run_until(io_, [&] { return agent.read("/services/web/web-1@host1").has_value(); }));
}

TEST_F(RegistrarTest, takes_reports_of_ttl_checks_and_tells_the_runner) {
    RunningAgent agent(io_, settings());
    std::string reported;
    agent.registrar().on_ttl_reported([&](const auto& id) { reported = id; });
    agent.start();
    auto service = test_service("web", "web");
    service.checks = {test_ttl_check()};
    ASSERT_FALSE(agent.add(service));

    const auto verdict =
        run_task(io_, agent.registrar().report_ttl("service:web", {Health::passing, "ok"}));

    EXPECT_FALSE(verdict);
    EXPECT_EQ(reported, "service:web");
    EXPECT_EQ(agent.registrar().service_health("web"), Health::passing);
    EXPECT_EQ(agent.read_instance("web", "web", "host1")->checks.at(0).status.output, "ok");
}

TEST_F(RegistrarTest, rejects_in_consuls_words) {
    auto limited = settings();
    limited.services_max = 1;
    limited.checks_max = 1;
    RunningAgent agent(io_, limited);
    agent.start();
    auto& registrar = agent.registrar();
    const auto report = [&](const char* id) {
        return run_task(io_, registrar.report_ttl(id, {Health::passing, ""})).value();
    };

    EXPECT_EQ(agent.add({})->message, "Missing service name");
    EXPECT_EQ(agent.add({})->kind, Kind::invalid);
    EXPECT_EQ(
        agent.remove("x")->message,
        "Unknown service ID \"x\". Ensure that the service ID is passed, not the service name.");
    EXPECT_EQ(run_task(io_, registrar.set_service_maintenance("x", Maintenance{}))->kind,
              Kind::not_found);
    EXPECT_EQ(run_task(io_, registrar.deregister_check("x"))->message,
              "Unknown check ID \"x\". Ensure that the check ID is passed, not the check name.");
    EXPECT_EQ(report("x").kind, Kind::not_found);
    EXPECT_EQ(report("x").message,
              "Unknown check ID \"x\". Ensure that the check ID is passed, not the check name.");
    auto orphan = test_ttl_check("c");
    orphan.service_id = "x";
    EXPECT_EQ(run_task(io_, registrar.register_check(orphan, Source::api))->message,
              "ServiceID \"x\" does not exist");

    auto check = test_ttl_check("tcp");
    check.kind = CheckKind::tcp;
    check.tcp = "127.0.0.1:1";
    check.ttl = {};
    check.interval = std::chrono::seconds(1);
    ASSERT_FALSE(run_task(io_, registrar.register_check(check, Source::api)));
    EXPECT_EQ(report("tcp").kind, Kind::wrong_kind);
    EXPECT_EQ(report("tcp").message, "CheckID \"tcp\" does not have associated TTL");
    EXPECT_EQ(run_task(io_, registrar.register_check(test_ttl_check("more"), Source::api))->kind,
              Kind::limit);
    ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    EXPECT_EQ(agent.add(test_service("web", "web-2"))->kind, Kind::limit);
    EXPECT_FALSE(agent.add(test_service("web", "web-1"))) << "what is there may be replaced";
}

TEST_F(RegistrarTest, says_that_a_registration_stays_when_the_core_is_away) {
    auto impatient = settings();
    impatient.connect = "127.0.0.1:1";
    impatient.patience = std::chrono::milliseconds(50);
    RunningAgent agent(io_, impatient);
    agent.start();

    const auto verdict = agent.add(test_service("web", "web-1"));

    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->kind, Kind::unavailable);
    EXPECT_EQ(
        verdict->message,
        "service \"web-1\" is taken by this agent, but the coordination core has not committed "
        "it yet; it will be as soon as that can be reached");
    EXPECT_TRUE(agent.registrar().services().contains("web-1"));
    EXPECT_FALSE(agent.registrar().settled());
}

TEST_F(RegistrarTest, shows_maintenance_of_a_service_and_of_the_node) {
    RunningAgent agent(io_, settings());
    agent.start();
    ASSERT_FALSE(agent.add(test_service("web", "web")));
    auto& registrar = agent.registrar();

    ASSERT_FALSE(run_task(io_, registrar.set_service_maintenance("web", Maintenance{"disk"})));
    EXPECT_EQ(agent.read_instance("web", "web", "host1")->maintenance, Maintenance{"disk"});
    EXPECT_EQ(registrar.service_health("web"), Health::critical);
    ASSERT_FALSE(run_task(io_, registrar.set_service_maintenance("web", std::nullopt)));
    EXPECT_FALSE(agent.read_instance("web", "web", "host1")->maintenance);

    ASSERT_FALSE(run_task(io_, registrar.set_node_maintenance(Maintenance{"kernel"})));
    EXPECT_EQ(decode_node(agent.read("/roster/nodes/host1")->data).value->maintenance,
              Maintenance{"kernel"});
    EXPECT_EQ(registrar.service_health("web"), Health::critical);
    ASSERT_TRUE(run_until(io_, [&] { return registrar.settled(); }));
    EXPECT_NE(agent.read("/services/web/web@host1")->data.find(R"("enabled":false)"),
              std::string::npos);
}

TEST_F(RegistrarTest, restarted_within_the_session_timeout_changes_nothing) {
    std::map<std::string, coord::Zxid> before;
    std::optional<coord::SessionIdentity> session;
    {
        RunningAgent agent(io_, settings());
        agent.start();
        auto service = test_service("web", "web-1");
        service.checks = {test_ttl_check()};
        ASSERT_FALSE(agent.add(service));
        ASSERT_FALSE(run_task(
            io_,
            agent.registrar().apply_config({test_service("db", "db")}, {test_ttl_check("n")})));
        agent.registrar().set_check_status("n", {Health::warning, "hm"});
        agent.registrar().set_check_status("service:web-1", {Health::passing, "fine \xff"});
        ASSERT_TRUE(run_until(io_, [&] { return agent.registrar().settled(); }));
        agent.registrar().set_check_status("service:web-1", {Health::passing, "newer"});
        before = changes_of(agent);
        session = agent.client().session();
    }
    auto again = settings();
    again.resume = session;
    RunningAgent agent(io_, again);
    agent.start();

    ASSERT_FALSE(run_task(
        io_, agent.registrar().apply_config({test_service("db", "db")}, {test_ttl_check("n")})));
    ASSERT_TRUE(agent.await_settled());

    EXPECT_EQ(agent.client().session().id, session->id);
    EXPECT_EQ(before.size(), 3U);
    EXPECT_EQ(changes_of(agent), before);
    EXPECT_EQ(agent.registrar().service_health("db"), Health::warning);
}

TEST_F(RegistrarTest, restarted_within_the_session_timeout_removes_what_was_meant_to_go) {
    std::optional<coord::SessionIdentity> session;
    {
        RunningAgent agent(io_, settings());
        agent.start();
        ASSERT_FALSE(agent.add(test_service("web", "web-1")));
        ASSERT_FALSE(run_task(io_, agent.registrar().apply_config({test_service("db", "db")}, {})));
        ASSERT_TRUE(run_until(io_, [&] { return agent.registrar().settled(); }));
        session = agent.client().session();
    }
    {
        auto unreachable = settings();
        unreachable.connect = "127.0.0.1:1";
        unreachable.patience = std::chrono::milliseconds(10);
        RunningAgent agent(io_, unreachable);
        agent.start();
        ASSERT_EQ(agent.remove("web-1")->kind, Kind::unavailable);
    }
    auto again = settings();
    again.resume = session;
    RunningAgent agent(io_, again);
    agent.start();
    ASSERT_FALSE(run_task(io_, agent.registrar().apply_config({}, {})));

    ASSERT_TRUE(agent.await_settled());

    EXPECT_FALSE(agent.read("/services/web/web-1@host1"));
    EXPECT_FALSE(agent.read("/services/db/db@host1"));
    EXPECT_TRUE(run_until(io_, [&] {
        return file_text().find("leaving/") == std::string::npos ||
               file_text().ends_with("\"value\":null}\n");
    }));
}

TEST_F(RegistrarTest, restarted_without_its_session_takes_over_the_znodes_of_the_old_one) {
    {
        RunningAgent agent(io_, settings());
        agent.start();
        ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    }
    RunningAgent agent(io_, settings());
    agent.start();

    ASSERT_TRUE(agent.await_settled());

    const auto znode = agent.read("/services/web/web-1@host1");
    ASSERT_TRUE(znode);
    EXPECT_EQ(znode->stat.ephemeral_owner, agent.client().session().id);
}

TEST_F(RegistrarTest, leaves_an_agent_alone_that_has_the_same_name_and_says_where_it_is) {
    RunningAgent first(io_, settings());
    first.start();
    ASSERT_FALSE(first.add(test_service("web", "web-1")));
    AgentSettings other = settings();
    other.data_dir.clear();
    other.node_id = "another-machine";
    other.patience = std::chrono::milliseconds(1500);  // It has tried more than once.
    RunningAgent second(io_, other);
    second.start();

    const auto verdict = second.add(test_service("web", "web-1"));

    ASSERT_TRUE(verdict);
    EXPECT_EQ(verdict->message,
              "service \"web-1\" is taken by this agent, but not registered: the agent at 10.0.0.1 "
              "has the same node name; give one of them another, or stop that one");
    const auto owner = first.client().session().id;
    EXPECT_EQ(first.read(node_path("host1")).value().stat.ephemeral_owner, owner);
    EXPECT_EQ(first.read("/services/web/web-1@host1").value().stat.ephemeral_owner, owner);
}

TEST_F(RegistrarTest, registers_by_itself_once_the_session_of_its_forgotten_life_has_ended) {
    auto before = settings();
    before.session_timeout = std::chrono::milliseconds(400);
    {
        RunningAgent agent(io_, before);
        agent.start();
        ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    }
    auto forgetful = settings();
    forgetful.node_id =
        "made-anew";  // Its data directory was lost: nobody knows that it is the same.
    RunningAgent agent(io_, forgetful);
    agent.start();

    ASSERT_TRUE(agent.await_settled());

    const auto node = agent.read(node_path("host1"));
    ASSERT_TRUE(node);
    EXPECT_EQ(node->stat.ephemeral_owner, agent.client().session().id);
    EXPECT_EQ(decode_node(node->data).value->id, "made-anew");
    EXPECT_EQ(agent.read("/services/web/web-1@host1").value().stat.ephemeral_owner,
              agent.client().session().id);
}

TEST_F(RegistrarTest, registers_everything_again_after_its_session_expired) {
    RunningAgent agent(io_, settings());
    agent.start();
    ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    const auto lost = agent.client().session();

    // Another client with the same session closes it.
    coord::Client killer(io_, {.connect = address_of(core_), .resume = lost});
    killer.start();
    ASSERT_TRUE(run_until(io_, [&] { return killer.state() == coord::SessionState::connected; }));
    run_task(io_, killer.close(std::chrono::seconds(5)));

    ASSERT_TRUE(run_until(io_, [&] {
        return agent.client().session().id != lost.id && agent.registrar().settled() &&
               agent.client().state() == coord::SessionState::connected;
    }));
    const auto znode = agent.read("/services/web/web-1@host1");
    ASSERT_TRUE(znode);
    EXPECT_EQ(znode->stat.ephemeral_owner, agent.client().session().id);
    EXPECT_EQ(agent.read("/roster/nodes/host1")->stat.ephemeral_owner, agent.client().session().id);
}

TEST_F(RegistrarTest, goes_on_with_what_was_not_written_when_the_core_comes_back) {
    auto impatient = settings();
    impatient.patience = std::chrono::milliseconds(50);
    RunningAgent agent(io_, impatient);
    agent.start();
    ASSERT_TRUE(agent.await_settled());
    core_.stop();
    ASSERT_EQ(agent.add(test_service("web", "web-1"))->kind, Kind::unavailable);

    core_.start();

    ASSERT_TRUE(run_until(io_, [&] { return agent.registrar().settled(); }));
    EXPECT_TRUE(agent.read("/services/web/web-1@host1"));
}

TEST_F(RegistrarTest, shares_a_service_id_with_another_node) {
    auto other = settings();
    other.node = "host2";
    other.data_dir.clear();
    RunningAgent one(io_, settings());
    RunningAgent two(io_, other);
    one.start();
    two.start();

    ASSERT_FALSE(one.add(test_service("web", "web")));
    ASSERT_FALSE(two.add(test_service("web", "web")));

    const auto both = [&] {
        const auto view = one.catalog().find_service("web");
        return view && view->instances.size() == 2;
    };
    ASSERT_TRUE(run_until(io_, both));
    const auto view = one.catalog().find_service("web");
    EXPECT_EQ(view->instances[0].record.node(), "host1");
    EXPECT_EQ(view->instances[1].record.node(), "host2");
    ASSERT_FALSE(one.remove("web"));
    EXPECT_TRUE(two.read("/services/web/web@host2"));
}

TEST_F(RegistrarTest, registers_two_thousand_at_once) {
    constexpr std::size_t many = 2000;
    RunningAgent agent(io_, settings());
    agent.start();
    std::size_t done = 0;
    for (std::size_t i = 0; i < many; ++i) {
        coord::spawn(io_, "register", [&, i]() -> coord::Task<void> {
            const auto id = "web-" + std::to_string(i);
            const auto refused = co_await agent.registrar().register_service(
                test_service("web", id), Source::api, false);
            if (!refused) ++done;
        });
    }

    ASSERT_TRUE(run_until(io_, [&] { return done == many; }));

    EXPECT_TRUE(agent.registrar().settled());
    ASSERT_TRUE(run_until(io_, [&] {
        const auto view = agent.catalog().find_service("web");
        return view && view->instances.size() == many;
    }));
}

TEST_F(RegistrarTest, tells_many_changes_of_its_checks_as_few) {
    RunningAgent agent(io_, settings());
    std::size_t told = 0;
    std::size_t checks = 0;
    agent.registrar().on_checks_changed([&](const auto& all) { ++told, checks = all.size(); });
    agent.start();

    std::vector<ServiceDefinition> services;
    for (int i = 0; i < 100; ++i) {
        services.push_back(test_service("web", "web-" + std::to_string(i)));
        services.back().checks = {test_ttl_check()};
    }
    ASSERT_FALSE(run_task(io_, agent.registrar().apply_config(services, {})));

    ASSERT_TRUE(run_until(io_, [&] { return checks == 100; }));
    EXPECT_LE(told, 3U);
}

TEST_F(RegistrarTest, lets_the_files_win_whenever_they_are_read) {
    RunningAgent agent(io_, settings());
    agent.start();
    auto& registrar = agent.registrar();
    const auto declared = test_service("web", "web");
    ASSERT_FALSE(run_task(io_, registrar.apply_config({declared}, {})));
    auto mine = declared;
    mine.port = 9090;
    ASSERT_FALSE(agent.add(mine));
    EXPECT_EQ(registrar.services().at("web").source, Source::api);
    EXPECT_EQ(agent.read_instance("web", "web", "host1")->service.port, 9090);

    ASSERT_FALSE(run_task(io_, registrar.apply_config({declared}, {})));

    ASSERT_TRUE(run_until(io_, [&] { return registrar.settled(); }));
    EXPECT_EQ(agent.read_instance("web", "web", "host1")->service.port, 8080);
    EXPECT_EQ(registrar.services().at("web").source, Source::config);
}

TEST_F(RegistrarTest, does_not_start_on_a_broken_file_and_leaves_it_alone) {
    for (const std::string& broken :
         std::vector<std::string>{"garbage",
                                  "{\"roster\":\"registrations\",\"version\":1}\n{\"key\":"
                                  "\"service/web\",\"value\":7}\n",
                                  "{\"roster\":\"registrations\",\"version\":1}\nnot json\n"}) {
        const auto path = directory_.path() / "registrations.json";
        std::ofstream(path) << broken;
        RunningAgent agent(io_, settings());
        try {
            agent.start();
            ADD_FAILURE() << "it started on " << broken;
        } catch (const std::runtime_error& error) {
            const std::string line = error.what();
            EXPECT_TRUE(line.starts_with(path.string() + ":")) << line;
            EXPECT_EQ(line.find('\n'), std::string::npos);
        }
        EXPECT_EQ(file_text(), broken);
    }
}

TEST(RegistrarOnApacheZookeeper, registers_keeps_and_removes) {
    if (!coord::ZookeeperProcess::available()) GTEST_SKIP() << "no Apache ZooKeeper here";
    coord::ZookeeperProcess zookeeper;
    boost::asio::io_context io;
    AgentSettings settings;
    settings.connect = zookeeper.address();
    RunningAgent agent(io, settings);
    agent.start();

    ASSERT_FALSE(agent.add(test_service("web", "web-1")));
    ASSERT_FALSE(agent.add(test_service("web", "web-2")));

    ASSERT_TRUE(run_until(io, [&] {
        const auto view = agent.catalog().find_service("web");
        return view && view->instances.size() == 2;
    }));
    ASSERT_FALSE(agent.remove("web-1"));
    ASSERT_TRUE(
        run_until(io, [&] { return agent.catalog().find_service("web")->instances.size() == 1; }));
}

}  // namespace
}  // namespace agent
