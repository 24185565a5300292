#include "dns/grammar.hpp"

#include <gtest/gtest.h>

#include <stdexcept>
#include <string>

namespace dns {
namespace {

using Kind = Place::Kind;

struct Located {
    Kind kind;
    std::string key;  // as text, with a dot at the end
    std::string apex;
    std::string address;

    bool operator==(const Located&) const = default;
};

void PrintTo(const Located& located, std::ostream* out) {
    *out << static_cast<int>(located.kind) << " key=" << located.key << " apex=" << located.apex
         << " address=" << located.address;
}

Located locate(const Grammar& grammar, const std::string& name) {
    const auto wire = parse_name(name).value();
    QueryName query;
    EXPECT_TRUE(read_name(octets(wire), 0, query));
    Place place;
    grammar.locate(query, place);
    if (place.kind == Kind::outside) return {Kind::outside, "", "", ""};
    return {place.kind,
            place.key.empty() ? "" : format_name(place.key),
            format_name(query.whole().subspan(place.apex_at)),
            place.kind == Kind::address ? format_hex(place.address) : ""};
}

Grammar roster() { return {"Roster.internal", "DC1", {"10.0.0.0/8"}}; }

const std::string apex = "roster.internal.";

TEST(Grammar, a_key_is_what_stands_left_of_the_domain) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "Web.Service.Roster.Internal"),
              (Located{Kind::key, "web.service.", apex, ""}));
    EXPECT_EQ(locate(grammar, "primary.web.service.roster.internal"),
              (Located{Kind::key, "primary.web.service.", apex, ""}));
    EXPECT_EQ(locate(grammar, "host1.node.roster.internal"),
              (Located{Kind::key, "host1.node.", apex, ""}));
    EXPECT_EQ(locate(grammar, "nonsense.roster.internal"),
              (Located{Kind::key, "nonsense.", apex, ""}));
}

TEST(Grammar, the_datacenter_may_stand_before_the_domain_and_no_other_may) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "web.service.dc1.roster.internal"),
              (Located{Kind::key, "web.service.", apex, ""}));
    EXPECT_EQ(locate(grammar, "web.service.dc2.roster.internal"),
              (Located{Kind::key, "web.service.dc2.", apex, ""}));
    EXPECT_EQ(locate(grammar, "dc1.roster.internal"), (Located{Kind::implied, "", apex, ""}));
    EXPECT_EQ(locate(grammar, "web.service.dc1.dc.roster.internal"),
              (Located{Kind::key, "web.service.", apex, ""}));
    EXPECT_EQ(locate(grammar, "web.service.dc2.dc.roster.internal"),
              (Located{Kind::key, "web.service.dc2.dc.", apex, ""}));
    EXPECT_EQ(locate(grammar, "dc1.dc.roster.internal"), (Located{Kind::implied, "", apex, ""}));
}

TEST(Grammar, names_of_dns_sd_are_their_own_keys) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "Web-1@host1._web._tcp.dc1.roster.internal"),
              (Located{Kind::key, "web-1@host1._web._tcp.", apex, ""}));
    EXPECT_EQ(locate(grammar, "_dns-sd._udp.roster.internal"),
              (Located{Kind::key, "_dns-sd._udp.", apex, ""}));
    EXPECT_EQ(locate(grammar, "_dns-sd._tcp.roster.internal"),
              (Located{Kind::key, "dns-sd.service.", apex, ""}));
}

TEST(Grammar, no_name_begins_with_an_asterisk) {
    EXPECT_FALSE(Grammar::service_key("*"));
    EXPECT_FALSE(Grammar::tags_key({"*"}, "web"));
    EXPECT_FALSE(Grammar::node_key("*"));
    EXPECT_FALSE(Grammar::node_key("*.example"));
    EXPECT_TRUE(Grammar::service_key("a*"));
}

TEST(Grammar, underscored_names_are_other_spellings_of_the_same_key) {
    const auto grammar = roster();
    const Located web{Kind::key, "web.service.", apex, ""};
    const Located primary{Kind::key, "primary.web.service.", apex, ""};

    EXPECT_EQ(locate(grammar, "_web._tcp.roster.internal"), web);
    EXPECT_EQ(locate(grammar, "_web._tcp.service.roster.internal"), web);
    EXPECT_EQ(locate(grammar, "_web._TCP.dc1.roster.internal"), web);
    EXPECT_EQ(locate(grammar, "_web._primary.service.dc1.roster.internal"), primary);
    EXPECT_EQ(locate(grammar, "_web._primary.roster.internal"), primary);
    EXPECT_EQ(locate(grammar, "_._tcp.roster.internal").kind, Kind::missing);
    EXPECT_EQ(locate(grammar, "_tcp.roster.internal"), (Located{Kind::key, "_tcp.", apex, ""}));
}

