#include "agent/cli/resolver_plan.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace {

using agent::HostResolver;
using Zones = std::vector<std::string>;

const agent::AgentDns local{{"127.0.0.1", 8600}, {"roster.internal", "10.in-addr.arpa"}};

agent::HostFacts host_with(std::set<std::string> programs) {
    agent::HostFacts host;
    host.programs = std::move(programs);
    return host;
}

agent::ResolverPlan plan_for(HostResolver resolver, const agent::HostFacts& host = {}) {
    const auto plan = agent::make_plan(resolver, local, host);
    EXPECT_TRUE(plan.value) << plan.error;
    return plan.value.value();
}

std::string text_of(const agent::ResolverPlan& plan, const std::string& path) {
    for (const auto& file : plan.files) {
        if (file.path == path) return file.text.substr(agent::file_mark.size());
    }
    ADD_FAILURE() << "no file " << path;
    return {};
}

agent::Config config_with(std::vector<std::string> listen) {
    agent::Config config;
    config.dns.listen = std::move(listen);
    return config;
}

TEST(ResolverPlan, dnsmasq_sends_our_zones_to_the_agent_and_takes_private_addresses) {
    const auto plan = plan_for(HostResolver::dnsmasq);

    EXPECT_EQ(text_of(plan, "/etc/dnsmasq.d/roster.conf"),
              "server=/roster.internal/127.0.0.1#8600\n"
              "server=/10.in-addr.arpa/127.0.0.1#8600\n"
              "rebind-domain-ok=/roster.internal/\n");
}

TEST(ResolverPlan, unbound_may_ask_this_host_and_keeps_no_answer) {
    const auto plan = plan_for(HostResolver::unbound);

    EXPECT_EQ(text_of(plan, "/etc/unbound/unbound.conf.d/roster.conf"),
              "server:\n"
              "    do-not-query-localhost: no\n"
              "    private-domain: \"roster.internal.\"\n"
              "    domain-insecure: \"roster.internal.\"\n"
              "    local-zone: \"roster.internal.\" transparent\n"
              "    domain-insecure: \"10.in-addr.arpa.\"\n"
              "    local-zone: \"10.in-addr.arpa.\" transparent\n"
              "stub-zone:\n"
              "    name: \"roster.internal.\"\n"
              "    stub-addr: 127.0.0.1@8600\n"
              "    stub-no-cache: yes\n"
              "stub-zone:\n"
              "    name: \"10.in-addr.arpa.\"\n"
              "    stub-addr: 127.0.0.1@8600\n"
              "    stub-no-cache: yes\n");
}

TEST(ResolverPlan, networkmanager_gets_a_dnsmasq_with_the_same_lines) {
    const auto plan = plan_for(HostResolver::network_manager);

    EXPECT_EQ(text_of(plan, "/etc/NetworkManager/conf.d/90-roster-dnsmasq.conf"),
              "[main]\ndns=dnsmasq\n");
    EXPECT_EQ(text_of(plan, "/etc/NetworkManager/dnsmasq.d/roster.conf"),
              text_of(plan_for(HostResolver::dnsmasq), "/etc/dnsmasq.d/roster.conf"));
}

TEST(ResolverPlan, systemd_networkd_makes_a_link_that_is_asked_for_our_zones_alone) {
    const auto plan = plan_for(HostResolver::systemd_resolved, host_with({"systemd-networkd"}));

    EXPECT_EQ(text_of(plan, "/etc/systemd/network/50-roster.netdev"),
              "[NetDev]\nName=roster0\nKind=dummy\n");
    const auto network = text_of(plan, "/etc/systemd/network/50-roster.network");
    EXPECT_NE(network.find("Address=169.254.53.53/32\nScope=global\n"), std::string::npos)
        << network;
    EXPECT_NE(network.find("\nDNS=127.0.0.1:8600\nDomains=~roster.internal ~10.in-addr.arpa\n"
                           "DNSDefaultRoute=no\n"),
              std::string::npos)
        << network;
    EXPECT_EQ(plan.commands, (std::vector<agent::Command>{{"networkctl", "reload"}}));
}

