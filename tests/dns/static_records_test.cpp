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

// RFC 4592 §2.2.1, with names of our own.
TEST_F(StaticRecords, with_an_asterisk_answer_for_names_that_do_not_exist) {
    add({.name = "*.apps", .addresses = {"10.0.0.9"}});
    add({.name = "host.apps", .texts = {"host"}});
    add({.name = "a.b.c.apps", .addresses = {"10.0.0.8"}});
    add({.name = "sub.*.apps", .addresses = {"10.0.0.7"}});
    struct Row {
        const char* name;
        unsigned type;
        unsigned rcode;
        Lines data;
        const char* why;
    };
    for (const auto& [name, type, rcode, data, why] : std::vector<Row>{
             {"x.apps", rr::a, 0, {"10.0.0.9"}, "the wildcard"},
             {"y.x.apps", rr::a, 0, {"10.0.0.9"}, "stands for several labels"},
             {"X.APPS", rr::a, 0, {"10.0.0.9"}, "in any case"},
             {"x.apps.dc1", rr::a, 0, {"10.0.0.9"}, "with the datacenter"},
             {"x.apps", rr::txt, 0, {}, "it has no such type"},
             {"*.apps", rr::a, 0, {"10.0.0.9"}, "literally"},
             {"host.apps", rr::a, 0, {}, "an existing name, for every type"},
             {"x.host.apps", rr::a, 3, {}, "the closest encloser has no asterisk"},
             {"c.apps", rr::a, 0, {}, "an empty non-terminal exists"},
             {"b.c.apps", rr::a, 0, {}, "an empty non-terminal exists"},
             {"x.c.apps", rr::a, 3, {}, "and stands in the way"},
             {"sub.*.apps", rr::a, 0, {"10.0.0.7"}, "an asterisk in the middle is a label"},
             {"x.*.apps", rr::a, 3, {}, "below the asterisk nothing is made up"},
             {"apps", rr::a, 0, {}, "the parent of a wildcard"},
             {"x", rr::a, 3, {}, "beside it"}}) {
        const auto reply = face.ask(std::string(name) + ".roster.internal", type);
        EXPECT_EQ(reply.rcode, rcode) << name << ": " << why;
        EXPECT_EQ(reply.data(), data) << name << ": " << why;
        EXPECT_EQ(reply.authorities.size(), data.empty() ? 1U : 0U) << name << ": " << why;
        if (!data.empty()) {
            EXPECT_EQ(reply.answers[0].owner, std::string(name) + ".roster.internal.");
        }
    }
}

TEST_F(StaticRecords, with_an_asterisk_below_the_domain_leave_the_catalogs_names_alone) {
    add({.name = "*", .cname = "web.service"});

    EXPECT_EQ(face.ask("any.where.roster.internal", rr::a).data(),
              (Lines{"10.0.0.1", "web.service.roster.internal."}));
    for (const auto* name :
         {"no.service", "v1.web.service", "no.node", "x.addr", "b.a._web._tcp"}) {
        EXPECT_EQ(face.ask(std::string(name) + ".roster.internal", rr::a).rcode, 3U) << name;
    }
    EXPECT_EQ(face.ask("9.9.9.10.in-addr.arpa", rr::ptr).rcode, 3U);
}

TEST_F(StaticRecords, with_an_asterisk_are_where_an_alias_may_lead) {
    add({.name = "*.apps", .addresses = {"10.0.0.9"}});
    add({.name = "www", .cname = "shop.apps"});

    EXPECT_EQ(face.ask("www.roster.internal", rr::a).data(),
              (Lines{"10.0.0.9", "shop.apps.roster.internal."}));
}

TEST_F(StaticRecords, with_an_asterisk_count_as_one_for_a_strangers_limit) {
    add({.name = "*.apps", .addresses = {"10.0.0.9"}});
    face.udp.loopback = false;
    face.client.address = parse_ip("198.51.100.7").value();
    const auto subject_of = [&](const std::string& name) {
        EXPECT_EQ(face.ask(name + ".roster.internal", rr::a).rcode, 0U);
        return face.last.subject;
    };

    EXPECT_EQ(subject_of("x.apps"), subject_of("y.apps"));
    EXPECT_NE(subject_of("x.apps"), subject_of("web.service"));
}

TEST_F(StaticRecords, all_that_is_wrong_is_told) {
    const std::vector<agent::DnsRecordConfig> records = {
        {.name = "www", .addresses = {"10.0.0.9"}},
        {.name = "WWW.roster.internal.", .addresses = {"10.0.0.8"}},
        {.name = "web.service", .addresses = {"10.0.0.9"}}};

    EXPECT_EQ(find_faults(records, face.grammar),
              (Lines{"dns.record \"WWW.roster.internal.\": is there twice",
                     "dns.record \"web.service\": belongs to what is registered"}));
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