TEST(Grammar, several_tags_are_one_key_in_whatever_order) {
    const auto grammar = roster();
    const Located both{Kind::key, "a.b.web.service.", apex, ""};

    EXPECT_EQ(locate(grammar, "a.b.web.service.roster.internal"), both);
    EXPECT_EQ(locate(grammar, "B.A.Web.service.dc1.roster.internal"), both);
    EXPECT_EQ(locate(grammar, "b.a.b.a.web.service.roster.internal"), both);
    EXPECT_EQ(locate(grammar, "d.c.b.a.web.service.roster.internal").key, "a.b.c.d.web.service.");
    EXPECT_EQ(locate(grammar, "e.d.c.b.a.web.service.roster.internal").kind, Kind::missing);
    EXPECT_EQ(locate(grammar, "b.a.web.node.roster.internal").key, "b.a.web.node.");
}

TEST(Grammar, the_longest_underscored_name_fits) {
    const auto grammar = roster();
    const std::string label(62, 'a');

    const auto located = locate(grammar, "_" + label + "._" + label + ".roster.internal");

    EXPECT_EQ(located, (Located{Kind::key, label + "." + label + ".service.", apex, ""}));
}

TEST(Grammar, an_address_is_spelled_in_its_label) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "0A000001.addr.dc1.roster.internal"),
              (Located{Kind::address, "", apex, "0a000001"}));
    EXPECT_EQ(locate(grammar, "0a00000.addr.roster.internal").kind, Kind::missing);
    EXPECT_EQ(locate(grammar, "x.0a000001.addr.roster.internal").kind, Kind::missing);
    EXPECT_EQ(locate(grammar, "addr.roster.internal").key, "addr.");
}

TEST(Grammar, a_suffix_counts_only_where_a_label_begins) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "roster.internal").kind, Kind::apex);
    EXPECT_EQ(locate(grammar, "internal").kind, Kind::outside);
    EXPECT_EQ(locate(grammar, "web.service.consul").kind, Kind::outside);
    EXPECT_EQ(locate(grammar, "xroster.internal").kind, Kind::outside);
    // One label that ends in the octets of the domain.
    EXPECT_EQ(locate(grammar, "a\\006roster\\008internal").kind, Kind::outside);
    EXPECT_EQ(locate(grammar, ".").kind, Kind::outside);
}

TEST(Grammar, reverse_names_are_ours_under_the_prefixes_and_loopback) {
    const auto grammar = roster();

    EXPECT_EQ(locate(grammar, "1.2.3.10.in-addr.arpa"),
              (Located{Kind::key, "1.2.3.10.in-addr.", "10.in-addr.arpa.", ""}));
    EXPECT_EQ(locate(grammar, "1.0.0.127.IN-ADDR.ARPA").apex, "127.in-addr.arpa.");
    EXPECT_EQ(locate(grammar, "10.in-addr.arpa").kind, Kind::apex);
    EXPECT_EQ(locate(grammar, "1.2.3.11.in-addr.arpa").kind, Kind::outside);
    EXPECT_EQ(locate(grammar, "arpa").kind, Kind::outside);
    std::string loopback = "1.";
    for (int i = 0; i < 31; ++i) loopback += "0.";
    const auto located = locate(grammar, loopback + "ip6.arpa");
    EXPECT_EQ(located.kind, Kind::apex);
    EXPECT_EQ(located.key, loopback + "ip6.");
}

TEST(Grammar, a_prefix_that_ends_within_an_octet_is_several_zones) {
    const Grammar grammar("roster.internal", "dc1", {"192.168.64.0/18", "fd00::/10", "0.0.0.0/0"});
    const Grammar narrow("roster.internal", "dc1", {"192.168.64.0/18", "fd00::/10"});

    EXPECT_EQ(locate(narrow, "1.64.168.192.in-addr.arpa").apex, "64.168.192.in-addr.arpa.");
    EXPECT_EQ(locate(narrow, "1.127.168.192.in-addr.arpa").apex, "127.168.192.in-addr.arpa.");
    EXPECT_EQ(locate(narrow, "1.63.168.192.in-addr.arpa").kind, Kind::outside);
    EXPECT_EQ(locate(narrow, "1.128.168.192.in-addr.arpa").kind, Kind::outside);
    EXPECT_EQ(locate(narrow, "3.d.f.ip6.arpa").kind, Kind::apex);
    EXPECT_EQ(locate(narrow, "4.d.f.ip6.arpa").kind, Kind::outside);
    EXPECT_EQ(locate(grammar, "1.128.168.192.in-addr.arpa").apex, "in-addr.arpa.");
}

