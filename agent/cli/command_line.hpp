#pragma once
// The command line of `roster`: which command, with what; every command but `agent` runs here.
//
// Fed by:  main, with argc and argv.
// Read by: main, which builds the house from AgentArguments.
// Thread:  main's.
// Fails:   usage errors print one line and yield exit_usage; the other codes are ExitCode's.

#include "agent/config.hpp"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace agent {

// What `roster` ends with. `roster --help` prints this table.
enum ExitCode : int {
    exit_ok = 0,
    exit_failed = 1,
    exit_usage = 2,
    exit_unreachable = 3,  // no agent answers
    exit_not_found = 4,    // no such service, name or id
};

// The flags of `roster agent`. What is not given does not override the file.
struct AgentArguments {
    std::optional<std::filesystem::path> config;  // --config
    bool dev = false;  // loopback only, an ephemeral data directory, no file unless --config
    std::optional<std::filesystem::path> data_dir;
    std::optional<std::filesystem::path> services_dir;
    std::optional<std::string> node;
    std::optional<std::string> domain;
    std::optional<std::string> coord_connect;
    std::optional<std::string> log_level;
    std::optional<std::string> session_timeout;
    std::vector<std::string> http_listen;
    std::vector<std::string> dns_listen;
    std::vector<std::string> coord_listen;
};

// What the rooms that agent/ does not know find wrong in a configuration: one line each.
using FindFaults = std::function<std::vector<std::string>(const Config&)>;

// `roster agent …` yields its arguments; every other command has run, and yields its exit code.
std::variant<AgentArguments, int>
run_command_line(int argc, char** argv, FindFaults find_faults = {});

// The file (--config, else /etc/roster/roster.toml if there is one, else none) with the flags on
// top, completed. With --dev and no --data-dir the data directory is empty: main makes one.
Configured<Config> configure(const AgentArguments& arguments);

}  // namespace agent
