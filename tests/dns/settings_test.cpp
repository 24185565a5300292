#include "dns/settings.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using Lines = std::vector<std::string>;

Lines faults_of(const agent::DnsConfig& config) {
    return find_faults(config, "roster.internal", "dc1");
}

agent::DnsKeyConfig key(std::string name) {
    return {.name = std::move(name), .secret = {"secret secret secret"}};
}

TEST(Settings, of_the_defaults_nothing_keeps_the_dns_face_from_starting) {
    EXPECT_EQ(faults_of({}), Lines{});
}

TEST(Settings, a_transfer_or_an_update_with_a_key_that_there_is_not_is_a_fault) {
    agent::DnsConfig config;
    config.keys = {key("there")};
    config.transfers = {{.to = {"10.0.0.0/8"}, .key = "there"}};
    config.updates = {{.key = "there", .names = {"*"}}};
    EXPECT_EQ(faults_of(config), Lines{});

    config.transfers.front().key = config.updates.front().key = "elsewhere";
    EXPECT_EQ(faults_of(config),
              (Lines{"dns.transfer: there is no dns.key \"elsewhere\"",
                     "dns.update: there is no dns.key \"elsewhere\""}));
}

TEST(Settings, every_fault_is_told_at_once) {
    agent::DnsConfig config;
    config.keys = {key("k..x")};
    config.cookie_secrets = {"short"};
    config.allow = {"everywhere"};
    EXPECT_EQ(faults_of(config).size(), 3U);
}

TEST(Settings, a_key_takes_a_length_of_cut_signatures_only_as_rfc_8945_has_it) {
    agent::DnsConfig config;
    config.keys = {key("k")};
    config.keys.front().mac_bits_min = 8;
    EXPECT_EQ(faults_of(config).size(), 1U);
}

TEST(Settings, a_certificate_that_cannot_be_read_is_a_fault_where_tls_is_listened_for) {
    agent::DnsConfig config;
    config.tls_certificate = config.tls_key = "/nowhere/dns.pem";
    EXPECT_EQ(faults_of(config), Lines{});

    config.tls_listen = {"127.0.0.1:0"};
    ASSERT_EQ(faults_of(config).size(), 1U);
    EXPECT_NE(faults_of(config).front().find("/nowhere/dns.pem"), std::string::npos);
}

TEST(Settings, to_forward_to_ourselves_is_a_fault) {
    agent::DnsConfig config;
    config.listen = {"127.0.0.1:5353"};
    config.forward = {.enabled = true, .servers = {"127.0.0.1:5353"}};
    EXPECT_EQ(faults_of(config).size(), 1U);

    config.forward.servers = {"127.0.0.1:5354"};
    EXPECT_EQ(faults_of(config), Lines{});
}

}  // namespace
}  // namespace dns
