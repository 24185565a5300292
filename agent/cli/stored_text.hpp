#pragma once
// Where a stopped server's state is, and what it holds in words: for the commands that work offline.
//
// Fed by:  snapshot_command, recover_command.
// Thread:  main's.

#include "coord/server/stored_state.hpp"

#include <filesystem>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace agent {

// As given: by the agent's configuration, or by its data directory.
struct CoreDirectory {
    std::optional<std::filesystem::path> config;
    std::optional<std::filesystem::path> data_dir;
};
void add_core_directory(CLI::App& command, CoreDirectory& to);

struct FoundCore {
    std::filesystem::path path;  // holds raft/
    std::string address;         // as other servers reach it
};
// Nothing: `fault` says why.
std::optional<FoundCore> find_core(const CoreDirectory& where, std::string& fault);

std::string describe(const coord::StoredSnapshot& snapshot, bool as_json);
std::string describe(const coord::StoredServer& server, bool as_json);

}  // namespace agent
