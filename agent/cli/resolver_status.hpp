#pragma once
// Whether programs on this host reach the agent by its names: asked, not guessed.
//
// Fed by:  resolver_command.
// Thread:  main's; it waits for the answers.
// Holds:   two lookups of the agent's own node: one of the agent itself, one as any program makes
//          it, through nsswitch.conf and whatever resolver this host has.

#include "agent/cli/console.hpp"
#include "agent/cli/host_resolver.hpp"
#include "agent/cli/resolver_plan.hpp"

#include <functional>
#include <string>
#include <vector>

namespace agent {

struct Lookup {
    std::vector<std::string> addresses;
    std::string error;       // a sentence, when there are none
    bool is_silent = false;  // nobody answered
};

struct StatusQuestion {
    AgentDns agent;
    std::string node_name;           // "host1.node.roster.internal"
    HostResolver resolver;           // what this host uses
    std::vector<std::string> files;  // that setup has written
    bool has_link = false;           // the one of link_name
};

using AskAgent = std::function<Lookup(const HostPort& server, const std::string& name)>;
using AskHost = std::function<Lookup(const std::string& name)>;

Lookup ask_agent(const HostPort& server, const std::string& name);
Lookup ask_host(const std::string& name);  // getaddrinfo, with a shorter patience than its own

// Prints what is, and the verdict; the exit code.
int print_status(const Console& console,
                 const StatusQuestion& question,
                 const AskAgent& agent,
                 const AskHost& host);

}  // namespace agent
