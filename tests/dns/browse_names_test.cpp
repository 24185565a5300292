#include "dns/browse_names.hpp"

#include "tests/support/compiled_names.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

namespace dns {
namespace {

using agent::Health;
using support::DnsFace;
using support::make_node;
using support::make_service;
using Lines = std::vector<std::string>;

constexpr auto services = "_services._dns-sd._udp";

class Browsing : public support::CompiledNames {
protected:
    // What stands at a name whose first label is arbitrary octets.
    support::DnsReply
    ask_instance(const std::string& label, const std::string& rest, unsigned type) {
        support::Message message{{0x12, 0x34, 0x01, 0, 0, 1, 0, 0, 0, 0, 0, 0}};
        message.bytes.push_back(static_cast<std::uint8_t>(label.size()));
        message.add(label);
        message.add_name(rest + ".roster.internal");
        message.add_u16(type);
        message.add_u16(class_in);
        return face.ask(message);
    }
    // A service whose instances have these ids.
    static std::shared_ptr<const agent::ServiceView> with_ids(const agent::ServiceView& service,
                                                              const std::vector<std::string>& ids) {
        auto view = service;
        for (std::size_t i = 0; i < ids.size(); ++i)
            support::change_record(view.instances.at(i),
                                   [&](auto& record) { record.service.id = ids[i]; });
        return std::make_shared<const agent::ServiceView>(std::move(view));
    }
};

TEST_F(Browsing, leads_from_the_domain_to_each_instance) {
    face.publish(
        {make_service("http",
                      {{.node = host1, .port = 80, .meta = {{"path", "/"}, {"dns-ttl", "9s"}}},
                       {.node = host2, .port = 81}}),
         make_service("Printer", {{.node = host1, .address = "10.0.0.9"}})},
        {host1, host2});

    for (const auto* browse : {"b._dns-sd._udp", "db._dns-sd._udp", "lb._dns-sd._udp.dc1"}) {
        EXPECT_EQ(ask(browse, rr::ptr), Lines{"roster.internal."}) << browse;
    }
    EXPECT_EQ(ask(services, rr::ptr),
              (Lines{"_Printer._tcp.roster.internal.", "_http._tcp.roster.internal."}));
    EXPECT_EQ(ask("_http._tcp", rr::ptr),
              (Lines{"http-1@Host1._http._tcp.roster.internal.",
                     "http-2@host2._http._tcp.roster.internal."}));
    EXPECT_EQ(ask("HTTP-1@host1._http._tcp", rr::srv),
              Lines{"1 1 80 Host1.node.dc1.roster.internal."});
    EXPECT_EQ(ask("http-1@host1._http._tcp", rr::txt), Lines{"path=/"});
    EXPECT_EQ(ask("Printer-1@host1._printer._tcp", rr::srv),
              Lines{"1 1 8080 0a000009.addr.dc1.roster.internal."});
}

TEST_F(Browsing, stands_beside_the_other_records_of_the_name) {
    face.publish({make_service("http", {{host1}})}, {host1});

    EXPECT_EQ(ask("_http._tcp", rr::srv), Lines{"1 1 8080 Host1.node.dc1.roster.internal."});
    EXPECT_EQ(ask("_http._tcp", rr::a), Lines{"10.0.0.1"});
    EXPECT_EQ(ask("_http._tcp", rr::ptr).size(), 1U);
}

TEST_F(Browsing, gives_the_records_of_a_few_instances_along) {
    face.publish({make_service("http", {{host1}})}, {host1});

    EXPECT_EQ(face.ask("_http._tcp.roster.internal", rr::ptr).additional(),
              (Lines{"Host1.node.dc1.roster.internal. 10.0.0.1",
                     "http-1@Host1._http._tcp.roster.internal. ",
                     "http-1@Host1._http._tcp.roster.internal. 1 1 8080 "
                     "Host1.node.dc1.roster.internal."}));
    EXPECT_EQ(face.ask("http-1@host1._http._tcp.roster.internal", rr::srv).additional(),
              Lines{"Host1.node.dc1.roster.internal. 10.0.0.1"});

    face.publish({make_service("http", std::vector<support::Instance>(17, {.node = host1}))});
    const auto many = face.ask_tcp("_http._tcp.roster.internal", rr::ptr);
    EXPECT_EQ(many.answers.size(), 17U);
    EXPECT_TRUE(many.extras.empty());
}

TEST_F(Browsing, an_instance_without_metadata_has_one_empty_string) {
    face.publish({make_service("http", {{host1}})}, {host1});

    const auto reply = face.ask("http-1@host1._http._tcp.roster.internal", rr::txt);

    ASSERT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(reply.answers[0].rdata_bytes, 1U);
}

TEST_F(Browsing, attributes_are_one_record_without_what_cannot_be_one) {
    face.publish({make_service(
        "http",
        {{.node = host1,
          .meta = {
              {"a", "1"}, {"b=c", "2"}, {"", "3"}, {"d", std::string(254, 'x')}, {"e", ""}}}})});
    EXPECT_EQ(ask("http-1@host1._http._tcp", rr::txt), Lines{"a=1|e="});
    EXPECT_EQ(face.compiler.counters().records_left_out.value(), 3U);
}

TEST_F(Browsing, an_instance_may_be_called_anything) {
    const std::string longest(70, 'x');
    face.publish({with_ids(*make_service("http", {{host1}, {host1}, {host1}, {host1}}),
                           {"Web. at \"home\"",
                            "K\xC3\xBC"
                            "che\\1",
                            longest + "a",
                            longest + "b"})},
                 {host1});

    const auto pointers = ask("_http._tcp", rr::ptr);
    ASSERT_EQ(pointers.size(), 4U);
    for (const auto& pointer : pointers) {
        const auto at = pointer.rfind("._http");
        ASSERT_LE(at, label_bytes_max);
        EXPECT_EQ(ask_instance(pointer.substr(0, at), "_http._tcp", rr::srv).answers.size(), 1U)
            << pointer;
    }
    EXPECT_EQ(ask_instance("WEB. at \"HOME\"@host1", "_http._tcp", rr::txt).answers.size(), 1U);
}

TEST_F(Browsing, only_those_that_are_answered_are_pointed_to_but_all_have_names) {
    face.publish({make_service(
        "http",
        {{.node = host1, .tags = {"a"}}, {.node = host1, .port = 1, .health = Health::critical}})});

    EXPECT_EQ(ask("_http._tcp", rr::ptr).size(), 1U);
    EXPECT_EQ(ask("http-2@host1._http._tcp", rr::srv), Lines{});
    EXPECT_EQ(ask("http-3@host1._http._tcp", rr::srv), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_a._sub._http._tcp", rr::ptr), ask("_http._tcp", rr::ptr));
    EXPECT_EQ(ask("_a._sub._http._tcp", rr::a), Lines{});
    EXPECT_EQ(ask("_sub._http._tcp", rr::ptr), Lines{});
    EXPECT_EQ(ask("_dns-sd._udp", rr::a), Lines{});
    EXPECT_EQ(ask("_udp", rr::a), Lines{});
}

TEST_F(Browsing, what_goes_takes_its_names_along) {
    face.publish({make_service("http", {{.node = host1, .tags = {"a"}}, {host1}}),
                  make_service("db", {{host1}})});
    face.publish({make_service("http", {{host1}})});
    EXPECT_EQ(ask("http-2@host1._http._tcp", rr::srv), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_a._sub._http._tcp", rr::ptr), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_sub._http._tcp", rr::ptr), Lines{"NXDOMAIN"});

    face.remove_services({"http"});
    EXPECT_EQ(ask("http-1@host1._http._tcp", rr::srv), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask("_http._tcp", rr::ptr), Lines{"NXDOMAIN"});
    EXPECT_EQ(ask(services, rr::ptr), Lines{"_db._tcp.roster.internal."});
}

TEST(BrowsingSome, shows_the_services_that_the_configuration_names) {
    DnsFace face({.browse = {"Web-*", "db"}});
    const auto host1 = make_node("host1", "10.0.0.1");
    face.publish({make_service("web-a", {{host1}}),
                  make_service("Web-b", {{host1}}),
                  make_service("db", {{host1}}),
                  make_service("dbx", {{host1}})});

    EXPECT_EQ(face.ask("_services._dns-sd._udp.roster.internal", rr::ptr).data(),
              (Lines{"_Web-b._tcp.roster.internal.",
                     "_db._tcp.roster.internal.",
                     "_web-a._tcp.roster.internal."}));
    EXPECT_TRUE(face.ask("_dbx._tcp.roster.internal", rr::ptr).answers.empty());
    EXPECT_EQ(face.ask("dbx-1@host1._dbx._tcp.roster.internal", rr::srv).rcode, 3U);
}

TEST(BrowsingNone, has_no_names) {
    DnsFace face({.browse = {}});
    face.publish({make_service("web", {{make_node("host1", "10.0.0.1")}})});

    for (const auto* name : {"_services._dns-sd._udp", "b._dns-sd._udp", "_dns-sd._udp"}) {
        EXPECT_EQ(face.ask(std::string(name) + ".roster.internal", rr::ptr).rcode, 3U) << name;
    }
}

}  // namespace
}  // namespace dns
