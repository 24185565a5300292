#include "agent/packed_record.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace agent {
namespace {

using std::chrono::milliseconds;

CheckDefinition full_definition() {
    CheckDefinition check;
    check.id = "c";
    check.name = "check";
    check.notes = "of the front page";
    check.service_id = "web-1";
    check.kind = CheckKind::script;
    check.http = "http://10.0.0.1:8080/health";
    check.method = "POST";
    check.header = {{"X-A", "1"}, {"X-A", "2"}};
    check.body = std::string("\0\xff", 2);
    check.expected_status = {200, 404, -1};
    check.body_match = "ok.*";
    check.disable_redirects = true;
    check.tls_skip_verify = true;
    check.tls_server_name = "web.example.com";
    check.tcp = "10.0.0.1:80";
    check.tcp_use_tls = true;
    check.args = {"/bin/check", ""};
    check.ttl = milliseconds(1);
    check.interval = milliseconds(127);
    check.timeout = milliseconds(128);
    check.start_period = milliseconds::max();
    check.success_before_passing = 3;
    check.failures_before_warning = 4;
    check.failures_before_critical = std::numeric_limits<int>::min();
    check.initial_status = Health::warning;
    check.deregister_critical_after = milliseconds(-1);
    check.output_bytes_max = std::numeric_limits<std::size_t>::max();
    return check;
}

// Nothing in it is what it is by default.
InstanceRecord full_record() {
    InstanceRecord record;
    record.service.id = "web-1";
    record.service.name = "web";
    record.service.address = "10.0.0.1";
    record.service.port = 65'535;
    record.service.tags = {"primary", "", "v1"};
    record.service.meta = {{"", "empty"}, {"version", std::string(300, 'v')}};
    record.service.tagged_addresses = {{"admin", {"10.0.0.2", 9090}}, {"lan", {"", 1}}};
    record.service.weights = {10, 65'535};
    record.service.enable_tag_override = true;
    record.service.zone = "a";
    record.node = "host1";
    record.node_address = "10.0.0.9";
    record.datacenter = "dc1";
    record.registered_ms = 1'700'000'000'000;
    record.checks = {{full_definition(), {Health::warning, "slow\nvery"}}, {}};
    record.maintenance = Maintenance{"kernel"};
    record.external = true;
    record.dns = DnsOrigin{"key.", std::numeric_limits<std::int64_t>::max(), true};
    return record;
}

TEST(PackedRecord, gives_back_all_that_a_record_says) {
    const auto record = full_record();

    EXPECT_EQ(PackedRecord(record).unpack(), record);
    EXPECT_EQ(PackedRecord(InstanceRecord()).unpack(), InstanceRecord());
}

TEST(PackedRecord, gives_each_part_by_itself) {
    const auto record = full_record();
    const PackedRecord packed(record);

    EXPECT_EQ(packed.id(), "web-1");
    EXPECT_EQ(packed.node(), "host1");
    EXPECT_EQ(packed.service(), "web");
    EXPECT_EQ(packed.address(), "10.0.0.1");
    EXPECT_EQ(packed.zone(), "a");
    EXPECT_EQ(packed.node_address(), "10.0.0.9");
    EXPECT_EQ(packed.datacenter(), "dc1");
    EXPECT_EQ(packed.port(), 65'535);
    EXPECT_EQ(packed.weights(), (Weights{10, 65'535}));
    EXPECT_TRUE(packed.external());
    EXPECT_EQ(packed.tags(), (std::vector<std::string_view>{"primary", "", "v1"}));
    EXPECT_EQ(packed.meta(), record.service.meta);
    EXPECT_EQ(packed.tagged_addresses(), record.service.tagged_addresses);
    EXPECT_EQ(packed.dns(), record.dns);
    EXPECT_EQ(packed.maintenance(), record.maintenance);
    EXPECT_EQ(packed.checks(), record.checks);
}

TEST(PackedRecord, finds_a_part_whatever_others_there_are) {
    for (unsigned others = 0; others < 32; ++others) {
        auto record = full_record();
        if ((others & 1U) == 0) record.service.tags = {};
        if ((others & 2U) == 0) record.service.meta = {};
        if ((others & 4U) == 0) record.service.tagged_addresses = {};
        if ((others & 8U) == 0) record.dns = {};
        if ((others & 16U) == 0) record.maintenance = {};

        EXPECT_EQ(PackedRecord(record).unpack(), record) << others;
    }
}

TEST(PackedRecord, has_the_worst_health_of_its_checks) {
    InstanceRecord record;
    EXPECT_EQ(PackedRecord(record).health(), Health::passing);

    record.checks = {{{}, {Health::warning, ""}}, {{}, {Health::passing, ""}}};
    EXPECT_EQ(PackedRecord(record).health(), Health::warning);

    record.maintenance = Maintenance{};
    EXPECT_EQ(PackedRecord(record).health(), Health::critical);
}

TEST(PackedRecord, knows_its_znode) {
    InstanceRecord record;
    record.service.id = "a";
    record.node = "host1";
    EXPECT_EQ(PackedRecord(record).znode(), "a@host1");
    EXPECT_EQ(PackedRecord(record, "8f2c").znode(), "8f2c") << "of another program";

    record.service.id = "a/b@c";
    const PackedRecord escaped(record);
    EXPECT_EQ(escaped.znode(), instance_name("a/b@c", "host1"));
    EXPECT_EQ(escaped.id(), "a/b@c");
    EXPECT_EQ(escaped.node(), "host1");
}

TEST(PackedRecord, shares_its_octets_with_its_copies) {
    const PackedRecord packed(full_record());
    const auto copy = packed;

    EXPECT_TRUE(copy.is_same(packed));
    EXPECT_EQ(copy.id().data(), packed.id().data());
    EXPECT_FALSE(packed.is_same(PackedRecord(full_record())));
    EXPECT_EQ(sizeof(PackedRecord), 2 * sizeof(void*)) << "all else is shared";
}

}  // namespace
}  // namespace agent
