#include "agent/registrations.hpp"

#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

#include <stdexcept>

namespace agent {
namespace {

using Paths = std::set<std::string>;
using Lines = std::map<std::string, std::string>;
using StatusChange = Registrations::StatusChange;

const std::string web_path = "/services/web/web-1@host1";
const std::string node_of_agent = "/roster/nodes/host1";

class RegistrationsTest : public testing::Test {
protected:
    RegistrationsTest() { state_.take_changes(); }

    Verdict put(ServiceDefinition service, bool replace_checks = false) {
        return state_.put_service(std::move(service), Source::api, replace_checks, now_);
    }
    static ServiceDefinition web(int checks = 0) {
        auto service = test_service("web", "web-1");
        service.checks.assign(static_cast<std::size_t>(checks), test_ttl_check());
        return service;
    }
    Lines lines() {
        Lines all;
        state_.each_line([&](auto key, auto json) { all[std::string(key)] = json; });
        return all;
    }

    std::int64_t now_ = 1000;
    Registrations state_{test_node("host1"), 10, 100};
};

TEST_F(RegistrationsTest, a_new_service_changes_its_znode_and_its_lines) {
    ASSERT_FALSE(put(web(2)));

    const auto changes = state_.take_changes();
    EXPECT_EQ(changes.paths, Paths{web_path});
    EXPECT_EQ(changes.keys,
              (Paths{"check/service:web-1:1", "check/service:web-1:2", "service/web-1"}));
    EXPECT_TRUE(changes.checks);
    EXPECT_TRUE(state_.take_changes().paths.empty()) << "told once";
}

TEST_F(RegistrationsTest, the_same_service_again_changes_nothing) {
    ASSERT_FALSE(put(web(1)));
    state_.take_changes();
    now_ = 2000;

    ASSERT_FALSE(put(web(1)));

    const auto changes = state_.take_changes();
    EXPECT_TRUE(changes.paths.empty());
    EXPECT_TRUE(changes.keys.empty());
    EXPECT_FALSE(changes.checks);
    EXPECT_EQ(state_.services().at("web-1").registered_ms, 1000);
}

TEST_F(RegistrationsTest, a_check_that_is_registered_again_keeps_its_status) {
    ASSERT_FALSE(put(web(1)));
    EXPECT_EQ(state_.checks().at("service:web-1").status.health, Health::critical);
    state_.set_status("service:web-1", {Health::passing, "fine"});

    auto again = web(1);
    again.checks[0].ttl = std::chrono::seconds(60);
    ASSERT_FALSE(put(again));

    const auto& check = state_.checks().at("service:web-1");
    EXPECT_EQ(check.status, (CheckStatus{Health::passing, "fine"}));
    EXPECT_EQ(check.definition.ttl, std::chrono::seconds(60));
}

TEST_F(RegistrationsTest, a_new_check_begins_with_its_initial_status) {
    auto service = web(1);
    service.checks[0].initial_status = Health::passing;

    ASSERT_FALSE(put(service));

    EXPECT_EQ(state_.service_health("web-1"), Health::passing);
}

TEST_F(RegistrationsTest, existing_checks_stay_unless_they_are_replaced) {
    ASSERT_FALSE(put(web(2)));
    auto other = web();
    other.checks = {test_ttl_check("mine")};

    ASSERT_FALSE(put(other));
    EXPECT_EQ(state_.checks().size(), 3U);

    ASSERT_FALSE(put(other, true));
    ASSERT_EQ(state_.checks().size(), 1U);
    EXPECT_TRUE(state_.checks().contains("mine"));
}

TEST_F(RegistrationsTest, a_removed_service_takes_its_checks_and_its_znode_with_it) {
    ASSERT_FALSE(put(web(2)));
    state_.take_changes();

    ASSERT_FALSE(state_.remove_service("web-1"));

    EXPECT_TRUE(state_.checks().empty());
    const auto changes = state_.take_changes();
    EXPECT_EQ(changes.paths, Paths{web_path});
    EXPECT_EQ(state_.znode(web_path), std::nullopt);
    EXPECT_TRUE(changes.checks);
    EXPECT_EQ(lines(), (Lines{{"leaving/" + web_path, "true"}})) << "until it is gone";
    state_.confirm_gone(web_path);
    EXPECT_EQ(lines(), Lines{});
}

TEST_F(RegistrationsTest, a_service_that_comes_back_before_it_is_gone_stays) {
    ASSERT_FALSE(put(web()));
    ASSERT_FALSE(state_.remove_service("web-1"));

    ASSERT_FALSE(put(web()));

    EXPECT_TRUE(state_.znode(web_path));
    EXPECT_FALSE(lines().contains("leaving/" + web_path));
}

TEST_F(RegistrationsTest, a_check_of_the_node_is_in_its_record_and_in_every_health) {
    ASSERT_FALSE(put(web()));
    ASSERT_FALSE(state_.put_check(test_ttl_check("disk"), Source::api));

    const auto changes = state_.take_changes();
    EXPECT_EQ(changes.paths, (Paths{web_path, node_of_agent}));
    EXPECT_EQ(state_.node().checks.at(0).definition.id, "disk");
    EXPECT_EQ(state_.service_health("web-1"), Health::critical);
    EXPECT_NE(state_.znode(web_path)->find(R"("enabled":false)"), std::string::npos);

    EXPECT_EQ(state_.set_status("disk", {Health::passing, ""}), StatusChange::health);
    EXPECT_EQ(state_.take_changes().paths, (Paths{web_path, node_of_agent}));
    EXPECT_EQ(state_.service_health("web-1"), Health::passing);
}

TEST_F(RegistrationsTest, a_check_without_an_id_is_named_by_its_name) {
    ASSERT_FALSE(state_.put_check(test_ttl_check(), Source::api));

    EXPECT_TRUE(state_.checks().contains("alive"));
}

TEST_F(RegistrationsTest, a_check_may_move_to_another_service) {
    ASSERT_FALSE(put(web()));
    ASSERT_FALSE(put(test_service("db", "db")));
    auto check = test_ttl_check("c");
    check.service_id = "web-1";
    ASSERT_FALSE(state_.put_check(check, Source::api));
    state_.take_changes();

    check.service_id = "db";
    ASSERT_FALSE(state_.put_check(check, Source::api));

    EXPECT_EQ(state_.take_changes().paths, (Paths{web_path, "/services/db/db@host1"}));
    EXPECT_EQ(state_.service_health("web-1"), Health::passing);
    EXPECT_EQ(state_.service_health("db"), Health::critical);
}

TEST_F(RegistrationsTest, an_output_alone_waits_and_the_file_keeps_what_the_znode_holds) {
    ASSERT_FALSE(put(web(1)));
    state_.set_status("service:web-1", {Health::passing, "one"});
    state_.znode(web_path);
    state_.take_changes();

    EXPECT_EQ(state_.set_status("service:web-1", {Health::passing, "two"}), StatusChange::output);

    EXPECT_TRUE(state_.take_changes().paths.empty());
    EXPECT_NE(state_.line("check/service:web-1")->find("\"one\""), std::string::npos);
    EXPECT_EQ(state_.take_stale_outputs(), Paths{web_path});
    EXPECT_NE(state_.znode(web_path)->find("\"two\""), std::string::npos);
    EXPECT_EQ(state_.take_changes().keys, Paths{"check/service:web-1"});
    EXPECT_NE(state_.line("check/service:web-1")->find("\"two\""), std::string::npos);
}

TEST_F(RegistrationsTest, the_status_of_a_check_that_is_not_there_is_nothing) {
    EXPECT_EQ(state_.set_status("x", {}), StatusChange::none);
    ASSERT_FALSE(state_.put_check(test_ttl_check("c"), Source::api));
    EXPECT_EQ(state_.set_status("c", {Health::critical, ""}), StatusChange::none);
}

TEST_F(RegistrationsTest, what_is_too_large_is_refused_and_changes_nothing) {
    auto large = web();
    large.tags.assign(1000, std::string(100, 't'));
    EXPECT_EQ(put(large)->message, "Validation failed: the service is larger than 64 KiB");
    auto checked = web(1);
    checked.checks[0].notes.assign(5000, 'n');
    EXPECT_EQ(put(checked)->message, "Invalid check: it is larger than 4 KiB");
    EXPECT_TRUE(state_.services().empty());

    ASSERT_FALSE(put(web(64)));
    auto more = web();
    more.checks = {test_ttl_check("one more")};
    EXPECT_EQ(put(more)->message, "Validation failed: a service may have at most 64 checks");
    auto check = more.checks[0];
    check.service_id = "web-1";
    EXPECT_EQ(state_.put_check(check, Source::api)->kind, Rejection::Kind::limit);
    EXPECT_EQ(state_.checks().size(), 64U);
}

TEST_F(RegistrationsTest, the_configuration_is_applied_as_a_difference) {
    auto api = test_service("api", "api");
    ASSERT_FALSE(put(api));
    ASSERT_FALSE(state_.apply_config({web(1), test_service("db", "db")}, {test_ttl_check("n")}, 1));
    state_.set_status("service:web-1", {Health::passing, ""});
    state_.take_changes();

    ASSERT_FALSE(state_.apply_config({web(1), test_service("mq", "mq")}, {}, 2));

    const auto changes = state_.take_changes();
    EXPECT_FALSE(changes.keys.contains("service/web-1")) << "it is as it was";
    EXPECT_EQ(state_.services().size(), 3U);
    EXPECT_FALSE(state_.services().contains("db"));
    EXPECT_TRUE(state_.services().contains("mq"));
    EXPECT_TRUE(state_.services().contains("api")) << "not from a file";
    EXPECT_FALSE(state_.checks().contains("n"));
    EXPECT_EQ(state_.checks().at("service:web-1").status.health, Health::passing);

    ASSERT_FALSE(state_.apply_config({web()}, {}, 3));
    EXPECT_TRUE(state_.checks().empty()) << "a check that is no longer declared goes";
}

TEST_F(RegistrationsTest, a_configuration_with_something_invalid_is_not_applied) {
    ASSERT_FALSE(state_.apply_config({web()}, {}, 1));
    auto bad = test_service("bad", "bad");
    bad.address = "0.0.0.0";

    EXPECT_EQ(state_.apply_config({bad}, {}, 2)->message, "Invalid service address");
    EXPECT_EQ(state_.apply_config({}, {CheckDefinition{}}, 2)->message, "Missing check name");

    EXPECT_TRUE(state_.services().contains("web-1"));
}

TEST_F(RegistrationsTest, come_back_from_their_lines_as_they_were) {
    auto service = web(1);
    service.checks[0].header = {{"Authorization", "secret"}};
    ASSERT_FALSE(put(service));
    ASSERT_FALSE(state_.apply_config({test_service("db", "db")}, {test_ttl_check("n")}, 5));
    ASSERT_FALSE(state_.set_maintenance("db", Maintenance{"disk"}));
    state_.set_node_maintenance(Maintenance{"kernel"});
    state_.set_status("n", {Health::passing, "fine"});
    ASSERT_FALSE(put(test_service("gone", "gone")));
    ASSERT_FALSE(state_.remove_service("gone"));
    state_.znode(node_of_agent);
    const auto before = lines();

    Registrations again(test_node("host1"), 10, 100);
    again.restore(before);

    Lines after;
    again.each_line([&](auto key, auto json) { after[std::string(key)] = json; });
    EXPECT_EQ(after, before);
    EXPECT_EQ(again.checks(), state_.checks());
    EXPECT_EQ(again.node(), state_.node());
    EXPECT_EQ(again.znode(web_path), state_.znode(web_path));
    EXPECT_EQ(again.services().at("db").source, Source::config);
    EXPECT_EQ(again.services().at("db").maintenance, Maintenance{"disk"});
    EXPECT_EQ(
        again.take_changes().paths,
        (Paths{web_path, node_of_agent, "/services/db/db@host1", "/services/gone/gone@host1"}));
}

TEST_F(RegistrationsTest, lines_that_make_no_sense_are_refused) {
    for (const auto& [key, json] :
         Lines{{"service/a", "7"},
               {"service/b", R"({"name":"b","id":"c","source":"api"})"},
               {"service/c", R"({"name":"c","id":"c","source":"moon"})"},
               {"service/d", R"({"name":"","id":"d","source":"api"})"},
               {"check/e", R"({"id":"e","name":"e","type":"ttl","ttl":"never","source":"api"})"},
               {"check/f",
                R"({"id":"f","name":"f","type":"ttl","ttl":"1s","serviceId":"x","source":"api"})"},
               {"node", R"({"maintenance":7})"}}) {
        Registrations state(test_node("host1"), 10, 100);
        try {
            state.restore({{key, json}});
            ADD_FAILURE() << key;
        } catch (const std::runtime_error& error) {
            EXPECT_TRUE(std::string(error.what()).starts_with(key + ": ")) << error.what();
        }
    }
}

}  // namespace
}  // namespace agent