TEST(ResolverPlan, without_networkd_a_unit_makes_the_link_after_resolved) {
    const auto plan = plan_for(HostResolver::systemd_resolved);

    const auto unit = text_of(plan, "/etc/systemd/system/roster-resolver.service");
    for (const auto* line :
         {"PartOf=systemd-resolved.service\n",
          "ExecStart=resolvectl dns roster0 127.0.0.1:8600\n",
          "ExecStart=resolvectl domain roster0 ~roster.internal ~10.in-addr.arpa\n",
          "ExecStart=resolvectl default-route roster0 no\n",
          "ExecStop=ip link delete roster0\n"}) {
        EXPECT_NE(unit.find(line), std::string::npos) << line << "is not in\n" << unit;
    }
    EXPECT_EQ(plan.commands.back(),
              (agent::Command{"systemctl", "restart", "roster-resolver.service"}));
}

TEST(ResolverPlan, networkmanager_is_told_to_leave_the_link_alone) {
    const auto plan = plan_for(HostResolver::systemd_resolved, host_with({"NetworkManager"}));

    EXPECT_EQ(text_of(plan, "/etc/NetworkManager/conf.d/90-roster-link.conf"),
              "[keyfile]\nunmanaged-devices+=interface-name:roster0\n");
}

TEST(ResolverPlan, resolv_conf_names_the_agent_alone_and_keeps_the_search_list) {
    agent::HostFacts host;
    host.resolv_conf = "nameserver 10.0.0.1\nsearch a.example\n";

    const auto plan = agent::make_plan(
        HostResolver::resolv_conf, {{"127.0.0.2", 53}, {"roster.internal"}, true}, host);

    ASSERT_TRUE(plan.value) << plan.error;
    EXPECT_EQ(text_of(*plan.value, "/etc/resolv.conf"),
              "nameserver 127.0.0.2\nsearch a.example\noptions edns0 timeout:1 attempts:2\n");
}

TEST(ResolverPlan, resolv_conf_needs_port_53_and_a_file_that_nobody_else_writes) {
    const auto other_port = agent::make_plan(HostResolver::resolv_conf, local, {});
    agent::HostFacts host;
    host.resolv_conf_link = "/run/x";
    const auto other_writer =
        agent::make_plan(HostResolver::resolv_conf, {{"127.0.0.2", 53}, {"x"}}, host);

    EXPECT_NE(other_port.error.find("dns.listen = [\"127.0.0.1:8600\", \"127.0.0.2:53\"]"),
              std::string::npos)
        << other_port.error;
    EXPECT_NE(other_writer.error.find("/etc/resolv.conf is a link to /run/x"), std::string::npos)
        << other_writer.error;
}

TEST(ResolverPlan, resolv_conf_needs_an_agent_that_forwards_to_servers_of_its_own) {
    agent::HostFacts host;
    host.resolv_conf = "nameserver 127.0.0.2\nnameserver 10.0.0.1\n";

    const auto plan = agent::make_plan(HostResolver::resolv_conf, {{"127.0.0.2", 53}, {"x"}}, host);

    EXPECT_NE(plan.error.find("[dns.forward] servers = [\"10.0.0.1\"]"), std::string::npos)
        << plan.error;
}

TEST(ResolverPlan, an_agent_forwards_when_its_configuration_names_servers) {
    auto config = config_with({"127.0.0.2:53"});
    EXPECT_FALSE(agent_dns(config).value->forwards);
    config.dns.forward.enabled = true;
    EXPECT_FALSE(agent_dns(config).value->forwards) << "those of resolv.conf are itself";

    config.dns.forward.servers = {"10.0.0.1"};

    EXPECT_TRUE(agent_dns(config).value->forwards);
}

TEST(ResolverPlan, a_resolv_conf_that_goes_past_resolved_is_to_be_linked_to_its_stub) {
    agent::HostFacts host;
    host.resolv_conf_link = "../run/systemd/resolve/resolv.conf";

    const auto plan = agent::make_plan(HostResolver::resolv_conf, {{"127.0.0.2", 53}, {"x"}}, host);

    EXPECT_NE(plan.error.find("a link to /run/systemd/resolve/stub-resolv.conf"), std::string::npos)
        << plan.error;
}

TEST(ResolverPlan, a_domain_below_local_is_warned_of) {
    const auto local_plan =
        agent::make_plan(HostResolver::dnsmasq, {{"127.0.0.1", 8600}, {"x.local"}}, {});

    ASSERT_EQ(local_plan.value->notes.size(), 1U);
    EXPECT_NE(local_plan.value->notes[0].find("multicast DNS"), std::string::npos);
    EXPECT_TRUE(plan_for(HostResolver::dnsmasq).notes.empty());
}

