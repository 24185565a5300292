#include "dns/service_bindings.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::string_literals::operator""s;
using agent::Health;
using support::make_service;
using Lines = std::vector<std::string>;
using Meta = std::map<std::string, std::string>;

const Meta h2{{"dns-alpn", "h2"}};
const std::string port_8443 = "\0\3\0\2\x20\xFB"s;
const std::string node = "\5Host1\4node\3dc1\6roster\10internal\0"s;

class Bindings : public support::CompiledNames {};

TEST_F(Bindings, one_record_leads_to_the_name_where_all_instances_are_alike) {
    face.publish({make_service("web",
                               {{.node = host1, .port = 8443, .meta = {{"dns-alpn", "h2, h3"}}},
                                {.node = host2, .port = 8443, .meta = {{"dns-alpn", "h2,h3"}}}})},
                 {host1, host2});

    // Golden bytes: dig prints them as: 1 . alpn="h2,h3" port=8443 ipv4hint=10.0.0.1 ipv6hint=fd00::2
    EXPECT_EQ(ask("web.service", rr::https),
              Lines{"\0\1\0\0\1\0\6\2h2\2h3"s + port_8443 + "\0\4\0\4\12\0\0\1"s +
                    "\0\6\0\20\xFD\0\0\0\0\0\0\0\0\0\0\0\0\0\0\2"s});
    EXPECT_EQ(ask("web.service", rr::svcb), Lines{});
    EXPECT_EQ(ask("web.service", rr::txt), Lines{});
}

TEST_F(Bindings, for_an_origin_with_a_port_the_record_leads_to_the_service) {
    face.publish({make_service("web", {{.node = host1, .port = 8443, .meta = h2}})}, {host1});

    EXPECT_EQ(ask("_8443._https.web.service", rr::https),
              Lines{"\0\1\3web\7service\3dc1\6roster\10internal\0\0\1\0\3\2h2"s + port_8443 +
                    "\0\4\0\4\12\0\0\1"s});
    EXPECT_EQ(ask("_https.web.service", rr::https), Lines{});
    EXPECT_EQ(ask("_8444._https.web.service", rr::https), Lines{"NXDOMAIN"});
}

TEST_F(Bindings, instances_that_differ_have_a_record_each) {
    const Meta standby{{"dns-alpn", "h2"}, {"dns-priority", "2"}};
    face.publish({make_service("web",
                               {{.node = host1, .port = 8443, .meta = h2},
                                {.node = host1, .port = 8080},
                                {.node = host1, .address = "h.example", .port = 8443, .meta = h2},
                                {.node = host1, .port = 443, .meta = standby}})},
                 {host1});

    const std::string h2_wire = "\0\1\0\3\2h2"s;
    const std::string hint = "\0\4\0\4\12\0\0\1"s;
    EXPECT_EQ(ask("web.service", rr::https),
              (Lines{"\0\1\1h\7example\0"s + h2_wire + port_8443,
                     "\0\1"s + node + h2_wire + port_8443 + hint,
                     "\0\2"s + node + h2_wire + "\0\3\0\2\1\xBB"s + hint}));
    EXPECT_EQ(face.ask("web.service.roster.internal", rr::https).additional(),
              Lines{"Host1.node.dc1.roster.internal. 10.0.0.1"});
    EXPECT_EQ(ask("_443._https.web.service", rr::https).size(), 1U);
    EXPECT_EQ(ask("_8443._https.web.service", rr::https).size(), 2U);
}

TEST_F(Bindings, another_scheme_has_svcb_at_names_of_its_own) {
    face.publish(
        {make_service(
            "dot",
            {{.node = host1, .port = 853, .meta = {{"dns-alpn", "dot"}, {"dns-scheme", "DNS"}}}})},
        {host1});

    const std::string rdata = "\0\1\3dot\7service\3dc1\6roster\10internal\0\0\1\0\4\3dot"s +
                              "\0\3\0\2\3\x55"s + "\0\4\0\4\12\0\0\1"s;
    EXPECT_EQ(ask("_dns.dot.service", rr::svcb), Lines{rdata});
    EXPECT_EQ(ask("_853._dns.dot.service", rr::svcb), Lines{rdata});
    EXPECT_EQ(ask("dot.service", rr::https), Lines{});
}

TEST_F(Bindings, a_scheme_alone_is_enough_and_says_no_protocols) {
    face.publish({make_service("web", {{.node = host1, .meta = {{"dns-scheme", "http"}}}})},
                 {host1});

    EXPECT_EQ(ask("web.service", rr::https), Lines{"\0\1\0\0\3\0\2\x1F\x90\0\4\0\4\12\0\0\1"s});
}

TEST_F(Bindings, names_exist_whatever_the_health_and_go_with_the_settings) {
    face.publish({make_service(
        "web", {{.node = host1, .port = 8443, .health = Health::critical, .meta = h2}})});
    EXPECT_EQ(ask("_8443._https.web.service", rr::https), Lines{});

    face.publish({make_service("web", {{.node = host1, .port = 8443}})});
    EXPECT_EQ(ask("_8443._https.web.service", rr::https), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("web.service", rr::https), Lines{});
}

TEST_F(Bindings, a_crowd_brings_no_hints) {
    std::vector<support::Instance> many;
    for (int i = 0; i < 17; ++i) {
        many.push_back({.node = host1, .address = "10.0.1." + std::to_string(i), .meta = h2});
    }
    face.publish({make_service("web", many)});

    EXPECT_EQ(ask("web.service", rr::https), Lines{"\0\1\0\0\1\0\3\2h2\0\3\0\2\x1F\x90"s});
}

TEST_F(Bindings, a_hostname_without_them_is_followed_for_https_too) {
    face.publish({make_service("ext", {{.node = host1, .address = "a.example.com"}})});

    EXPECT_EQ(ask("ext.service", rr::https), Lines{"a.example.com."});
    EXPECT_EQ(ask("ext.service", rr::svcb), Lines{});
}

TEST_F(Bindings, settings_that_cannot_be_read_are_counted) {
    const std::string long_name(255, 'x');
    face.publish({make_service("web",
                               {{.node = host1, .meta = {{"dns-alpn", "h2,,h3"}}},
                                {.node = host1, .meta = {{"dns-alpn", ""}}},
                                {.node = host1, .meta = {{"dns-alpn", long_name}}},
                                {.node = host1, .meta = {{"dns-scheme", "tcp"}}},
                                {.node = host1, .meta = {{"dns-scheme", "a_b"}}}})});

    EXPECT_EQ(face.compiler.counters().settings_ignored.value(), 5U);
    EXPECT_EQ(ask("web.service", rr::https), Lines{});
}

}  // namespace
}  // namespace dns
