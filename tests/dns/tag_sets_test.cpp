#include "dns/tag_sets.hpp"

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

constexpr unsigned name_error = 3;

class TagSets : public support::CompiledNames {};

TEST_F(TagSets, several_tags_select_those_that_have_them_all) {
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

TEST_F(TagSets, a_tag_that_would_be_the_name_of_a_port_is_none) {
    const support::Instance both{
        .node = host1, .tags = {"_metrics", "_tcp"}, .tagged_addresses = {{"metrics", {"", 9}}}};
    face.publish({make_service("web", {both})}, {host1});

    EXPECT_EQ(ask("_metrics._tcp.web.service", rr::srv),
              Lines{"1 1 9 Host1.node.dc1.roster.internal."});
    EXPECT_EQ(face.compiler.counters().unpublishable.value(), 2U);
    face.remove_services({"web"});
    EXPECT_EQ(ask("_metrics._tcp.web.service", rr::srv), Lines{"NXDOMAIN"});
}

TEST(TagSetsLimits, cap_the_sets_of_tags_of_a_service) {
    DnsFace face({.tag_sets_max = 3});
    const auto host1 = make_node("host1", "10.0.0.1");

    face.publish({make_service("web", {{.node = host1, .tags = {"a", "b", "c"}}})});

    EXPECT_EQ(face.ask("b.c.web.service.roster.internal", rr::a).data(), (Lines{"10.0.0.1"}));
    EXPECT_EQ(face.ask("a.b.c.web.service.roster.internal", rr::a).rcode, name_error);
    EXPECT_EQ(face.compiler.counters().tags_left_out.value(), 1U);
}

}  // namespace
}  // namespace dns
