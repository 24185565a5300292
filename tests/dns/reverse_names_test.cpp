#include "dns/reverse_names.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::make_service;
using Lines = std::vector<std::string>;

class ReverseNaming : public support::CompiledNames {};

TEST_F(ReverseNaming, reverse_names_lead_to_the_node_or_else_to_the_services) {
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

TEST_F(ReverseNaming, reverse_names_of_version_6_are_nibbles) {
    const std::string zeros = "0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.";
    face.publish({make_service("web", {{host1, "fd00::9"}})}, {host2});

    EXPECT_EQ(face.ask("2." + zeros + "0.d.f.ip6.arpa", rr::ptr).rcode, name_error);
    EXPECT_EQ(face.ask("2." + zeros + "0.0.d.f.ip6.arpa", rr::ptr).data(),
              (Lines{"host2.node.dc1.roster.internal."}));
    EXPECT_EQ(face.ask("9." + zeros + "0.0.d.f.ip6.arpa", rr::ptr).data(),
              (Lines{"web.service.dc1.roster.internal."}));
    EXPECT_EQ(face.ask("0.0.d.f.ip6.arpa", rr::ptr).rcode, no_error);
}

TEST_F(ReverseNaming, an_address_that_comes_and_goes_in_one_step_leaves_no_reverse_name) {
    auto step = support::publication(200);
    step.services = {make_service("web", {{host1, "10.9.9.9"}})};
    step.removed_services = {"web"};

    face.compiler.apply(step);

    EXPECT_EQ(face.ask("9.9.9.10.in-addr.arpa", rr::ptr).rcode, name_error);
}

}  // namespace
}  // namespace dns
