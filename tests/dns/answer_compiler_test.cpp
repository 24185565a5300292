#include "dns/answer_compiler.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::DnsFace;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

constexpr unsigned name_error = 3;

class Compiler : public support::CompiledNames {};

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
    DnsFace face({.records_max = 5, .tags_max = 2, .browse = {}});
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

TEST_F(Compiler, only_what_changed_is_rebuilt) {
    face.publish({make_service("web", {{host1}}), make_service("api", {{host1}})}, {host1});
    const auto before = face.compiler.counters().rebuilt.value();

    face.publish({make_service("web", {{host1, "10.0.0.3"}})});

    EXPECT_EQ(face.compiler.counters().rebuilt.value(), before + 1);
    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.3"}));
    EXPECT_EQ(ask("api.service", rr::a), (Lines{"10.0.0.1"}));
}

}  // namespace
}  // namespace dns
