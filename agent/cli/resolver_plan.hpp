#pragma once
// What makes a host's resolver ask the agent for the agent's names: files, and commands after them.
//
// Fed by:  resolver_command.
// Thread:  any; pure functions.
// Holds:   every file begins with file_mark, by which `roster resolver remove` knows it again. Only
//          files of our own are made, except for /etc/resolv.conf.
// Fails:   a sentence that says what to change.
// Source:  systemd.netdev(5), systemd.network(5), resolved.conf(5), resolvectl(1), dnsmasq(8),
//          unbound.conf(5), NetworkManager.conf(5), resolv.conf(5).

#include "agent/cli/host_resolver.hpp"
#include "agent/config.hpp"
#include "agent/endpoint.hpp"
#include "agent/service.hpp"

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// What systemd-resolved is wired by.
inline constexpr const char* link_name = "roster0";

// The agent, as the host's resolver shall see it.
struct AgentDns {
    HostPort server;
    std::vector<std::string> zones;  // its domain first, then its reverse zones
    bool forwards = false;           // other names, to servers that its configuration names
};

using Command = std::vector<std::string>;

struct HostFile {
    std::filesystem::path path;  // absolute, on the host
    std::string text;
};

struct ResolverPlan {
    std::filesystem::path needs;  // a directory that is there if the program is installed
    std::vector<HostFile> files;
    std::vector<Command> commands;  // once the files are there
    std::vector<std::string> notes;
};

// Where a resolver on this host reaches the agent: its loopback address, if it has one.
Parsed<AgentDns> agent_dns(const Config& config);

// The zones of a prefix: "10.1.0.0/16" is 1.10.in-addr.arpa; "10.0.0.0/7" is two of them.
std::vector<std::string> reverse_zones(std::string_view prefix);

Parsed<ResolverPlan> make_plan(HostResolver resolver, const AgentDns& agent, const HostFacts& host);

// Taking back: what is run before the files go and after, given those that are there.
struct RemovalPlan {
    std::vector<Command> before;
    std::vector<Command> after;
    std::vector<Command> told;  // to other programs' services: left to the one who asked
};

// Every file that any plan has, but resolv.conf.
std::vector<std::filesystem::path> planned_files();
RemovalPlan make_removal(const std::vector<std::filesystem::path>& files);

}  // namespace agent
