#include "dns/name_records.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace dns {
namespace {

using support::DnsFace;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

class RecordsOfAName : public support::CompiledNames {};

TEST_F(RecordsOfAName, two_instances_on_one_address_are_one_address_and_two_srv_records) {
    face.publish({make_service("web", {{host1, "", 80}, {host1, "", 81}, {host1, "", 81}})},
                 {host1});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.1"}));
    const auto reply = face.ask("web.service.roster.internal", rr::srv);
    EXPECT_EQ(reply.data(),
              (Lines{"1 1 80 Host1.node.dc1.roster.internal.",
                     "1 1 81 Host1.node.dc1.roster.internal."}));
    EXPECT_EQ(reply.additional(), (Lines{"Host1.node.dc1.roster.internal. 10.0.0.1"}));
}

TEST_F(RecordsOfAName, srv_targets_are_the_node_the_address_or_the_hostname) {
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

TEST_F(RecordsOfAName, an_ipv4_address_mapped_into_ipv6_is_ipv4) {
    face.publish({make_service("web", {{host1, "::ffff:10.0.0.9"}, {host1, "10.0.0.9"}})}, {host1});

    EXPECT_EQ(ask("web.service", rr::a), (Lines{"10.0.0.9"}));
    EXPECT_EQ(ask("web.service", rr::aaaa), Lines{});
    const auto reply = face.ask("web.service.roster.internal", rr::srv);
    EXPECT_EQ(reply.additional(), (Lines{"0a000009.addr.dc1.roster.internal. 10.0.0.9"}));
}

TEST_F(RecordsOfAName, every_srv_target_of_ours_can_be_asked_for) {
    face.publish({make_service("web", {{host1}, {host1, "10.9.9.9"}, {host2}})}, {host1, host2});
    const auto reply = face.ask("web.service.roster.internal", rr::srv);
    ASSERT_EQ(reply.extras.size(), 3U);

    for (const auto& extra : reply.extras) {
        const auto target = face.ask(extra.owner.substr(0, extra.owner.size() - 1), extra.type);
        EXPECT_EQ(target.data(), (Lines{extra.data})) << extra.owner;
    }
}

TEST_F(RecordsOfAName, addresses_come_in_an_order_by_weight_and_none_where_all_weigh_the_same) {
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

TEST_F(RecordsOfAName, an_address_of_two_instances_has_the_weights_of_both) {
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

TEST_F(RecordsOfAName, long_text_is_cut_into_strings_of_255_octets) {
    agent::NodeRecord record;
    record.meta = {{"k", std::string(300, 'v')}, {"huge", std::string(5000, 'v')}};
    face.publish({}, {make_node("n", "10.0.0.8", record)});

    const auto texts = ask("n.node", rr::txt);

    EXPECT_EQ(texts, (Lines{"k=" + std::string(253, 'v') + "|" + std::string(47, 'v')}));
    EXPECT_EQ(face.compiler.counters().records_left_out.value(), 1U);
}

TEST_F(RecordsOfAName, a_service_has_the_meta_of_its_instances_once) {
    face.publish({make_service("web",
                               {{.node = host1, .meta = {{"v", "1"}}},
                                {.node = host2, .meta = {{"v", "1"}, {"w", "2"}}}})});

    EXPECT_EQ(ask("web.service", rr::txt), (Lines{"v=1", "w=2"}));
}

TEST_F(RecordsOfAName, instances_at_hostnames_give_one_cname_unless_there_is_an_address) {
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

TEST(RecordsOfANameLimits, an_answer_always_fits_one_message_over_tcp) {
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

}  // namespace
}  // namespace dns
