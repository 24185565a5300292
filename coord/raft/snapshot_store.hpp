#pragma once
// Snapshots on disk: one file each, whole or not there.
//
// Fed by:  SnapshotTaker, chunk by chunk.
// Read by: Node at start.
// Thread:  one at a time: coord at start, then snapshot.
// Holds:   a file gets its name only when its content is on disk. The newest two are kept.
// Fails:   throws std::system_error if the disk fails; reading throws std::runtime_error if the
//          file is damaged.

#include "coord/raft/entry.hpp"
#include "coord/raft/file.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <string_view>

namespace coord {

class SnapshotFileWriter {
public:
    SnapshotFileWriter(std::filesystem::path directory, const SnapshotMetadata& metadata);

    ~SnapshotFileWriter();  // what was not finished is removed
    SnapshotFileWriter(const SnapshotFileWriter&) = delete;
    SnapshotFileWriter& operator=(const SnapshotFileWriter&) = delete;

    void write(std::string_view chunk);
    void finish();  // from here on it is the newest snapshot

private:
    void put(std::string_view bytes);

    const std::filesystem::path directory_;
    const Index index_;
    File file_;
    std::uint64_t offset_ = 0;
    std::uint64_t written_back_ = 0;  // up to here
    std::uint32_t crc_ = 0;           // of all chunks so far
    bool finished_ = false;
};

class SnapshotFileReader {
public:
    explicit SnapshotFileReader(std::filesystem::path path);

    [[nodiscard]] const SnapshotMetadata& metadata() const { return metadata_; }
    // False at the end, which it reaches only if the whole content was right.
    bool next(std::string& chunk);

private:
    [[noreturn]] void refuse() const;
    void check_format(std::string_view header) const;
    std::string take(std::size_t count);

    File file_;
    std::uint64_t size_ = 0;
    std::uint64_t offset_ = 0;
    std::uint32_t crc_ = 0;
    SnapshotMetadata metadata_;
};

// Where the one that ends with the entry at `index` is, if it is.
std::filesystem::path snapshot_path(const std::filesystem::path& directory, Index index);
// A whole snapshot file gets its place and name among the others: it must be the newest.
void adopt_snapshot(const std::filesystem::path& file,
                    const std::filesystem::path& directory,
                    Index index);

// The newest snapshot, if there is any. Creates the directory and clears what a crash left in it.
std::optional<SnapshotFileReader> open_newest_snapshot(const std::filesystem::path& directory);

}  // namespace coord
