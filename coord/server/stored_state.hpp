#pragma once
// What a server has on disk while it does not run, and what a snapshot file holds: for operators.
//
// Fed by:  the commands `roster snapshot` and `roster recover`.
// Thread:  main's.
// Holds:   nothing is changed unless it is said so. What is replaced is kept beside it.
// Fails:   throws std::runtime_error with one line that says what to do.

#include "coord/base/membership.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coord {

struct StoredExtent {
    std::uint64_t znodes = 0;
    std::uint64_t bytes = 0;  // paths and data
};

// A snapshot, read to its end.
struct StoredSnapshot {
    std::uint64_t index = 0;  // of the last entry in it
    std::uint64_t term = 0;
    std::int64_t last_zxid = 0;
    std::vector<ListedServer> servers;  // as of then
    std::uint64_t sessions = 0;
    std::uint64_t ephemerals = 0;
    StoredExtent all;
    std::map<std::string, StoredExtent> below;  // by child of the root
};

struct StoredServer {
    std::uint64_t member = 0;
    std::uint64_t cluster = 0;  // 0: it waits to be one's member
    std::uint64_t term = 0;     // that it has heard of
    std::uint64_t last_index = 0;
    std::uint64_t last_term = 0;
    std::vector<ListedServer> servers;  // by the newest configuration that it has
    std::optional<StoredSnapshot> snapshot;
};

// `data_dir` is the core's: it holds raft/.
StoredSnapshot inspect_snapshot(const std::filesystem::path& file);
// Gives a file its name once it is on disk.
void keep_snapshot(const std::filesystem::path& from, const std::filesystem::path& to);
StoredServer inspect_server(const std::filesystem::path& data_dir);
// As StoppedMember::make_alone. Of both: sessions of before are ended when it starts, their ephemerals
// removed, and zxids jump ahead of all that were lost.
std::filesystem::path recover_server(const std::filesystem::path& data_dir);

enum class Overwrite { refuse, set_aside };

// Makes data_dir that of a new cluster of one, with all that the snapshot holds. Returns where what
// was there is now.
std::optional<std::filesystem::path> restore_server(const std::filesystem::path& file,
                                                    const std::filesystem::path& data_dir,
                                                    const std::string& address,
                                                    Overwrite overwrite);

}  // namespace coord