TEST(ResolverPlan, an_agent_is_reached_on_its_loopback_address) {
    EXPECT_EQ(agent_dns(config_with({"10.0.0.1:53", "127.0.0.1:8600"})).value->server,
              (agent::HostPort{"127.0.0.1", 8600}));
    EXPECT_EQ(agent_dns(config_with({"127.0.0.1:8600", "127.0.0.2:53"})).value->server,
              (agent::HostPort{"127.0.0.2", 53}));
    EXPECT_EQ(agent_dns(config_with({"0.0.0.0:53"})).value->server,
              (agent::HostPort{"127.0.0.1", 53}));
    EXPECT_EQ(agent_dns(config_with({"[::]:8600"})).value->server, (agent::HostPort{"::1", 8600}));
}

TEST(ResolverPlan, an_agent_without_dns_or_a_port_cannot_be_reached) {
    auto off = config_with({"127.0.0.1:8600"});
    off.dns.enabled = false;

    EXPECT_NE(agent_dns(off).error.find("dns.enabled"), std::string::npos);
    EXPECT_NE(agent_dns(config_with({"127.0.0.1:0"})).error.find("port 0"), std::string::npos);
}

TEST(ResolverPlan, ipv6_is_spelled_as_each_program_reads_it) {
    const agent::AgentDns agent{{"::1", 8600}, {"x"}};

    const auto dnsmasq = agent::make_plan(HostResolver::dnsmasq, agent, {});
    const auto unbound = agent::make_plan(HostResolver::unbound, agent, {});
    const auto resolved = agent::make_plan(HostResolver::systemd_resolved, agent, {});

    EXPECT_NE(dnsmasq.value->files[0].text.find("server=/x/::1#8600\n"), std::string::npos);
    EXPECT_NE(unbound.value->files[0].text.find("stub-addr: ::1@8600\n"), std::string::npos);
    EXPECT_NE(resolved.value->files[0].text.find("dns roster0 [::1]:8600\n"), std::string::npos);
}

TEST(ResolverPlan, a_prefix_is_the_zones_that_cover_it) {
    EXPECT_EQ(agent::reverse_zones("10.0.0.0/8"), Zones{"10.in-addr.arpa"});
    EXPECT_EQ(agent::reverse_zones("192.168.7.0/24"), Zones{"7.168.192.in-addr.arpa"});
    EXPECT_EQ(agent::reverse_zones("10.0.0.0/7"), (Zones{"10.in-addr.arpa", "11.in-addr.arpa"}));
    EXPECT_EQ(agent::reverse_zones("172.16.0.0/12").size(), 16U);
    EXPECT_EQ(agent::reverse_zones("172.16.0.0/12").back(), "31.172.in-addr.arpa");
    EXPECT_EQ(agent::reverse_zones("192.0.2.1/32"), Zones{"1.2.0.192.in-addr.arpa"});
    EXPECT_EQ(agent::reverse_zones("fd00::/8"), Zones{"d.f.ip6.arpa"});
    EXPECT_EQ(agent::reverse_zones("fc00::/7"), (Zones{"c.f.ip6.arpa", "d.f.ip6.arpa"}));
    EXPECT_EQ(agent::reverse_zones("no prefix"), Zones{});
}

TEST(ResolverPlan, every_file_is_known_to_removal_and_every_program_hears_of_it) {
    const auto known = agent::planned_files();
    for (const auto resolver : {HostResolver::systemd_resolved,
                                HostResolver::network_manager,
                                HostResolver::dnsmasq,
                                HostResolver::unbound}) {
        for (const auto& programs :
             {std::set<std::string>{}, {"systemd-networkd", "NetworkManager"}}) {
            const auto plan = plan_for(resolver, host_with(programs));
            std::vector<std::filesystem::path> paths;
            for (const auto& file : plan.files) {
                EXPECT_EQ(std::count(known.begin(), known.end(), file.path), 1) << file.path;
                EXPECT_TRUE(file.text.starts_with(agent::file_mark));
                paths.push_back(file.path);
            }
            const auto removal = agent::make_removal(paths);
            EXPECT_FALSE(removal.after.empty() && removal.told.empty());
        }
    }
    EXPECT_TRUE(agent::make_removal({}).before.empty());
    EXPECT_TRUE(agent::make_removal({}).after.empty());
}

}  // namespace
