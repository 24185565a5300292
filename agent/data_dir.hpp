#pragma once
// The agent's data directory: held by one process, and what it keeps across restarts.
//
// Fed by:  main.
// Read by: main: the node's id, the session to re-attach to.
// Thread:  agent.
// Holds:   as long as this object lives no other agent opens the directory. Files are replaced
//          atomically (written beside, synced, renamed) and readable by their owner alone.
// Fails:   std::runtime_error with one line a person can act on; nothing is overwritten then.

#include "coord/client/client.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <sys/types.h>

namespace agent {

class DataDir {
public:
    // Makes the directory (0700) if it is missing, and takes it.
    explicit DataDir(std::filesystem::path path);
    ~DataDir();
    DataDir(const DataDir&) = delete;
    DataDir& operator=(const DataDir&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

    // A random UUID, made at the first call ever and the same ever after.
    std::string node_id();

    // The session of the previous run, for the ensemble named `connect`; none if it was another.
    std::optional<coord::SessionIdentity> load_session(const std::string& connect);
    void save_session(const std::string& connect, const coord::SessionIdentity& session);
    void forget_session();

private:
    std::filesystem::path path_;
    int lock_ = -1;
};

// `--dev`: a data directory that goes when the agent goes.
class EphemeralDirectory {
public:
    EphemeralDirectory();
    ~EphemeralDirectory();
    EphemeralDirectory(const EphemeralDirectory&) = delete;
    EphemeralDirectory& operator=(const EphemeralDirectory&) = delete;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }

private:
    std::filesystem::path path_;
};

// Replaces `path` by `content`: written beside it, synced, renamed, the directory synced.
// Throws std::runtime_error naming the path and the reason.
void replace_file(const std::filesystem::path& path,
                  const std::string& content,
                  mode_t mode = 0600);

}  // namespace agent
