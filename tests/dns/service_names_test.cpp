#include "dns/service_names.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using agent::Health;
using support::DnsFace;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

class ServiceNaming : public support::CompiledNames {};

TEST_F(ServiceNaming, a_service_has_the_addresses_of_its_instances_or_of_their_nodes) {
    face.publish({make_service("web", {{host1}, {host1, "10.9.9.9"}, {host2}})}, {host1, host2});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1", "10.9.9.9"}));
    EXPECT_EQ(ask("web.service", rr::aaaa), (Lines{"fd00:0:0:0:0:0:0:2"}));
}

TEST_F(ServiceNaming, srv_weight_follows_the_health) {
    face.publish(
        {make_service("web",
                      {{.node = host1, .port = 1, .weights = {7, 2}},
                       {.node = host1, .port = 2, .health = Health::warning, .weights = {7, 2}}})},
        {host1});

    EXPECT_EQ(
        ask("web.service", rr::srv),
        (Lines{"1 2 2 Host1.node.dc1.roster.internal.", "1 7 1 Host1.node.dc1.roster.internal."}));
}

TEST_F(ServiceNaming, critical_and_maintained_instances_are_left_out_and_warning_ones_are_not) {
    face.publish({make_service("web",
                               {{.node = host1, .address = "10.0.0.3"},
                                {.node = host1, .address = "10.0.0.4", .health = Health::warning},
                                {.node = host1, .address = "10.0.0.5", .health = Health::critical},
                                {.node = host1, .address = "10.0.0.6", .maintenance = true}})});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.3", "10.0.0.4"}));
}

TEST(ServiceNamingOnlyPassing, leaves_out_warning_instances) {
    DnsFace face({.only_passing = true});
    const auto host1 = make_node("host1", "10.0.0.1");
    face.publish({make_service(
        "web", {{host1}, {.node = host1, .address = "10.0.0.4", .health = Health::warning}})});

    EXPECT_EQ(face.ask("web.service.roster.internal", rr::a).data(), (Lines{"10.0.0.1"}));
}

TEST_F(ServiceNaming, a_known_service_without_healthy_instances_exists_and_a_removed_one_does_not) {
    face.publish({make_service("web", {{.node = host1, .tags = {"a"}, .health = Health::critical}}),
                  make_service("empty", {})});

    EXPECT_EQ(ask("web.service", rr::a), Lines{});
    EXPECT_EQ(ask("a.web.service", rr::srv), Lines{});
    EXPECT_EQ(ask("empty.service", rr::a), Lines{});
    EXPECT_EQ(ask("b.web.service", rr::a), Lines{"NXDOMAIN"});

    face.remove_services({"web", "never-there"});
    EXPECT_EQ(ask("web.service", rr::a), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("a.web.service", rr::a), Lines{"NXDOMAIN"});
}

