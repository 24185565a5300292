#include "dns/dynamic_answers.hpp"

#include "tests/support/dns_face.hpp"
#include "tests/support/dns_updates.hpp"

#include <gtest/gtest.h>

namespace dns {
namespace {

agent::DynamicPublication step(std::vector<agent::DynamicName> names, std::uint64_t index) {
    agent::DynamicPublication made;
    made.index = agent::CatalogIndex{index};
    for (auto& name : names) {
        made.names.push_back(std::make_shared<const agent::DynamicName>(std::move(name)));
    }
    return made;
}

TEST(DynamicAnswers, are_given_while_the_name_is_there) {
    support::DnsFace face;
    face.publish({});
    face.compiler.apply(
        step({{"printer.office", {{rr::a, 60, support::address(9)}, {rr::txt, 60, "\1a"}}}}, 250));

    const auto reply = face.ask("Printer.office.roster.internal", rr::a);
    EXPECT_EQ(reply.rcode, 0U);
    EXPECT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(face.ask("office.roster.internal", rr::a).rcode, 0U);
    EXPECT_EQ(face.table.serial(), 250U);
    face.publish({});  // Of an earlier index: the serial does not go back.
    EXPECT_EQ(face.table.serial(), 250U);

    auto gone = step({}, 251);
    gone.removed = {"printer.office"};
    face.compiler.apply(gone);
    EXPECT_EQ(face.ask("printer.office.roster.internal", rr::a).rcode, 3U);
    EXPECT_EQ(face.ask("office.roster.internal", rr::a).rcode, 3U);
}

TEST(DynamicAnswers, never_take_the_place_of_a_name_of_the_configuration) {
    AnswerTable table;
    const Grammar grammar("roster.internal", "dc1", {});
    Compilation compilation{table, grammar, {.node = {}, .address = {}, .static_names = {"\3www"}}};
    DynamicAnswers answers(compilation);

    answers.apply(step({{"www", {{rr::a, 60, support::address(9)}}}, {"a..b", {}}}, 1));

    EXPECT_EQ(table.names(), 0U);
    EXPECT_EQ(compilation.counters.unpublishable.value(), 1U);
}

TEST(DynamicAnswers, are_waited_for_before_anything_is_known_for_sure) {
    AnswerTable table;
    const Grammar grammar("roster.internal", "dc1", {});
    AnswerCompiler compiler(
        table, grammar, {.node = "host1", .address = {}, .awaits_dynamic_names = true});

    compiler.apply(support::publication(1));
    EXPECT_EQ(table.freshness(), Freshness::unsynced);
    compiler.apply(step({}, 1));
    EXPECT_EQ(table.freshness(), Freshness::current);
}

}  // namespace
}  // namespace dns
