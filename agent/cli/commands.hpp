#pragma once
// The commands: each adds itself to the command line, in a file of its own.
//
// Fed by:  command_line.
// Read by: command_line, which runs the one that was chosen.
// Thread:  main's.

#include "agent/cli/command_line.hpp"
#include "agent/cli/console.hpp"

#include <functional>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace agent {

// What parsing the arguments comes to.
struct Choice {
    const Console& console;
    std::function<int()> command;         // the exit code
    std::optional<AgentArguments> agent;  // instead of a command
    FindFaults find_faults = {};          // empty: nobody looks
};

void add_agent_command(CLI::App& app, Choice& choice);
void add_services_command(CLI::App& app, Choice& choice);
void add_register_command(CLI::App& app, Choice& choice);
void add_deregister_command(CLI::App& app, Choice& choice);
void add_watch_command(CLI::App& app, Choice& choice);
void add_resolve_command(CLI::App& app, Choice& choice);
void add_resolver_command(CLI::App& app, Choice& choice);
void add_members_command(CLI::App& app, Choice& choice);
void add_snapshot_command(CLI::App& app, Choice& choice);
void add_recover_command(CLI::App& app, Choice& choice);
void add_validate_command(CLI::App& app, Choice& choice);
void add_version_command(CLI::App& app, Choice& choice);
void add_completion_command(CLI::App& app, Choice& choice);

// `roster members add …` and its like.
void add_member_changes(CLI::App& members, Choice& choice);

// --http-addr, which every command that talks to the agent has.
void add_http_addr(CLI::App& command, std::string& address);

// The program as it is called by `arguments` (without its name).
std::variant<AgentArguments, int> run_command_line(const std::vector<std::string>& arguments,
                                                   const Console& console,
                                                   FindFaults find_faults = {});

}  // namespace agent
