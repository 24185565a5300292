#include "dns/zone_history.hpp"

#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace dns {
namespace {

using support::addresses;
using support::addresses_in;
using support::labels;
using Lines = std::vector<std::string>;

class History : public testing::Test {
protected:
    static ZoneName at(const std::string& key) { return {0, labels(key)}; }

    // SRV to each target, a whole name.
    static StoredRecordsPointer srv(const std::vector<std::string>& targets) {
        StoredRecordsBuilder builder;
        for (const auto& target : targets) {
            const auto rdata = std::string("\0\1\0\1\0\1", 6) + parse_name(target).value();
            builder.add(rr::srv, 5, octets(rdata));
        }
        return builder.build();
    }
    Lines found(const std::string& key) const {
        return addresses_in(history.version()->find(at(key)));
    }

    Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8", "fd00::/8"}};
    ZoneHistory history{grammar, {.ttl = std::chrono::seconds(5), .records_max = 2}};
};

TEST_F(History, begins_with_all_zones_and_no_way_to_get_there) {
    const auto zones = history.advance(7, {{at("a.node"), addresses({"10.0.0.1"})}});

    EXPECT_EQ(zones, (std::set<std::uint16_t>{0, 1, 2}));
    EXPECT_EQ(history.version()->serial(), 7U);
    EXPECT_FALSE(history.journal().since(0).has_value());
}

TEST_F(History, a_step_has_what_really_changed_and_in_which_zones) {
    history.advance(7,
                    {{at("a.node"), addresses({"10.0.0.1"})},
                     {at("web.service"), addresses({"10.0.0.1", "10.0.0.2"})}});

    const auto zones =
        history.advance(9,
                        {{at("a.node"), addresses({"10.0.0.1"})},
                         {at("web.service"), addresses({"10.0.0.2", "10.0.0.3"})},
                         {at("late.service"), nullptr},
                         {{1, labels("3.0.0.10.in-addr")}, addresses({"10.0.0.3"})}});

    EXPECT_EQ(zones, (std::set<std::uint16_t>{0, 1}));
    const auto steps = history.journal().since(7);
    ASSERT_TRUE(steps && steps->size() == 1);
    const auto& changes = steps->front()->changes;
    ASSERT_EQ(changes.size(), 2U) << "a node that is as it was, and one that never was, are none";
    EXPECT_EQ(changes[0].name, at("web.service"));
    EXPECT_EQ(addresses_in(changes[0].removed), (Lines{"10.0.0.1"}));
    EXPECT_EQ(addresses_in(changes[0].added), (Lines{"10.0.0.3"}));
}

TEST_F(History, the_name_server_has_the_addresses_of_all_nodes_up_to_the_limit) {
    history.advance(7,
                    {{at("c.node"), addresses({"10.0.0.3"})},
                     {at("a.node"), addresses({"10.0.0.1"})},
                     {at("twin.node"), addresses({"10.0.0.1"})}});
    EXPECT_EQ(found("ns"), (Lines{"10.0.0.1", "10.0.0.3"}));

    history.advance(8, {{at("b.node"), addresses({"10.0.0.2"})}, {at("twin.node"), nullptr}});
    EXPECT_EQ(found("ns"), (Lines{"10.0.0.1", "10.0.0.2"}));

    history.advance(9, {{at("a.node"), nullptr}});
    EXPECT_EQ(found("ns"), (Lines{"10.0.0.2", "10.0.0.3"}));
}

TEST_F(History, targets_that_are_addresses_have_names_as_long_as_somebody_points_there) {
    history.advance(7,
                    {{at("web.service"),
                      srv({"0a000009.addr.dc1.roster.internal", "a.node.dc1.roster.internal"})},
                     {at("v1.web.service"), srv({"0a000009.addr.dc1.roster.internal"})}});
    EXPECT_EQ(found("0a000009.addr"), (Lines{"10.0.0.9"}));

    history.advance(8, {{at("web.service"), srv({"db.example.com"})}});
    EXPECT_EQ(found("0a000009.addr"), (Lines{"10.0.0.9"}));

    history.advance(9, {{at("v1.web.service"), nullptr}});
    EXPECT_EQ(found("0a000009.addr"), Lines{});
    EXPECT_EQ(history.version()->names(), 1U);
}

}  // namespace
}  // namespace dns