TEST(Grammar, what_the_compiler_makes_is_what_a_query_finds) {
    const auto grammar = roster();
    const auto text_of = [](const std::optional<Labels>& labels) {
        return labels ? format_name(octets(*labels)) : "none";
    };

    EXPECT_EQ(text_of(Grammar::service_key("Web")), "web.service.");
    EXPECT_EQ(text_of(Grammar::tags_key({"primary"}, "Web")), "primary.web.service.");
    EXPECT_EQ(text_of(Grammar::node_key("Host.Example")), "host.example.node.");
    EXPECT_EQ(text_of(grammar.node_target("Host")), "Host.node.DC1.");
    EXPECT_EQ(text_of(grammar.service_target("Web")), "Web.service.DC1.");
    EXPECT_EQ(text_of(grammar.address_target(*parse_ip("10.0.0.1"))), "0a000001.addr.DC1.");
    ASSERT_EQ(Grammar::implied_by_tag("Primary").size(), 2U);
    EXPECT_EQ(text_of(Grammar::implied_by_tag("Primary")[0]), "_primary.");
    EXPECT_EQ(text_of(Grammar::implied_by_tag("Primary")[1]), "_primary.service.");
}

TEST(Grammar, names_that_dns_cannot_carry_have_no_key) {
    const auto grammar = roster();

    EXPECT_FALSE(Grammar::service_key("a.b"));
    EXPECT_FALSE(Grammar::service_key(""));
    EXPECT_FALSE(Grammar::service_key(std::string(64, 'a')));
    EXPECT_FALSE(Grammar::tags_key({"v1.2"}, "web"));
    EXPECT_FALSE(Grammar::node_key("a..b"));
    EXPECT_TRUE(Grammar::service_key("a b\377"));
    std::string deep;
    for (int i = 0; i < 100; ++i) deep += "aa.";
    EXPECT_FALSE(Grammar::node_key(deep + "a"));
    EXPECT_FALSE(grammar.node_target(deep.substr(0, 236) + "a"));
    EXPECT_TRUE(Grammar::implied_by_tag(std::string(63, 'a')).empty());
}

TEST(Grammar, a_domain_or_datacenter_that_is_no_name_throws) {
    EXPECT_THROW(Grammar("a..b", "dc1", {}), std::runtime_error);
    EXPECT_THROW(Grammar("", "dc1", {}), std::runtime_error);
    EXPECT_THROW(Grammar("roster.internal", "", {}), std::runtime_error);
    EXPECT_THROW(Grammar("roster.internal", "dc1", {"10.0.0.0/99"}), std::runtime_error);
    EXPECT_THROW(Grammar("roster.internal", "Service", {}), std::runtime_error);
    EXPECT_THROW(Grammar("office.local", "dc1", {}), std::runtime_error);
    EXPECT_NO_THROW(Grammar("notlocal", "dc1", {}));
}

std::vector<std::string> spelled(const Grammar& grammar, const std::string& key) {
    auto labels = parse_name(key).value();
    labels.pop_back();
    std::vector<std::string> names;
    for (const auto& name : grammar.spellings(Space::forward, labels)) {
        names.push_back(format_name(octets(name)));
        EXPECT_EQ(locate(grammar, names.back()).kind == Kind::address
                      ? key + "."
                      : locate(grammar, names.back()).key,
                  key + ".");
    }
    return names;
}

TEST(Grammar, a_key_knows_every_name_that_leads_to_it) {
    const auto grammar = roster();
    using Names = std::vector<std::string>;

    EXPECT_EQ(spelled(grammar, "web.service"),
              (Names{"web.service.roster.internal.",
                     "web.service.dc1.roster.internal.",
                     "_web._tcp.service.roster.internal.",
                     "_web._tcp.service.dc1.roster.internal.",
                     "_web._tcp.roster.internal.",
                     "_web._tcp.dc1.roster.internal."}));
    EXPECT_EQ(spelled(grammar, "v1.web.service").size(), 6U);
    EXPECT_EQ(spelled(grammar, "tcp.web.service").size(), 2U) << "_web._tcp is all of web";
    EXPECT_EQ(spelled(grammar, "a.b.web.service"),
              (Names{"a.b.web.service.roster.internal.", "a.b.web.service.dc1.roster.internal."}));
    EXPECT_EQ(spelled(grammar, "_http._tcp.web.service").size(), 2U);
    EXPECT_EQ(spelled(grammar, "host1.node").size(), 2U);
    EXPECT_EQ(spelled(grammar, "0a000001.addr").size(), 2U);
    EXPECT_EQ(spelled(grammar, "ns").size(), 2U);
}

TEST(Grammar, zones_that_can_be_transferred_are_the_domain_and_those_of_the_configuration) {
    const auto grammar = roster();

    ASSERT_EQ(grammar.zones().size(), 2U);
    EXPECT_EQ(format_name(octets(grammar.zones()[0]->apex)), "roster.internal.");
    EXPECT_EQ(format_name(octets(grammar.zones()[1]->apex)), "10.in-addr.arpa.");
}

}  // namespace
}  // namespace dns
