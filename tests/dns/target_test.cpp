#include "dns/target.hpp"

#include "tests/support/publications.hpp"

#include <gtest/gtest.h>

#include <string>

namespace dns {
namespace {

class Targets : public testing::Test {
protected:
    std::string target(const std::string& address) {
        const auto found = find_target(grammar, service->instances[0], address);
        return found ? format_name(octets(found->name)) + (found->ip ? " ours" : "") : "none";
    }

    Grammar grammar{"roster.internal", "dc1", {}};
    std::shared_ptr<const agent::NodeView> host1 = support::make_node("Host1", "10.0.0.1");
    std::shared_ptr<const agent::ServiceView> service = support::make_service("web", {{host1}});
};

TEST_F(Targets, are_the_node_the_address_or_the_hostname) {
    EXPECT_EQ(target("10.0.0.1"), "Host1.node.dc1.roster.internal. ours");
    EXPECT_EQ(target("10.0.0.2"), "0a000002.addr.dc1.roster.internal. ours");
    EXPECT_EQ(target("db.example.com"), "db.example.com.");
}

TEST_F(Targets, are_ipv4_also_where_it_is_mapped_into_ipv6) {
    EXPECT_EQ(target("::ffff:10.0.0.2"), "0a000002.addr.dc1.roster.internal. ours");
    EXPECT_EQ(parse_host_ip("::FFFF:a00:1"), parse_ip("10.0.0.1"));
    for (const auto* other : {"10.0.0.1", "::10.0.0.1", "64:ff9b::a00:1", "::1:ffff:10.0.0.1"}) {
        EXPECT_EQ(parse_host_ip(other), parse_ip(other)) << other;
    }
    EXPECT_FALSE(parse_host_ip("host1"));
}

TEST_F(Targets, are_nothing_for_what_is_neither_address_nor_hostname) {
    EXPECT_EQ(target("no such host"), "none");
    EXPECT_EQ(target(""), "none");
    EXPECT_EQ(target("a..b"), "none");
}

}  // namespace
}  // namespace dns
