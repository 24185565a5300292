#include "dns/forward_rules.hpp"

#include "dns/query.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>
#include <vector>

namespace dns {
namespace {

using Kind = ForwardRules::Kind;

constexpr auto nobody_is_own = [](const ServerAddress&) { return false; };

ServerAddress server(const std::string& text) { return parse_server(text).value(); }

QueryName name(const std::string& text) {
    QueryName read;
    EXPECT_TRUE(read_name(octets(parse_name(text).value()), 0, read));
    return read;
}

struct Rules {
    explicit Rules(agent::DnsForwardConfig config) : rules(config, {}, nobody_is_own) {}

    Kind kind(const std::string& text, std::uint16_t type = rr::a) {
        return rules.decide(name(text), type).kind;
    }
    // The servers, in words.
    std::vector<std::string> servers(const std::string& text) {
        std::vector<std::string> found;
        const auto decision = rules.decide(name(text), rr::a);
        if (decision.route == nullptr) return found;
        for (const auto i : decision.route->servers) found.push_back(format(rules.servers()[i]));
        return found;
    }

    ForwardRules rules;
};

const agent::DnsForwardConfig at_public{.servers = {"192.0.2.53"}};
const agent::DnsForwardConfig at_private{.servers = {"10.0.0.53"}};

using Words = std::vector<std::string>;

TEST(ForwardRules, a_server_is_an_address_with_or_without_a_port) {
    EXPECT_EQ(format(server("10.0.0.2")), "10.0.0.2:53");
    EXPECT_EQ(format(server("10.0.0.2:5353")), "10.0.0.2:5353");
    EXPECT_EQ(format(server("fd00::2")), "[fd00::2]:53");
    EXPECT_EQ(format(server("[fd00::2]:5353")), "[fd00::2]:5353");
    for (const auto* wrong : {"", "ns.example", "10.0.0.2:0", "10.0.0.2:x", "[fd00::2]"}) {
        EXPECT_FALSE(parse_server(wrong)) << wrong;
    }
}

TEST(ForwardRules, reads_the_servers_of_a_resolv_conf) {
    const auto servers = parse_resolv_conf("# comment\nnameserver 10.0.0.2\nsearch example\n"
                                           "nameserver\tfd00::2\nnameserver fe80::1%eth0\n"
                                           "nameserver\n;nameserver 10.0.0.3\n");

    EXPECT_EQ(servers, (std::vector{server("10.0.0.2"), server("fd00::2")}));
}

TEST(ForwardRules, the_longest_suffix_says_who_is_asked) {
    Rules rules({.servers = {"10.0.0.1"},
                 .domains = {{"corp.example", {"10.0.0.2"}},
                             {"a.corp.example", {"10.0.0.3", "10.0.0.4:5353"}}}});

    EXPECT_EQ(rules.servers("www.example"), Words{"10.0.0.1:53"});
    EXPECT_EQ(rules.servers("corp.example"), Words{"10.0.0.2:53"});
    EXPECT_EQ(rules.servers("x.B.Corp.Example"), Words{"10.0.0.2:53"});
    EXPECT_EQ(rules.servers("x.a.corp.example"), (Words{"10.0.0.3:53", "10.0.0.4:5353"}));
    EXPECT_EQ(rules.servers("xcorp.example"), Words{"10.0.0.1:53"});
}

TEST(ForwardRules, without_a_server_for_all_others_are_asked_of_nobody) {
    Rules rules({.domains = {{"corp.example", {"10.0.0.2"}}}});

    EXPECT_EQ(rules.kind("www.corp.example"), Kind::ask);
    EXPECT_EQ(rules.kind("www.example"), Kind::nobody);
}

TEST(ForwardRules, some_names_are_answered_here_whoever_the_servers_are) {
    for (const auto& config : {at_public, at_private}) {
        Rules rules(config);
        EXPECT_EQ(rules.kind("localhost"), Kind::localhost);
        EXPECT_EQ(rules.kind("www.localhost"), Kind::localhost);
        EXPECT_EQ(rules.kind("x.invalid"), Kind::no_such_name);
        EXPECT_EQ(rules.kind("printer.local"), Kind::no_such_name);
        EXPECT_EQ(rules.kind("x.onion"), Kind::no_such_name);
        EXPECT_EQ(rules.kind("_dns.resolver.arpa"), Kind::no_data);
        EXPECT_EQ(rules.kind("www.example"), Kind::ask);
    }
}

TEST(ForwardRules, names_that_mean_something_only_here_do_not_leave_this_network) {
    Rules outside(at_public);
    Rules inside(at_private);
    for (const auto* text : {"printer",
                             "db.internal",
                             "nas.home.arpa",
                             "1.2.3.10.in-addr.arpa",
                             "10.in-addr.arpa",
                             "1.1.16.172.in-addr.arpa",
                             "1.1.31.172.in-addr.arpa",
                             "1.1.168.192.in-addr.arpa",
                             "1.1.127.100.in-addr.arpa",
                             "1.254.169.in-addr.arpa",
                             "1.0.0.127.in-addr.arpa",
                             "1.0.c.f.ip6.arpa",
                             "1.0.d.f.ip6.arpa",
                             "8.e.f.ip6.arpa",
                             "b.e.f.ip6.arpa"}) {
        EXPECT_EQ(outside.kind(text), Kind::no_such_name) << text;
        EXPECT_EQ(inside.kind(text), Kind::ask) << text;
    }
    for (const auto* text : {"1.1.15.172.in-addr.arpa",
                             "1.1.32.172.in-addr.arpa",
                             "1.1.128.100.in-addr.arpa",
                             "8.8.8.8.in-addr.arpa",
                             "c.e.f.ip6.arpa",
                             "e.f.ip6.arpa",
                             "."}) {
        EXPECT_EQ(outside.kind(text), Kind::ask) << text;
    }
    EXPECT_EQ(outside.kind("com", rr::ns), Kind::ask) << "who validates asks for that";
}

TEST(ForwardRules, unless_a_domain_says_so) {
    Rules rules({.servers = {"192.0.2.53"},
                 .domains = {{"internal", {"192.0.2.54"}},
                             {"10.in-addr.arpa", {"192.0.2.54"}},
                             {"local", {"192.0.2.54"}},
                             {"printer", {"192.0.2.54"}}}});

    for (const auto* text : {"db.internal", "1.0.0.10.in-addr.arpa", "x.local", "printer"}) {
        EXPECT_EQ(rules.servers(text), Words{"192.0.2.54:53"}) << text;
    }
    EXPECT_EQ(rules.kind("scanner"), Kind::no_such_name);
}

TEST(ForwardRules, says_whose_zone_denies_a_name) {
    constexpr std::uint16_t mx = 15;
    const ForwardRules rules(at_public, {}, nobody_is_own);
    const auto zone = [&](const std::string& text) {
        const auto of = name(text);
        return format_name(of.whole().subspan(rules.decide(of, mx).zone_at));
    };

    EXPECT_EQ(zone("a.b.invalid"), "invalid.");
    EXPECT_EQ(zone("localhost"), "localhost.") << "it exists";
    EXPECT_EQ(zone("_dns.resolver.arpa"), "resolver.arpa.");
    EXPECT_EQ(zone("1.0.0.10.in-addr.arpa"), "10.in-addr.arpa.");
    EXPECT_EQ(zone("10.in-addr.arpa"), ".") << "no zone denies its own name";
    EXPECT_EQ(zone("invalid"), ".");
    EXPECT_EQ(zone("printer"), ".");
}

TEST(ForwardRules, private_addresses_are_hidden_from_the_answers_of_public_servers) {
    const auto hides = [](const agent::DnsForwardConfig& config, const std::string& text) {
        const ForwardRules rules(config, {}, nobody_is_own);
        const auto decision = rules.decide(name(text), rr::a);
        return rules.hidden(name(text), *decision.route, decision.route->servers[0]) != nullptr;
    };

    EXPECT_TRUE(hides(at_public, "www.example"));
    EXPECT_FALSE(hides(at_private, "www.example"));
    auto allowing = at_public;
    allowing.rebind_allow = {"corp.example"};
    EXPECT_TRUE(hides(allowing, "www.example"));
    EXPECT_FALSE(hides(allowing, "www.corp.example"));
    auto named = at_public;
    named.domains = {{"corp.example", {"192.0.2.54"}}};
    EXPECT_FALSE(hides(named, "www.corp.example"));
}

TEST(ForwardRules, hidden_are_all_that_lead_into_this_network) {
    const ForwardRules rules(at_public, {}, nobody_is_own);
    const auto decision = rules.decide(name("www.example"), rr::a);
    const auto* hidden = rules.hidden(name("www.example"), *decision.route, 0);

    ASSERT_NE(hidden, nullptr);
    for (const auto* text : {"10.0.0.1",
                             "127.0.0.1",
                             "192.168.1.1",
                             "172.16.0.1",
                             "169.254.1.1",
                             "0.0.0.0",
                             "::1",
                             "::",
                             "fd00::1",
                             "fe80::1",
                             "::ffff:10.0.0.1",
                             "64:ff9b::10.0.0.1",
                             "64:ff9b::172.31.255.255",
                             "64:ff9b::"}) {
        EXPECT_TRUE(contains(*hidden, *parse_ip(text))) << text;
    }
    for (const auto* text :
         {"8.8.8.8", "172.32.0.1", "2001:db8::1", "64:ff9b::8.8.8.8", "64:ff9b::172.32.0.1"}) {
        EXPECT_FALSE(contains(*hidden, *parse_ip(text))) << text;
    }
}

TEST(ForwardRules, never_asks_ourselves) {
    const auto is_own = [](const ServerAddress& one) { return one == server("127.0.0.1:5353"); };

    EXPECT_THROW(ForwardRules({.servers = {"127.0.0.1:5353"}}, {}, is_own), std::runtime_error);
    EXPECT_THROW(
        ForwardRules(
            {.servers = {"10.0.0.1"}, .domains = {{"a.example", {"127.0.0.1:5353"}}}}, {}, is_own),
        std::runtime_error);
    EXPECT_THROW(ForwardRules({}, {server("127.0.0.1:5353")}, is_own), std::runtime_error);
    const ForwardRules rules({}, {server("127.0.0.1:5353"), server("10.0.0.2")}, is_own);
    EXPECT_EQ(rules.servers(), std::vector{server("10.0.0.2")});
}

}  // namespace
}  // namespace dns
