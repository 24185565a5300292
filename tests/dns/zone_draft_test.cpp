#include "dns/zone_draft.hpp"

#include "tests/support/compiled_names.hpp"
#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::addresses_in;
using support::labels;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

// A compiler that writes into a draft, as that of an agent in a zone.
struct Drafting {
    explicit Drafting(const std::string& zone = {})
        : compiler(table,
                   grammar,
                   {.selection = {.zone = zone},
                    .node = "host1",
                    .address = "192.0.2.1",
                    .draft = &draft}) {}

    ZoneChanges apply(const std::vector<std::shared_ptr<const agent::ServiceView>>& services,
                      const std::vector<std::shared_ptr<const agent::NodeView>>& nodes = {}) {
        auto step = support::publication(++index);
        step.services = services;
        step.nodes = nodes;
        compiler.apply(step);
        return draft.take();
    }

    std::uint64_t index = 10;
    AnswerTable table;
    Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    ZoneDraft draft{grammar, 2};
    AnswerCompiler compiler;
};

const auto host1 = make_node("host1", "10.0.0.1");
const ZoneName web{0, labels("web.service")};

std::vector<std::string> only_a(const StoredRecordsPointer& records) {
    StoredRecordsBuilder builder;
    records->each([&](const auto& record) {
        if (record.type() == rr::a) builder.add(record);
    });
    return addresses_in(builder.build());
}

TEST(ZoneDraft, has_the_names_that_changed_once_each_and_then_no_more) {
    Drafting with;
    with.apply({}, {host1});

    const auto first = with.apply({make_service("web", {{.node = host1, .tags = {"v1"}}})});
    const auto second = with.apply({make_service("web", {{.node = host1}})});

    ASSERT_TRUE(first.contains(web));
    EXPECT_EQ(only_a(first.at(web)), (Lines{"10.0.0.1"}));
    EXPECT_TRUE(first.contains({0, labels("v1.web.service")}));
    ASSERT_TRUE(second.contains({0, labels("v1.web.service")}));
    EXPECT_EQ(second.at({0, labels("v1.web.service")}), nullptr) << "the tag is gone";
    EXPECT_TRUE(with.draft.take().empty());
}

TEST(ZoneDraft, has_names_without_records_as_gone) {
    Drafting with;

    const auto changes =
        with.apply({make_service("web", {{.node = host1, .health = agent::Health::critical}})});

    ASSERT_TRUE(changes.contains(web));
    EXPECT_EQ(changes.at(web), nullptr);
}

TEST(ZoneDraft, puts_reverse_names_in_their_zones_but_for_those_of_loopback) {
    Drafting with;

    const auto changes = with.apply({}, {host1, make_node("lo", "127.0.0.1")});

    EXPECT_TRUE(changes.contains({1, labels("1.0.0.10.in-addr")}));
    for (const auto& [name, records] : changes) {
        EXPECT_NE(name.key, labels("1.0.0.127.in-addr"));
        EXPECT_NE(name.key, labels("ns")) << "is each agent's own";
    }
}

TEST(ZoneDraft, leaves_out_what_is_above_its_limit_and_counts_it) {
    Drafting with;

    const auto changes = with.apply(
        {make_service("web", {{host1, "10.0.0.9"}, {host1, "10.0.0.8"}, {host1, "10.0.0.7"}})});

    EXPECT_EQ(only_a(changes.at(web)), (Lines{"10.0.0.8", "10.0.0.9"})) << "the first two";
    EXPECT_GT(with.draft.left_out().value(), 0U);
}

// A secondary of two agents would otherwise go to and fro between their views.
TEST(ZoneDraft, is_the_same_on_agents_of_different_zones) {
    Drafting here("a");
    Drafting there("b");
    Drafting nowhere;
    const auto service = make_service("web",
                                      {{.node = host1, .address = "10.0.0.7", .zone = "a"},
                                       {.node = host1, .address = "10.0.0.8", .zone = "b"}});
    const auto all = {&here, &there, &nowhere};

    std::vector<ZoneChanges> drafts;
    for (auto* agent : all) drafts.push_back(agent->apply({service}));

    EXPECT_EQ(only_a(drafts[0].at(web)), (Lines{"10.0.0.7", "10.0.0.8"}));
    for (const auto& draft : drafts) {
        ASSERT_EQ(draft.size(), drafts[0].size());
        for (const auto& [name, records] : drafts[0]) EXPECT_EQ(*draft.at(name), *records);
    }
    const ReadSection section;
    const auto* answer = here.table.find(Space::forward, octets(web.key));
    ASSERT_NE(answer, nullptr);
    EXPECT_EQ(answer->find(Slot::a)->count(), 1U) << "its own clients are answered from nearby";
}

}  // namespace
}  // namespace dns
