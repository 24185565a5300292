#pragma once
// What a member has on disk, opened and found to fit together: lock, metadata, snapshot, log.
//
// Fed by:  Node, at its construction.
// Read by: Node, which takes the parts out of it.
// Thread:  coord.
// Holds:   nothing is written until everything was read and is whole. An empty directory becomes
//          that of a new cluster of one, or waits for a cluster to take this member in.
// Fails:   throws std::runtime_error with one line: what is wrong, where, and what to do.

#include "coord/raft/directory_lock.hpp"
#include "coord/raft/driver.hpp"
#include "coord/raft/founding.hpp"
#include "coord/raft/log_store.hpp"
#include "coord/raft/metadata_store.hpp"
#include "coord/raft/snapshot_store.hpp"

#include <cstddef>
#include <filesystem>
#include <optional>
#include <string>

namespace coord {

// What becomes of a directory with nothing in it.
enum class WhenEmpty { bootstrap, wait };

class DataDirectory {
public:
    DataDirectory(const std::filesystem::path& data_dir,
                  const std::string& address,
                  std::size_t segment_bytes,
                  WhenEmpty when_empty = WhenEmpty::bootstrap);

    // Of which cluster this is; nothing while it waits for one.
    [[nodiscard]] const std::optional<Founding>& founding() const { return founding_; }
    // It has waited: this is its cluster from now on, on disk when it returns. A founder's log
    // begins with the founders; anyone else's is sent to it.
    void found(const Founding& founding);

    // Lets another process have it.
    void unlock() { lock_.reset(); }

    [[nodiscard]] MetadataStore& metadata() { return metadata_; }
    [[nodiscard]] LogStore& log() { return log_; }
    [[nodiscard]] std::optional<SnapshotFileReader>& snapshot() { return snapshot_; }
    // For Driver::start, once.
    [[nodiscard]] Restored& restored() { return restored_; }
    // How much log there is that no snapshot contains.
    [[nodiscard]] std::uint64_t bytes_since_snapshot() const;
    [[nodiscard]] const std::filesystem::path& log_path() const { return log_path_; }
    [[nodiscard]] const std::filesystem::path& snapshots_path() const { return snapshots_path_; }

private:
    void check(const LogContents& contents) const;
    void begin(const std::string& address, WhenEmpty when_empty, bool has_log);
    void begin_log();
    [[nodiscard]] bool log_ends_before_snapshot(const LogContents& contents) const;
    [[nodiscard]] Index contained() const;

    const std::filesystem::path log_path_;
    const std::filesystem::path snapshots_path_;
    const std::filesystem::path metadata_path_;
    const std::filesystem::path cluster_path_;
    std::optional<DirectoryLock> lock_;
    MetadataStore metadata_;
    std::optional<Founding> founding_;
    std::optional<SnapshotFileReader> snapshot_;
    LogStore log_;
    Restored restored_;
};

}  // namespace coord
