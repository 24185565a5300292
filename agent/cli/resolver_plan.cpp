#include "agent/cli/resolver_plan.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <optional>

namespace agent {
namespace {

namespace fs = std::filesystem;
namespace asio = boost::asio;

// Of no network: resolved asks the servers of a link only if that has an address of scope global.
// Containers can reach the agent there, too, if it listens on it.
constexpr const char* link_address = "169.254.53.53/32";

const fs::path netdev_file = "/etc/systemd/network/50-roster.netdev";
const fs::path network_file = "/etc/systemd/network/50-roster.network";
const fs::path unit_file = "/etc/systemd/system/roster-resolver.service";
const fs::path unmanaged_file = "/etc/NetworkManager/conf.d/90-roster-link.conf";
const fs::path dnsmasq_file = "/etc/dnsmasq.d/roster.conf";
const fs::path unbound_file = "/etc/unbound/unbound.conf.d/roster.conf";
const fs::path manager_file = "/etc/NetworkManager/conf.d/90-roster-dnsmasq.conf";
const fs::path manager_dnsmasq_file = "/etc/NetworkManager/dnsmasq.d/roster.conf";
const fs::path resolv_conf_file = "/etc/resolv.conf";
constexpr const char* unit = "roster-resolver.service";

HostFile file(const fs::path& path, const std::string& text) {
    return {path, std::string(file_mark) + text};
}

bool is_loopback(const HostPort& server) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(server.host, error);
    return !error && address.is_loopback();
}

// One that listens everywhere is reached on the loopback.
HostPort reachable(HostPort listener) {
    boost::system::error_code error;
    const auto address = asio::ip::make_address(listener.host, error);
    if (!error && address.is_unspecified()) listener.host = address.is_v4() ? "127.0.0.1" : "::1";
    return listener;
}

// "~roster.internal ~10.in-addr.arpa": for routing, not for searching.
std::string routing_domains(const AgentDns& agent) {
    std::string all;
    for (const auto& zone : agent.zones) all += (all.empty() ? "~" : " ~") + zone;
    return all;
}

// systemd-networkd makes a link of its own for us, whose server is asked for our names alone. A
// server in resolved.conf would be asked for all the others, too.
void plan_networkd(const AgentDns& agent, ResolverPlan& plan) {
    plan.files.push_back(file(netdev_file, "[NetDev]\nName=roster0\nKind=dummy\n"));
    plan.files.push_back(file(network_file,
                              "[Match]\nName=roster0\n\n"
                              "[Link]\nRequiredForOnline=no\n\n"
                              "[Address]\nAddress=" +
                                  std::string(link_address) +
                                  "\nScope=global\nDuplicateAddressDetection=none\n\n"
                                  "[Network]\nDNS=" +
                                  format(agent.server) + "\nDomains=" + routing_domains(agent) +
                                  "\nDNSDefaultRoute=no\nDNSSEC=no\nDNSOverTLS=no\n"
                                  "LLMNR=no\nMulticastDNS=no\n"
                                  "LinkLocalAddressing=no\nIPv6AcceptRA=no\n"));
    plan.commands = {{"networkctl", "reload"}};
}

// The same link where no networkd runs. It is made again whenever resolved starts again.
void plan_unit(const AgentDns& agent, ResolverPlan& plan) {
    std::string text = "[Unit]\n"
                       "Description=Names below " +
                       agent.zones.front() +
                       " are asked of the Roster agent\n"
                       "After=systemd-resolved.service\nPartOf=systemd-resolved.service\n\n"
                       "[Service]\nType=oneshot\nRemainAfterExit=yes\n"
                       "ExecStart=-ip link add roster0 type dummy\n"
                       "ExecStart=ip address replace " +
                       std::string(link_address) +
                       " dev roster0\n"
                       "ExecStart=ip link set roster0 up\n"
                       "ExecStart=resolvectl dns roster0 " +
                       format(agent.server) + "\nExecStart=resolvectl domain roster0 " +
                       routing_domains(agent) +
                       "\n"
                       "ExecStart=resolvectl default-route roster0 no\n";
    for (const auto* feature : {"dnssec", "dnsovertls", "llmnr", "mdns"}) {
        text += std::string("ExecStart=resolvectl ") + feature + " roster0 no\n";
    }
    text += "ExecStop=ip link delete roster0\n\n[Install]\nWantedBy=systemd-resolved.service\n";
    plan.files.push_back(file(unit_file, text));
    plan.commands = {{"systemctl", "daemon-reload"},
                     {"systemctl", "enable", unit},
                     {"systemctl", "restart", unit}};
}

Parsed<ResolverPlan> plan_resolved(const AgentDns& agent, const HostFacts& host) {
    ResolverPlan plan;
    plan.needs = "/etc/systemd";
    if (host.programs.count("NetworkManager") > 0) {
        plan.files.push_back(
            file(unmanaged_file, "[keyfile]\nunmanaged-devices+=interface-name:roster0\n"));
        plan.commands.push_back({"systemctl", "reload", "NetworkManager"});
    }
    ResolverPlan link;
    if (host.programs.count("systemd-networkd") > 0) {
        plan_networkd(agent, link);
    } else {
        plan_unit(agent, link);
    }
    plan.files.insert(plan.files.end(), link.files.begin(), link.files.end());
    plan.commands.insert(plan.commands.end(), link.commands.begin(), link.commands.end());
    return {std::move(plan), {}};
}

std::string dnsmasq_lines(const AgentDns& agent) {
    const auto server = agent.server.host + "#" + std::to_string(agent.server.port);
    std::string text;
    for (const auto& zone : agent.zones) text.append("server=/" + zone + "/" + server + "\n");
    // Its instances may have private addresses, with stop-dns-rebind, too.
    return text + "rebind-domain-ok=/" + agent.zones.front() + "/\n";
}

Parsed<ResolverPlan> plan_dnsmasq(const AgentDns& agent) {
    ResolverPlan plan;
    plan.needs = dnsmasq_file.parent_path();
    plan.files = {file(dnsmasq_file, dnsmasq_lines(agent))};
    plan.commands = {{"systemctl", "restart", "dnsmasq"}};
    return {std::move(plan), {}};
}

Parsed<ResolverPlan> plan_unbound(const AgentDns& agent) {
    std::string text = "server:\n";
    if (is_loopback(agent.server)) text += "    do-not-query-localhost: no\n";
    text += "    private-domain: \"" + agent.zones.front() + ".\"\n";
    for (const auto& zone : agent.zones) {
        text += "    domain-insecure: \"" + zone + ".\"\n";
        // Before its built-in zones: those of private networks, of .test and the like.
        text += "    local-zone: \"" + zone + ".\" transparent\n";
    }
    const auto server = agent.server.host + "@" + std::to_string(agent.server.port);
    for (const auto& zone : agent.zones) {
        text += "stub-zone:\n    name: \"" + zone + ".\"\n    stub-addr: " + server +
                "\n    stub-no-cache: yes\n";
    }
    ResolverPlan plan;
    plan.needs = unbound_file.parent_path();
    plan.files = {file(unbound_file, text)};
    plan.commands = {{"systemctl", "restart", "unbound"}};
    return {std::move(plan), {}};
}

Parsed<ResolverPlan> plan_network_manager(const AgentDns& agent) {
    ResolverPlan plan;
    plan.needs = "/etc/NetworkManager";
    plan.files = {file(manager_file, "[main]\ndns=dnsmasq\n"),
                  file(manager_dnsmasq_file, dnsmasq_lines(agent))};
    plan.commands = {{"systemctl", "restart", "NetworkManager"}};
    plan.notes = {"NetworkManager runs a dnsmasq of its own for this: the package dnsmasq-base"};
    return {std::move(plan), {}};
}

// "\"10.0.0.1\", \"10.0.0.2\"": the nameservers there are now.
std::string other_servers(const HostFacts& host, const AgentDns& agent) {
    std::string all;
    for (const auto& server : nameservers(host.resolv_conf)) {
        if (server == agent.server.host) continue;
        all.append(all.empty() ? "\"" : ", \"").append(server).append("\"");
    }
    return all.empty() ? "\"10.0.0.1\"" : all;
}

Parsed<ResolverPlan> plan_resolv_conf(const AgentDns& agent, const HostFacts& host) {
    if (agent.server.port != 53) {
        return {std::nullopt,
                "resolv.conf knows no ports: let the agent listen on port 53 of a loopback address "
                "of its own, dns.listen = [\"" +
                    format(agent.server) + "\", \"127.0.0.2:53\"]"};
    }
    // Its own servers, past itself: no routing domain is heeded there.
    if (host.resolv_conf_link.ends_with("systemd/resolve/resolv.conf")) {
        return {std::nullopt,
                resolv_conf_file.string() +
                    " goes past systemd-resolved: make it a link to "
                    "/run/systemd/resolve/stub-resolv.conf, and run this again"};
    }
    if (!host.resolv_conf_link.empty()) {
        return {std::nullopt,
                resolv_conf_file.string() + " is a link to " + host.resolv_conf_link +
                    ", which another program writes: set that one up instead"};
    }
    // A name that is REFUSED ends the search list of glibc, and musl waits for another answer.
    if (!agent.forwards) {
        return {std::nullopt,
                "the agent is then asked for all names, so it must forward those of others: "
                "[dns.forward] servers = [" +
                    other_servers(host, agent) + "]"};
    }
    const auto search = search_line(host.resolv_conf);
    ResolverPlan plan;
    plan.needs = resolv_conf_file.parent_path();
    plan.files = {file(resolv_conf_file,
                       "nameserver " + agent.server.host + "\n" +
                           (search.empty() ? "" : search + "\n") +
                           "options edns0 timeout:1 attempts:2\n")};
    plan.notes = {"no other nameserver may stand beside the agent"};
    return {std::move(plan), {}};
}

struct Prefix {
    std::vector<unsigned> digits;  // octets of IPv4, nibbles of IPv6
    std::size_t length = 0;        // in bits
    unsigned bits = 8;             // of a digit
};

std::optional<Prefix> parse_prefix(std::string_view text) {
    const auto slash = text.find('/');
    if (slash == std::string_view::npos || !is_ip_prefix(text)) return std::nullopt;
    const auto length = text.substr(slash + 1);
    boost::system::error_code error;
    const auto address = asio::ip::make_address(std::string(text.substr(0, slash)), error);
    Prefix prefix;
    std::from_chars(length.data(), length.data() + length.size(), prefix.length);
    if (address.is_v4()) {
        for (const auto octet : address.to_v4().to_bytes()) prefix.digits.push_back(octet);
        return prefix;
    }
    prefix.bits = 4;
    for (const auto octet : address.to_v6().to_bytes()) {
        prefix.digits.push_back(octet >> 4U);
        prefix.digits.push_back(octet & 15U);
    }
    return prefix;
}

std::string digit_text(unsigned digit, unsigned bits) {
    if (bits == 8) return std::to_string(digit);
    return {"0123456789abcdef"[digit]};
}

}  // namespace

