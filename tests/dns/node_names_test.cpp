#include "dns/node_names.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::make_node;
using Lines = std::vector<std::string>;

class NodeNaming : public support::CompiledNames {};

TEST_F(NodeNaming, a_node_has_its_address_and_its_meta_and_may_have_dots) {
    agent::NodeRecord record;
    record.meta = {{"rack", "7"}, {"a=b", "x`y"}, {" lead", "v"}, {"rfc1035-spf", "v=spf1"}};
    face.publish({}, {make_node("db.example.com", "10.0.0.8", record)});

    EXPECT_EQ(ask("DB.example.com.node", rr::a), (Lines{"10.0.0.8"}));
    EXPECT_EQ(ask("db.example.com.node.dc1", rr::txt),
              (Lines{"` lead=v", "a`=b=x``y", "rack=7", "v=spf1"}));
    EXPECT_EQ(ask("db.example.com.node", rr::aaaa), Lines{});
}

TEST_F(NodeNaming, the_name_server_is_this_node_or_the_configured_address_until_it_is_known) {
    face.publish({});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"192.0.2.1"}));

    face.publish({}, {make_node("host1", "10.0.0.1")});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"10.0.0.1"}));

    face.remove_nodes({"host1"});
    EXPECT_EQ(ask("ns", rr::a), (Lines{"192.0.2.1"}));
}

}  // namespace
}  // namespace dns
