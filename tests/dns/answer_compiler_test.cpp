#include "dns/answer_compiler.hpp"

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace dns {
namespace {

using agent::Health;
using support::DnsFace;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

constexpr unsigned no_error = 0;
constexpr unsigned name_error = 3;

class Compiler : public testing::Test {
protected:
    // NOERROR and nothing, NXDOMAIN, or the data.
    Lines ask(const std::string& name, unsigned type) {
        const auto reply = face.ask(name + ".roster.internal", type);
        if (reply.rcode == name_error) return {"NXDOMAIN"};
        EXPECT_EQ(reply.rcode, no_error);
        return reply.data();
    }

    DnsFace face;
    std::shared_ptr<const agent::NodeView> host1 = make_node("Host1", "10.0.0.1");
    std::shared_ptr<const agent::NodeView> host2 = make_node("host2", "fd00::2");
};

TEST_F(Compiler, a_service_has_the_addresses_of_its_instances_or_of_their_nodes) {
    face.publish({make_service("web", {{host1}, {host1, "10.9.9.9"}, {host2}})}, {host1, host2});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1", "10.9.9.9"}));
    EXPECT_EQ(ask("web.service", rr::aaaa), (Lines{"fd00:0:0:0:0:0:0:2"}));
}

TEST_F(Compiler, two_instances_on_one_address_are_one_address_and_two_srv_records) {
    face.publish({make_service("web", {{host1, "", 80}, {host1, "", 81}, {host1, "", 81}})},
                 {host1});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1"}));
    const auto reply = face.ask("web.service.roster.internal", rr::srv);
    EXPECT_EQ(reply.data(),
              (Lines{"1 1 80 Host1.node.dc1.roster.internal.",
                     "1 1 81 Host1.node.dc1.roster.internal."}));
    EXPECT_EQ(reply.additional(), (Lines{"Host1.node.dc1.roster.internal. 10.0.0.1"}));
}

TEST_F(Compiler, srv_targets_are_the_node_the_address_or_the_hostname) {
    const auto unknown = make_node("late", "10.0.0.7");
    auto late = make_service("late", {{unknown}});
    agent::ServiceView without_node = *late;
    without_node.instances[0].node = nullptr;
    face.publish(
        {make_service(
             "web", {{host1}, {host1, "10.0.0.1"}, {host1, "fd00::9"}, {host1, "db.example.com"}}),
         std::make_shared<const agent::ServiceView>(without_node)},
        {host1});

    const auto reply = face.ask("web.service.roster.internal", rr::srv);

    EXPECT_EQ(reply.data(),
              (Lines{"1 1 8080 Host1.node.dc1.roster.internal.",
                     "1 1 8080 db.example.com.",
                     "1 1 8080 fd000000000000000000000000000009.addr.dc1.roster.internal."}));
    EXPECT_EQ(reply.additional(),
              (Lines{"Host1.node.dc1.roster.internal. 10.0.0.1",
                     "fd000000000000000000000000000009.addr.dc1.roster.internal. "
                     "fd00:0:0:0:0:0:0:9"}));
    EXPECT_EQ(ask("late.service", rr::srv), (Lines{"1 1 8080 0a000007.addr.dc1.roster.internal."}));
}

TEST_F(Compiler, every_srv_target_of_ours_can_be_asked_for) {
    face.publish({make_service("web", {{host1}, {host1, "10.9.9.9"}, {host2}})}, {host1, host2});
    const auto reply = face.ask("web.service.roster.internal", rr::srv);
    ASSERT_EQ(reply.extras.size(), 3U);

    for (const auto& extra : reply.extras) {
        const auto target = face.ask(extra.owner.substr(0, extra.owner.size() - 1), extra.type);
        EXPECT_EQ(target.data(), (Lines{extra.data})) << extra.owner;
    }
}

TEST_F(Compiler, srv_weight_follows_the_health) {
    face.publish(
        {make_service("web",
                      {{.node = host1, .port = 1, .weights = {7, 2}},
                       {.node = host1, .port = 2, .health = Health::warning, .weights = {7, 2}}})},
        {host1});

    EXPECT_EQ(
        ask("web.service", rr::srv),
        (Lines{"1 2 2 Host1.node.dc1.roster.internal.", "1 7 1 Host1.node.dc1.roster.internal."}));
}

TEST_F(Compiler, critical_and_maintained_instances_are_left_out_and_warning_ones_are_not) {
    face.publish({make_service("web",
                               {{.node = host1, .address = "10.0.0.3"},
                                {.node = host1, .address = "10.0.0.4", .health = Health::warning},
                                {.node = host1, .address = "10.0.0.5", .health = Health::critical},
                                {.node = host1, .address = "10.0.0.6", .maintenance = true}})});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.3", "10.0.0.4"}));
}

TEST(CompilerOnlyPassing, leaves_out_warning_instances) {
    DnsFace face({.only_passing = true});
    const auto host1 = make_node("host1", "10.0.0.1");
    face.publish({make_service(
        "web", {{host1}, {.node = host1, .address = "10.0.0.4", .health = Health::warning}})});

    EXPECT_EQ(face.ask("web.service.roster.internal", rr::a).data(), (Lines{"10.0.0.1"}));
}

TEST_F(Compiler, a_known_service_without_healthy_instances_exists_and_a_removed_one_does_not) {
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

TEST_F(Compiler, a_tag_selects_instances_and_case_does_not_matter) {
    face.publish({make_service("Web",
                               {{.node = host1, .tags = {"Primary", "v1", "v1"}},
                                {.node = host1, .address = "10.0.0.3", .tags = {"v1"}}})});

    EXPECT_EQ(ask("primary.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("V1.WEB.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("_web._primary", rr::srv).size(), 1U);
    EXPECT_EQ(ask("_web._tcp.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
}

TEST_F(Compiler, several_tags_select_those_that_have_them_all) {
    face.publish({make_service("web",
                               {{.node = host1, .tags = {"v1", "EU", "blue"}},
                                {.node = host1, .address = "10.0.0.3", .tags = {"v1", "eu"}},
                                {.node = host1, .address = "10.0.0.4", .tags = {"v2"}},
                                {.node = host1,
                                 .address = "10.0.0.5",
                                 .tags = {"v2", "us"},
                                 .health = Health::critical}})});

    EXPECT_EQ(ask("v1.eu.web.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("EU.v1.web.service.dc1", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));
    EXPECT_EQ(ask("blue.v1.eu.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("us.v2.web.service", rr::a), Lines{});
    EXPECT_EQ(ask("v1.v2.web.service", rr::a), Lines{"NXDOMAIN"});

    face.publish({make_service("web", {{.node = host1, .tags = {"v1", "blue"}}})});
    EXPECT_EQ(ask("v1.blue.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("v1.eu.web.service", rr::a), Lines{"NXDOMAIN"});
    face.remove_services({"web"});
    EXPECT_EQ(ask("v1.blue.web.service", rr::a), Lines{"NXDOMAIN"});
}

TEST_F(Compiler, addresses_come_in_an_order_by_weight_and_none_where_all_weigh_the_same) {
    face.publish({make_service("web",
                               {{.node = host1, .address = "10.0.0.3", .weights = {9, 1}},
                                {.node = host1, .address = "10.0.0.4", .weights = {1, 1}}})});
    int first = 0;

    for (int i = 0; i < 2000; ++i) {
        const auto reply = face.ask("web.service.roster.internal", rr::a);
        ASSERT_EQ(reply.answers.size(), 2U);
        first += reply.answers[0].data == "10.0.0.3" ? 1 : 0;
    }

    EXPECT_NEAR(first, 1800, 100);
}

TEST_F(Compiler, an_address_of_two_instances_has_the_weights_of_both) {
    face.publish(
        {make_service("web",
                      {{.node = host1, .address = "10.0.0.3", .port = 1, .weights = {2, 1}},
                       {.node = host1, .address = "10.0.0.3", .port = 2, .weights = {3, 1}},
                       {.node = host1, .address = "10.0.0.4", .weights = {5, 1}}})});
    int first = 0;

    for (int i = 0; i < 2000; ++i) {
        const auto reply = face.ask("web.service.roster.internal", rr::a);
        first += reply.answers.at(0).data == "10.0.0.3" ? 1 : 0;
    }

    EXPECT_NEAR(first, 1000, 150);
}

TEST_F(Compiler, who_stands_by_is_in_srv_and_answers_addresses_only_when_the_others_are_gone) {
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

TEST_F(Compiler, a_service_that_says_so_is_answered_with_everybody_when_nobody_is_healthy) {
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

TEST_F(Compiler, a_port_that_has_a_name_is_asked_for_by_it) {
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

TEST(CompilerLimits, cap_the_named_ports_of_a_service) {
    DnsFace face;
    support::Instance many{.node = make_node("host1", "10.0.0.1")};
    for (int i = 0; i < 65; ++i) many.tagged_addresses["p" + std::to_string(i)] = {"", 1};

    face.publish({make_service("web", {many})});

    EXPECT_EQ(face.compiler.counters().ports_left_out.value(), 1U);
}

TEST(CompilerTtl, is_that_of_the_service_or_that_configured_for_its_name) {
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

TEST(CompilerZone, answers_its_own_zone_first_and_all_when_too_few_are_healthy_there) {
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

TEST_F(Compiler, tags_that_are_gone_are_names_no_more) {
    face.publish({make_service("web", {{.node = host1, .tags = {"old", "both"}}})});
    face.publish({make_service("web", {{.node = host1, .tags = {"new", "both"}}})});

    EXPECT_EQ(ask("old.web.service", rr::a), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_old", rr::a), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("new.web.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("both.web.service", rr::a), (Lines{"10.0.0.1"}));
}

TEST_F(Compiler, names_above_other_names_exist_without_data) {
    face.publish({});
    for (const auto* kind : {"service", "node", "addr", "dc1", "service.dc1"}) {
        EXPECT_EQ(ask(kind, rr::a), Lines{}) << kind;
    }
    EXPECT_EQ(ask("_tcp", rr::a), Lines{"NXDOMAIN"});
    face.publish({make_service("web", {{.node = host1, .tags = {"blue"}}})},
                 {make_node("db.example", "10.0.0.8")});

    for (const auto* implied :
         {"_tcp", "_tcp.service", "_blue", "_blue.service.dc1", "example.node"}) {
        EXPECT_EQ(ask(implied, rr::srv), Lines{}) << implied;
    }

    face.remove_services({"web"});
    face.remove_nodes({"db.example"});
    for (const auto* gone : {"_tcp", "_tcp.service", "_blue", "_blue.service", "example.node"}) {
        EXPECT_EQ(ask(gone, rr::srv), Lines{"NXDOMAIN"}) << gone;
    }
}

TEST_F(Compiler, a_node_has_its_address_and_its_meta_and_may_have_dots) {
    agent::NodeRecord record;
    record.meta = {{"rack", "7"}, {"a=b", "x`y"}, {" lead", "v"}, {"rfc1035-spf", "v=spf1"}};
    face.publish({}, {make_node("db.example.com", "10.0.0.8", record)});

    EXPECT_EQ(ask("DB.example.com.node", rr::a), (Lines{"10.0.0.8"}));
    EXPECT_EQ(ask("db.example.com.node.dc1", rr::txt),
              (Lines{"` lead=v", "a`=b=x``y", "rack=7", "v=spf1"}));
    EXPECT_EQ(ask("db.example.com.node", rr::aaaa), Lines{});
}

TEST_F(Compiler, long_text_is_cut_into_strings_of_255_octets) {
    agent::NodeRecord record;
    record.meta = {{"k", std::string(300, 'v')}, {"huge", std::string(5000, 'v')}};
    face.publish({}, {make_node("n", "10.0.0.8", record)});

    const auto texts = ask("n.node", rr::txt);

    EXPECT_EQ(texts, (Lines{"k=" + std::string(253, 'v') + "|" + std::string(47, 'v')}));
    EXPECT_EQ(face.compiler.counters().records_left_out.value(), 1U);
}

TEST_F(Compiler, a_service_has_the_meta_of_its_instances_once) {
    face.publish({make_service("web",
                               {{.node = host1, .meta = {{"v", "1"}}},
                                {.node = host2, .meta = {{"v", "1"}, {"w", "2"}}}})});

    EXPECT_EQ(ask("web.service", rr::txt), (Lines{"v=1", "w=2"}));
}

TEST_F(Compiler, instances_at_hostnames_give_one_cname_unless_there_is_an_address) {
    face.publish({make_service("ext", {{host1, "a.example.com"}, {host1, "b.example.com"}}),
                  make_service("mixed", {{host1}, {host1, "a.example.com"}}),
                  make_service("bad", {{host1, "no such host"}})});

    std::set<std::string> seen;
    for (int i = 0; i < 100; ++i) {
        const auto names = ask("ext.service", i % 2 == 0 ? rr::a : rr::aaaa);
        ASSERT_EQ(names.size(), 1U);
        seen.insert(names[0]);
    }
    EXPECT_EQ(seen, (std::set<std::string>{"a.example.com.", "b.example.com."}));
    EXPECT_EQ(ask("mixed.service", rr::a), (Lines{"10.0.0.1"}));
    EXPECT_EQ(ask("mixed.service", rr::aaaa), Lines{});
    EXPECT_EQ(ask("bad.service", rr::a), Lines{});
    EXPECT_EQ(face.compiler.counters().unpublishable.value(), 1U);
}

TEST_F(Compiler, reverse_names_lead_to_the_node_or_else_to_the_services) {
    const auto pointers = [&](const std::string& name) {
        const auto reply = face.ask(name, rr::ptr);
        return reply.rcode == name_error ? Lines{"NXDOMAIN"} : reply.data();
    };
    face.publish({make_service("web", {{host1}, {host1, "10.9.9.9"}}),
                  make_service("api", {{host1, "10.9.9.9"}})},
                 {host1});

    EXPECT_EQ(pointers("1.0.0.10.in-addr.arpa"), (Lines{"Host1.node.dc1.roster.internal."}));
    EXPECT_EQ(pointers("9.9.9.10.in-addr.arpa"),
              (Lines{"api.service.dc1.roster.internal.", "web.service.dc1.roster.internal."}));
    EXPECT_EQ(pointers("9.10.in-addr.arpa"), Lines{});
    EXPECT_EQ(pointers("2.0.0.10.in-addr.arpa"), Lines{"NXDOMAIN"});

    face.remove_nodes({"Host1"});
    EXPECT_EQ(pointers("1.0.0.10.in-addr.arpa"), (Lines{"web.service.dc1.roster.internal."}));
    face.publish({make_service("web", {})});
    face.remove_services({"api"});
    EXPECT_EQ(pointers("1.0.0.10.in-addr.arpa"), Lines{"NXDOMAIN"});
    EXPECT_EQ(pointers("9.9.9.10.in-addr.arpa"), Lines{"NXDOMAIN"});
}

TEST_F(Compiler, reverse_names_of_version_6_are_nibbles) {
    const std::string zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
    face.publish({make_service("web", {{host1, "fd00::9"}})}, {host2});

    EXPECT_EQ(face.ask("2." + zeros + "0.d.f.ip6.arpa", rr::ptr).rcode, name_error);
    EXPECT_EQ(face.ask("2." + zeros + "0.0.d.f.ip6.arpa", rr::ptr).data(),
              (Lines{"host2.node.dc1.roster.internal."}));
    EXPECT_EQ(face.ask("9." + zeros + "0.0.d.f.ip6.arpa", rr::ptr).data(),
              (Lines{"web.service.dc1.roster.internal."}));
    EXPECT_EQ(face.ask("0.0.d.f.ip6.arpa", rr::ptr).rcode, no_error);
}

TEST_F(Compiler, an_address_that_comes_and_goes_in_one_step_leaves_no_reverse_name) {
    auto step = support::publication(200);
    step.services = {make_service("web", {{host1, "10.9.9.9"}})};
    step.removed_services = {"web"};

    face.compiler.apply(step);

    EXPECT_EQ(face.ask("9.9.9.10.in-addr.arpa", rr::ptr).rcode, name_error);
}

TEST_F(Compiler, services_whose_names_differ_in_case_only_answer_together) {
    face.publish({make_service("Web", {{host1}}), make_service("web", {{host1, "10.0.0.3"}})});
    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1", "10.0.0.3"}));

    face.remove_services({"Web"});
    EXPECT_EQ(ask("WEB.service", rr::a), (Lines{"10.0.0.3"}));
}

TEST_F(Compiler, names_that_dns_cannot_carry_are_counted) {
    face.publish(
        {make_service("a.b", {{host1}}), make_service("web", {{.node = host1, .tags = {"v1.2"}}})},
        {make_node("x..y", "10.0.0.1")});

    EXPECT_EQ(face.compiler.counters().unpublishable.value(), 3U);
    EXPECT_EQ(face.ask("b.service.roster.internal", rr::a).rcode, name_error);
    face.remove_services({"a.b"});
    face.remove_nodes({"x..y"});
}

TEST(CompilerLimits, cap_the_records_of_an_answer_and_the_tags_of_a_service) {
    DnsFace face({.records_max = 5, .tags_max = 2});
    const auto host1 = make_node("host1", "10.0.0.1");
    std::vector<support::Instance> many;
    for (int i = 0; i < 8; ++i) many.push_back({host1, "10.0.1." + std::to_string(i)});
    many[0].tags = {"a", "b", "c"};

    face.publish({make_service("web", many)});

    EXPECT_EQ(face.ask_tcp("web.service.roster.internal", rr::a).answers.size(), 5U);
    EXPECT_EQ(face.ask_tcp("web.service.roster.internal", rr::srv).extras.size(), 5U);
    EXPECT_EQ(face.compiler.counters().records_left_out.value(), 6U);
    EXPECT_EQ(face.compiler.counters().tags_left_out.value(), 1U);
}

TEST(CompilerLimits, cap_the_sets_of_tags_of_a_service) {
    DnsFace face({.tag_sets_max = 3});
    const auto host1 = make_node("host1", "10.0.0.1");

    face.publish({make_service("web", {{.node = host1, .tags = {"a", "b", "c"}}})});

    EXPECT_EQ(face.ask("b.c.web.service.roster.internal", rr::a).data(), (Lines{"10.0.0.1"}));
    EXPECT_EQ(face.ask("a.b.c.web.service.roster.internal", rr::a).rcode, name_error);
    EXPECT_EQ(face.compiler.counters().tags_left_out.value(), 1U);
}

TEST(CompilerLimits, an_answer_always_fits_one_message_over_tcp) {
    DnsFace face({.records_max = 60'000});
    const auto host1 = make_node("host1", "10.0.0.1");
    std::vector<support::Instance> many;
    for (int i = 0; i < 5000; ++i) {
        many.push_back({host1, "10.1." + std::to_string(i / 256) + "." + std::to_string(i % 256)});
    }

    face.publish({make_service("web", many)});
    const auto reply = face.ask_tcp("web.service.roster.internal", rr::srv);

    EXPECT_FALSE(reply.tc());
    EXPECT_GT(reply.bytes.size(), 60'000U);
    EXPECT_GT(face.compiler.counters().records_left_out.value(), 0U);
}

TEST_F(Compiler, only_what_changed_is_rebuilt) {
    face.publish({make_service("web", {{host1}}), make_service("api", {{host1}})}, {host1});
    const auto before = face.compiler.counters().rebuilt.value();

    face.publish({make_service("web", {{host1, "10.0.0.3"}})});

    EXPECT_EQ(face.compiler.counters().rebuilt.value(), before + 1);
    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.3"}));
    EXPECT_EQ(ask("api.service", rr::a), (Lines{"10.0.0.1"}));
}

TEST_F(Compiler, the_name_server_is_this_node_or_the_configured_address_until_it_is_known) {
    face.publish({});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"192.0.2.1"}));

    face.publish({}, {make_node("host1", "10.0.0.1")});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"10.0.0.1"}));

    face.remove_nodes({"host1"});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"192.0.2.1"}));
}

}  // namespace
}  // namespace dns