Parsed<AgentDns> agent_dns(const Config& config) {
    if (!config.dns.enabled || config.dns.listen.empty())
        return {std::nullopt, "DNS is switched off in the agent's configuration (dns.enabled)"};
    std::vector<HostPort> servers;
    for (const auto& listener : config.dns.listen) {
        servers.push_back(reachable(parse_host_port(listener).value()));
    }
    // resolv.conf can only have port 53; others do not care.
    const auto rank = [](const HostPort& server) {
        return (is_loopback(server) ? 0 : 2) + (server.port == 53 ? 0 : 1);
    };
    std::stable_sort(servers.begin(), servers.end(), [&](const auto& a, const auto& b) {
        return rank(a) < rank(b);
    });
    if (servers.front().port == 0)
        return {std::nullopt, "dns.listen has no port of its own: port 0 is another at each start"};
    const auto& forward = config.dns.forward;
    // Those of resolv.conf would be the agent itself, once that names it alone.
    AgentDns agent{servers.front(), {config.domain}, forward.enabled && !forward.servers.empty()};
    for (const auto& prefix : config.dns.reverse) {
        for (auto& zone : reverse_zones(prefix)) agent.zones.push_back(std::move(zone));
    }
    return {std::move(agent), {}};
}

std::vector<std::string> reverse_zones(std::string_view text) {
    const auto prefix = parse_prefix(text);
    if (!prefix) return {};
    const auto bits = prefix->bits;
    const auto whole = prefix->length / bits;
    std::string above = bits == 8 ? "in-addr.arpa" : "ip6.arpa";
    for (std::size_t i = 0; i < whole; ++i) {
        above.insert(0, digit_text(prefix->digits[i], bits) + ".");
    }
    const auto rest = prefix->length % bits;
    if (rest == 0) return {above};
    const auto count = 1U << (bits - rest);
    const auto first = prefix->digits[whole] & ~(count - 1U);
    std::vector<std::string> zones;
    for (unsigned i = 0; i < count; ++i) {
        zones.push_back(digit_text(first + i, bits).append(".").append(above));
    }
    return zones;
}

