#include "dns/update_message.hpp"

#include "tests/support/dns_updates.hpp"

#include <gtest/gtest.h>

namespace dns {
namespace {

using support::record;
using Kind = UpdateTarget::Kind;

class UpdateMessageTest : public testing::Test {
protected:
    static Message of_zone(std::string_view zone, std::uint16_t type = rr::soa, int count = 1) {
        Message message;
        for (int i = 0; i < count; ++i)
            message.questions.push_back({support::name_of(zone), type, class_in});
        return message;
    }
    Rcode prerequisite(const Record& made) {
        auto message = of_zone("roster.internal");
        message.sections[0].push_back(made);
        UpdateRequest request;
        return reader_.read(message, request);
    }
    Rcode update(const Record& made) {
        auto message = of_zone("roster.internal");
        message.sections[1].push_back(made);
        UpdateRequest request;
        return reader_.read(message, request);
    }
    UpdateTarget target(const std::string& owner) {
        auto message = of_zone("roster.internal");
        message.sections[1].push_back(
            record(owner + ".roster.internal", rr::a, class_in, "\1\2\3\4"));
        UpdateRequest request;
        EXPECT_EQ(reader_.read(message, request), Rcode::no_error);
        return request.updates.front().target;
    }

    Grammar grammar_{"roster.internal", "dc1", {"10.0.0.0/8"}};
    UpdateReader reader_{grammar_, [](const Labels& key) { return key == "\3www"; }};
};

TEST_F(UpdateMessageTest, is_for_one_zone_by_its_soa_and_the_zone_is_ours) {
    EXPECT_EQ(reader_.check_zone(of_zone("Roster.Internal")), Rcode::no_error);
    EXPECT_EQ(reader_.check_zone(of_zone("roster.internal", rr::soa, 0)), Rcode::format_error);
    EXPECT_EQ(reader_.check_zone(of_zone("roster.internal", rr::soa, 2)), Rcode::format_error);
    EXPECT_EQ(reader_.check_zone(of_zone("roster.internal", rr::a)), Rcode::format_error);
    EXPECT_EQ(reader_.check_zone(of_zone("example")), Rcode::not_auth);
    EXPECT_EQ(reader_.check_zone(of_zone("web.service.roster.internal")), Rcode::not_auth);
    EXPECT_EQ(reader_.check_zone(of_zone("dc1.roster.internal")), Rcode::not_auth);
    EXPECT_EQ(reader_.check_zone(of_zone("10.in-addr.arpa")), Rcode::refused);
}

TEST_F(UpdateMessageTest, has_prerequisites_that_are_well_formed) {
    const std::string in = "a.dyn.roster.internal";
    auto with_ttl = record(in, rr::a, class_any);
    with_ttl.ttl = 1;
    auto set_with_ttl = record(in, rr::a, class_in, "\1\2\3\4");

    EXPECT_EQ(prerequisite(record(in, rr::any, class_any)), Rcode::no_error);
    EXPECT_EQ(prerequisite(record(in, rr::a, class_none)), Rcode::no_error);
    EXPECT_EQ(prerequisite(with_ttl), Rcode::format_error);
    EXPECT_EQ(prerequisite(set_with_ttl), Rcode::format_error);
    set_with_ttl.ttl = 0;
    EXPECT_EQ(prerequisite(set_with_ttl), Rcode::no_error);
    EXPECT_EQ(prerequisite(record(in, rr::a, class_any, "\1\2\3\4")), Rcode::format_error);
    EXPECT_EQ(prerequisite(record(in, rr::a, class_none, "\1")), Rcode::format_error);
    EXPECT_EQ(prerequisite(record(in, rr::a, class_chaos)), Rcode::format_error);
    EXPECT_EQ(prerequisite(record("www.example", rr::a, class_any)), Rcode::not_zone);
    EXPECT_EQ(prerequisite(record("1.0.0.10.in-addr.arpa", rr::ptr, class_any)), Rcode::not_zone);
}

TEST_F(UpdateMessageTest, has_updates_that_are_well_formed) {
    const std::string in = "a.dyn.roster.internal";
    const auto with_ttl = [](Record made) {
        made.ttl = 5;
        return made;
    };

    EXPECT_EQ(update(record(in, rr::a, class_in, "\1\2\3\4")), Rcode::no_error);
    EXPECT_EQ(update(record(in, rr::a, class_in, "\1\2\3")), Rcode::format_error);
    for (const std::uint16_t meta :
         std::initializer_list<std::uint16_t>{41, 128, 249, 250, 251, 252, 253, 254, 255}) {
        EXPECT_EQ(update(record(in, meta, class_in)), Rcode::format_error) << meta;
        EXPECT_EQ(update(record(in, meta, class_none)), Rcode::format_error) << meta;
        EXPECT_EQ(update(record(in, meta, class_any)),
                  meta == rr::any ? Rcode::no_error : Rcode::format_error)
            << meta;
    }
    EXPECT_EQ(update(record(in, rr::a, class_any)), Rcode::no_error);
    EXPECT_EQ(update(with_ttl(record(in, rr::a, class_any))), Rcode::format_error);
    EXPECT_EQ(update(record(in, rr::a, class_any, "\1\2\3\4")), Rcode::format_error);
    EXPECT_EQ(update(record(in, rr::a, class_none, "\1\2\3\4")), Rcode::no_error);
    EXPECT_EQ(update(with_ttl(record(in, rr::a, class_none, "\1\2\3\4"))), Rcode::format_error);
    EXPECT_EQ(update(record(in, rr::a, class_none)), Rcode::format_error);
    EXPECT_EQ(update(record(in, rr::a, class_chaos, "\1\2\3\4")), Rcode::format_error);
    EXPECT_EQ(update(record("roster.example", rr::a, class_in, "\1\2\3\4")), Rcode::not_zone);
}

TEST_F(UpdateMessageTest, knows_services_free_names_and_those_that_are_made_of_something_else) {
    for (const auto* spelling :
         {"web.service", "WEB.Service", "_web._tcp", "_web._tcp.service", "web.service.dc1"}) {
        EXPECT_EQ(target(spelling).kind, Kind::service) << spelling;
        EXPECT_EQ(target(spelling).name, "web") << spelling;
        EXPECT_EQ(target(spelling), target("web.service")) << spelling;
    }
    EXPECT_EQ(target("Printer.Office").name, "printer.office");
    EXPECT_EQ(target("_ldap._tcp.office").kind, Kind::name);
    EXPECT_EQ(target("_ldap._tcp.office").name, "_ldap._tcp.office");
    for (const auto* other : {"www",
                              "ns",
                              "service",
                              "node",
                              "host1.node",
                              "a.b.node",
                              "0a000001.addr",
                              "zz.addr",
                              "v1.web.service",
                              "_http._tcp.web.service",
                              "_web._udp",
                              "_tcp",
                              "_services._dns-sd._udp",
                              "dc1"}) {
        EXPECT_EQ(target(other).kind, Kind::other) << other;
    }
}

}  // namespace
}  // namespace dns
