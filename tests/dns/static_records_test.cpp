#include "dns/static_records.hpp"

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace dns {
namespace {

using Lines = std::vector<std::string>;

class StaticRecords : public testing::Test {
protected:
    void add(const agent::DnsRecordConfig& record) {
        auto made = compile(record, face.grammar, std::chrono::seconds(7));
        face.table.put(Space::forward, made.key, std::move(made.answers));
        face.publish({support::make_service("web", {{host1}})}, {host1});
    }
    std::string fault(const agent::DnsRecordConfig& record) {
        try {
            compile(record, face.grammar, std::chrono::seconds(7));
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return {};
    }

    support::DnsFace face;
    std::shared_ptr<const agent::NodeView> host1 = support::make_node("host1", "10.0.0.1");
};

TEST_F(StaticRecords, have_addresses_and_texts_and_a_time_to_live) {
    add({.name = "Printer.office",
         .addresses = {"10.0.0.9", "fd00::9"},
         .texts = {"rack=7"},
         .ttl = std::chrono::seconds(60)});

    const auto reply = face.ask("printer.OFFICE.roster.internal", rr::a);
    EXPECT_EQ(reply.data(), Lines{"10.0.0.9"});
    EXPECT_EQ(reply.answers.at(0).ttl, 60U);
    EXPECT_EQ(face.ask("printer.office.roster.internal", rr::aaaa).data(),
              Lines{"fd00:0:0:0:0:0:0:9"});
    EXPECT_EQ(face.ask("printer.office.roster.internal", rr::txt).data(), Lines{"rack=7"});
    EXPECT_EQ(face.ask("office.roster.internal", rr::a).rcode, 0U);
    EXPECT_EQ(face.ask("x.office.roster.internal", rr::a).rcode, 3U);
}

TEST_F(StaticRecords, aliases_are_followed_for_every_type_below_the_domain_or_told_of) {
    add({.name = "www", .cname = "web.service"});
    add({.name = "out", .cname = "example.com."});

    const auto address = face.ask("www.roster.internal", rr::a);
    EXPECT_EQ(address.data(), (Lines{"10.0.0.1", "web.service.roster.internal."}));
    EXPECT_EQ(address.answers.at(0).ttl, 7U);
    EXPECT_EQ(face.ask("www.roster.internal", rr::srv).data(),
              (Lines{"1 1 8080 host1.node.dc1.roster.internal.", "web.service.roster.internal."}));
    EXPECT_EQ(face.ask("www.roster.internal", rr::cname).data(),
              Lines{"web.service.roster.internal."});
    EXPECT_EQ(face.ask("out.roster.internal", rr::txt).data(), Lines{"example.com."});
}

TEST_F(StaticRecords, are_refused_where_they_are_no_names_of_their_own) {
    for (const auto* name : {"web.service",
                             "service",
                             "x.node",
                             "0a000001.addr",
                             "ns",
                             "_web._tcp",
                             "printer._ipp._tcp",
                             "b._dns-sd._udp",
                             "dc1",
                             "x.dc1",
                             "example.com.",
                             "roster.internal.",
                             "a..b",
                             ""}) {
        EXPECT_NE(fault({.name = name, .addresses = {"10.0.0.9"}}), "") << name;
    }
    EXPECT_EQ(fault({.name = "ns.office", .addresses = {"10.0.0.9"}}), "");
    EXPECT_EQ(fault({.name = "full.roster.internal.", .addresses = {"10.0.0.9"}}), "");
}

TEST_F(StaticRecords, are_refused_with_wrong_data) {
    EXPECT_EQ(fault({.name = "a", .addresses = {"10.0.0"}}),
              "dns.record \"a\": \"10.0.0\" is no address");
    EXPECT_EQ(fault({.name = "a", .cname = "b..c"}), "dns.record \"a\": \"b..c\" is no name");
    EXPECT_EQ(fault({.name = "a", .cname = "b", .texts = {"t"}}),
              "dns.record \"a\": an alias stands alone");
}

}  // namespace
}  // namespace dns
