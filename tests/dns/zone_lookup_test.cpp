#include "dns/zone_lookup.hpp"

#include "tests/support/dns_face.hpp"
#include "tests/support/dns_updates.hpp"

#include <gtest/gtest.h>

namespace dns {
namespace {

TEST(ZoneLookup, finds_what_clients_are_told_of_and_nothing_where_an_alias_leads) {
    support::DnsFace face;
    const auto node = support::make_node("host1", "10.0.0.1");
    face.publish({support::make_service("web", {{.node = node}}),
                  support::make_service(
                      "alias", {{.node = node, .address = "web.service.roster.internal"}})},
                 {node});
    const auto at = [&](const char* name, std::uint16_t type) {
        return records_at(face.responder, support::name_of(name), type);
    };

    ASSERT_EQ(at("host1.node.roster.internal", rr::a).size(), 1U);
    EXPECT_EQ(at("host1.node.roster.internal", rr::a)[0].rdata, support::address(1));
    EXPECT_EQ(at("host1.node.roster.internal", rr::a)[0].hold, ZoneRecord::Hold::fixed);
    EXPECT_EQ(at("roster.internal", rr::soa).size(), 1U);
    EXPECT_FALSE(at("roster.internal", rr::any).empty());
    EXPECT_TRUE(at("host2.node.roster.internal", rr::any).empty());
    EXPECT_TRUE(at("node.roster.internal", rr::any).empty());
    EXPECT_TRUE(at("alias.service.roster.internal", rr::a).empty());
}

}  // namespace
}  // namespace dns
