#include "dns/update_zone.hpp"

#include "tests/support/dns_updates.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace dns {
namespace {

using Hold = ZoneRecord::Hold;

class UpdateZoneTest : public testing::Test {
protected:
    static ZoneRecord own(std::uint16_t type, std::string rdata, Hold hold = Hold::own) {
        ZoneRecord made;
        made.type = type;
        made.ttl = 60;
        made.rdata = std::move(rdata);
        made.key = "dhcp.";
        made.expires_ms = 5000;
        made.hold = hold;
        return made;
    }
    agent::DynamicChange change(const ZoneRecords& records, const agent::DynamicView& view = {}) {
        agent::DynamicChange made;
        zone_.add_service_change("web", records, view, 1000, made);
        return made;
    }
    // As if what `made` puts had been committed.
    static agent::DynamicView committed(const agent::DynamicChange& made) {
        agent::DynamicView view;
        for (const auto& record : made.put) {
            const auto read = agent::decode_instance(agent::encode(record));
            view.services["web"].push_back(
                {agent::instance_path("web", record.service.id, record.node),
                 0,
                 true,
                 *read.value});
        }
        return view;
    }

    Grammar grammar_{"roster.internal", "dc1", {}};
    UpdateZone zone_{grammar_};
    const std::string srv_ = support::srv(1, 7, 8080, "0a000005.addr.dc1.roster.internal");
};

TEST_F(UpdateZoneTest, makes_an_address_an_instance_without_a_port) {
    const auto made = change({own(rr::a, support::address(5))});

    ASSERT_EQ(made.put.size(), 1U);
    const auto& record = made.put[0];
    EXPECT_EQ(record.service.name, "web");
    EXPECT_EQ(record.service.id, "dns:10.0.0.5");
    EXPECT_EQ(record.service.address, "10.0.0.5");
    EXPECT_EQ(record.service.port, 0);
    EXPECT_EQ(record.service.meta.at("dns-ttl"), "60s");
    EXPECT_EQ(record.node, "10.0.0.5");
    EXPECT_EQ(record.datacenter, "dc1");
    EXPECT_EQ(record.registered_ms, 1000);
    EXPECT_TRUE(record.external);
    EXPECT_EQ(record.dns, (agent::DnsOrigin{"dhcp.", 5000, true}));
}

TEST_F(UpdateZoneTest, makes_a_port_and_its_address_one_instance) {
    const auto made = change({own(rr::a, support::address(5)), own(rr::srv, srv_)});

    ASSERT_EQ(made.put.size(), 1U);
    EXPECT_EQ(made.put[0].service.id, "dns:10.0.0.5:8080");
    EXPECT_EQ(made.put[0].service.port, 8080);
    EXPECT_EQ(made.put[0].service.weights.passing, 7);
    EXPECT_TRUE(made.put[0].dns->has_address);
}

TEST_F(UpdateZoneTest, makes_a_target_elsewhere_a_hostname) {
    const auto made = change({own(rr::srv, support::srv(3, 1, 80, "Host.example"))});

    ASSERT_EQ(made.put.size(), 1U);
    EXPECT_EQ(made.put[0].service.address, "Host.example");
    EXPECT_EQ(made.put[0].service.meta.at("dns-priority"), "3");
}

TEST_F(UpdateZoneTest, finds_the_records_of_its_instances_again_and_nothing_to_change) {
    const ZoneRecords records{
        own(rr::a, support::address(5)),
        own(rr::srv, srv_),
        own(rr::srv, support::srv(1, 7, 8081, "0a000005.addr.dc1.roster.internal")),
        own(rr::a, support::address(6)),
        own(rr::srv, support::srv(2, 0, 80, "host.example")),
        own(rr::a, support::address(7), Hold::implied),
        own(rr::srv, support::srv(1, 1, 80, "0a000007.addr.dc1.roster.internal"))};
    const auto view = committed(change(records));

    const auto again = zone_.to_records(view.services.at("web"), false);

    EXPECT_EQ(again.size(), records.size());
    for (const auto& record : records) {
        EXPECT_TRUE(std::any_of(again.begin(), again.end(), [&](const ZoneRecord& other) {
            return other.type == record.type && other.hold == record.hold &&
                   canonical_rdata(record.type, other.rdata) ==
                       canonical_rdata(record.type, record.rdata);
        })) << record.type;
    }
    EXPECT_TRUE(change(again, view).empty());
}

TEST_F(UpdateZoneTest, removes_the_instances_of_records_that_are_gone_and_keeps_what_is_not_its) {
    auto view = committed(change({own(rr::a, support::address(5)), own(rr::srv, srv_)}));
    agent::InstanceRecord registered;
    registered.service.id = "w1";
    registered.service.name = "web";
    registered.service.address = "10.0.0.9";
    registered.service.port = 80;
    registered.node = "host1";
    view.services["web"].push_back({"/services/web/w1@host1", 0, true, registered});
    auto records = zone_.to_records(view.services.at("web"), false);
    std::erase_if(records, [](const auto& record) { return record.is_own(); });

    const auto made = change(records, view);

    EXPECT_EQ(made.remove.size(), 1U);
    EXPECT_NE(made.remove.at(0), "/services/web/w1@host1");
    EXPECT_TRUE(made.put.empty());
    // With leave, what no session holds; what an agent holds never.
    EXPECT_EQ(change({}, view).remove.size(), 2U);
    view.services["web"].back().persistent = false;
    EXPECT_EQ(change({}, view).remove.size(), 1U);
}

TEST_F(UpdateZoneTest, writes_a_name_only_if_it_differs) {
    agent::DynamicView view;
    view.names["a.dyn"] = {3, {"a.dyn", {{rr::a, 60, support::address(5), "dhcp.", 5000}}}};
    const auto records = UpdateZone::to_records(view.names.at("a.dyn").name);
    agent::DynamicChange same;
    agent::DynamicChange gone;
    agent::DynamicChange none;

    UpdateZone::add_name_change("a.dyn", records, view, same);
    UpdateZone::add_name_change("a.dyn", {}, view, gone);
    UpdateZone::add_name_change("b.dyn", {}, view, none);

    EXPECT_TRUE(same.empty());
    ASSERT_EQ(gone.names.size(), 1U);
    EXPECT_TRUE(gone.names[0].records.empty());
    EXPECT_TRUE(none.empty());
}

TEST_F(UpdateZoneTest, sees_names_in_rdata_without_their_case) {
    EXPECT_EQ(canonical_rdata(rr::cname, support::name_of("Host.Example")),
              support::name_of("host.example"));
    EXPECT_EQ(canonical_rdata(rr::srv, support::srv(0, 0x4141, 0x4141, "Host.Example")),
              support::srv(1, 0x4141, 0x4141, "host.example"));
    EXPECT_EQ(canonical_rdata(rr::txt, "\3ABC"), "\3ABC");
}

}  // namespace
}  // namespace dns