namespace {

Parsed<ResolverPlan> plan_for(HostResolver resolver, const AgentDns& agent, const HostFacts& host) {
    switch (resolver) {
        case HostResolver::systemd_resolved: return plan_resolved(agent, host);
        case HostResolver::network_manager: return plan_network_manager(agent);
        case HostResolver::dnsmasq: return plan_dnsmasq(agent);
        case HostResolver::unbound: return plan_unbound(agent);
        case HostResolver::resolv_conf: return plan_resolv_conf(agent, host);
    }
    return {};
}

}  // namespace

Parsed<ResolverPlan>
make_plan(HostResolver resolver, const AgentDns& agent, const HostFacts& host) {
    auto plan = plan_for(resolver, agent, host);
    // RFC 6762 §3.
    if (plan.value && ("." + agent.zones.front()).ends_with(".local")) {
        plan.value->notes.emplace_back(
            "many hosts ask multicast DNS alone for names below .local (mdns4_minimal in "
            "nsswitch.conf): choose another domain");
    }
    return plan;
}

std::vector<fs::path> planned_files() {
    return {netdev_file,
            network_file,
            unit_file,
            unmanaged_file,
            dnsmasq_file,
            unbound_file,
            manager_file,
            manager_dnsmasq_file};
}

RemovalPlan make_removal(const std::vector<fs::path>& files) {
    const auto has = [&](const fs::path& path) {
        return std::find(files.begin(), files.end(), path) != files.end();
    };
    RemovalPlan plan;
    if (has(unit_file)) {
        plan.before.push_back({"systemctl", "disable", "--now", unit});
        plan.after.push_back({"systemctl", "daemon-reload"});
    }
    if (has(netdev_file)) {
        plan.before.push_back({"networkctl", "delete", "roster0"});
        plan.after.push_back({"networkctl", "reload"});
    }
    if (has(unmanaged_file)) plan.after.push_back({"systemctl", "reload", "NetworkManager"});
    if (has(dnsmasq_file)) plan.told.push_back({"systemctl", "restart", "dnsmasq"});
    if (has(unbound_file)) plan.told.push_back({"systemctl", "restart", "unbound"});
    if (has(manager_file)) plan.told.push_back({"systemctl", "restart", "NetworkManager"});
    return plan;
}

}  // namespace agent