TEST_F(ServiceNaming, a_tag_selects_instances_and_case_does_not_matter) {
    face.publish({make_service("Web",
                               {{.node = host1, .tags = {"Primary", "v1", "v1"}},
                                {.node = host1, .address = "10.0.0.3", .tags = {"v1"}}})});

    EXPECT_EQ(ask("primary.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("V1.WEB.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("_web._primary", rr::srv).size(), 1U);
    EXPECT_EQ(ask("_web._tcp.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
}

TEST_F(ServiceNaming, who_stands_by_is_in_srv_and_answers_addresses_only_when_the_others_are_gone) {
    const support::Instance spare{
        .node = host1, .address = "10.0.0.9", .meta = {{"dns-priority", "2"}}};
    face.publish({make_service("db", {{host1}, spare})}, {host1});

    EXPECT_EQ(ask("db.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("db.service", rr::srv),
              (Lines{"1 1 8080 Host1.node.dc1.roster.internal.",
                     "2 1 8080 0a000009.addr.dc1.roster.internal."}));
    EXPECT_EQ(ask("db.service", rr::txt), Lines{});

    face.publish({make_service("db", {{.node = host1, .health = Health::critical}, spare})});
    EXPECT_EQ(ask("db.service", rr::a), (Lines{"10.0.0.9"}));
}

TEST_F(ServiceNaming, a_service_that_says_so_is_answered_with_everybody_when_nobody_is_healthy) {
    const auto web = [&](Health health) {
        return make_service("web",
                            {{.node = host1,
                              .tags = {"a"},
                              .health = health,
                              .meta = {{"dns-none-healthy", "all"}}},
                             {.node = host1,
                              .address = "10.0.0.3",
                              .tags = {"a", "b"},
                              .health = Health::critical}});
    };
    face.publish({web(Health::critical)});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("a.web.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("b.web.service", rr::a), Lines{});

    face.publish({web(Health::passing)});
    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1"}));
}

TEST_F(ServiceNaming, a_port_that_has_a_name_is_asked_for_by_it) {
    face.publish(
        {make_service(
            "web",
            {{.node = host1,
              .tagged_addresses = {{"Metrics", {"", 9100}}, {"wan", {"198.51.100.1", 80}}}},
             {.node = host1, .address = "10.0.0.3", .tagged_addresses = {{"metrics", {"", 9101}}}},
             {.node = host1,
              .address = "10.0.0.4",
              .tagged_addresses = {{"grpc", {"10.0.0.5", 7}}}},
             {.node = host1, .address = "10.0.0.6"}})},
        {host1});

    EXPECT_EQ(ask("_metrics._tcp.web.service", rr::srv),
              (Lines{"1 1 9100 Host1.node.dc1.roster.internal.",
                     "1 1 9101 0a000003.addr.dc1.roster.internal."}));
    EXPECT_EQ(ask("_Metrics._TCP.web.service.dc1", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("_grpc._tcp.web.service", rr::srv),
              (Lines{"1 1 7 0a000005.addr.dc1.roster.internal."}));
    EXPECT_EQ(ask("_tcp.web.service", rr::a), Lines{});
    EXPECT_EQ(ask("_wan._tcp.web.service", rr::srv), Lines{"NXDOMAIN"});

    face.publish({make_service("web", {{host1}})});
    EXPECT_EQ(ask("_metrics._tcp.web.service", rr::srv), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_tcp.web.service", rr::a), Lines{"NXDOMAIN"});
}

TEST(ServiceNamingLimits, cap_the_named_ports_of_a_service) {
    DnsFace face;
    support::Instance many{.node = make_node("host1", "10.0.0.1")};
    for (int i = 0; i < 65; ++i) many.tagged_addresses["p" + std::to_string(i)] = {"", 1};

    face.publish({make_service("web", {many})});

    EXPECT_EQ(face.compiler.counters().ports_left_out.value(), 1U);
}

TEST(ServiceNamingTtl, is_that_of_the_service_or_that_configured_for_its_name) {
    using std::chrono::seconds;
    DnsFace face({.service_ttl = {{"web", seconds(20)}, {"w*", seconds(30)}, {"*", seconds(40)}}});
    const auto host1 = make_node("host1", "10.0.0.1");
    const auto ttl = [&](const std::string& service) {
        return face.ask(service + ".service.roster.internal", rr::a).answers.at(0).ttl;
    };
    face.publish({make_service("web", {{host1}}),
                  make_service("webs", {{host1}}),
                  make_service("api", {{host1}}),
                  make_service("own",
                               {{.node = host1, .meta = {{"dns-ttl", "2m"}}},
                                {.node = host1, .port = 1, .meta = {{"dns-ttl", "1m"}}},
                                {.node = host1, .port = 2, .meta = {{"dns-ttl", "long"}}}})});

    EXPECT_EQ(ttl("web"), 20U);
    EXPECT_EQ(ttl("webs"), 30U);
    EXPECT_EQ(ttl("api"), 40U);
    EXPECT_EQ(ttl("own"), 60U);
    EXPECT_EQ(face.compiler.counters().settings_ignored.value(), 1U);
}

TEST(ServiceNamingZone, answers_its_own_zone_first_and_all_when_too_few_are_healthy_there) {
    DnsFace face({.zone = "a"});
    agent::NodeRecord in_a;
    in_a.zone = "a";
    const auto near = make_node("near", "10.0.0.1", in_a);
    const auto far = make_node("far", "10.0.0.2");
    const auto web = [&](Health health) {
        return make_service("web",
                            {{near},
                             {.node = near, .address = "10.0.0.3", .health = health},
                             {.node = near, .address = "10.0.0.4", .health = health},
                             {.node = far},
                             {.node = near, .address = "10.0.0.5", .zone = "b"}});
    };
    const auto data = [&](unsigned type) {
        return face.ask("web.service.roster.internal", type).data();
    };
    face.publish({web(Health::passing)}, {near, far});

    EXPECT_EQ(data(rr::a), (Lines{"10.0.0.1", "10.0.0.3", "10.0.0.4"}));
    EXPECT_EQ(data(rr::srv),
              (Lines{"1 1 8080 0a000003.addr.dc1.roster.internal.",
                     "1 1 8080 0a000004.addr.dc1.roster.internal.",
                     "1 1 8080 near.node.dc1.roster.internal.",
                     "2 1 8080 0a000005.addr.dc1.roster.internal.",
                     "2 1 8080 far.node.dc1.roster.internal."}));

    face.publish({web(Health::critical)});
    EXPECT_EQ(data(rr::a), (Lines{"10.0.0.1", "10.0.0.2", "10.0.0.5"}));
    EXPECT_EQ(data(rr::srv).front().substr(0, 2), "1 ");
    EXPECT_EQ(data(rr::srv).back().substr(0, 2), "1 ");
}

TEST_F(ServiceNaming, tags_that_are_gone_are_names_no_more) {
    face.publish({make_service("web", {{.node = host1, .tags = {"old", "both"}}})});
    face.publish({make_service("web", {{.node = host1, .tags = {"new", "both"}}})});

    EXPECT_EQ(ask("old.web.service", rr::a), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_old", rr::a), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("new.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("both.web.service", rr::a), (Lines{"10.0.0.1"}));
}

TEST_F(ServiceNaming, services_whose_names_differ_in_case_only_answer_together) {
    face.publish({make_service("Web", {{host1}}), make_service("web", {{host1, "10.0.0.3"}})});
    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));

    face.remove_services({"Web"});
    EXPECT_EQ(ask("WEB.service", rr::a), (Lines{"10.0.0.3"}));
}

}  // namespace
}  // namespace dns
