#pragma once
// What members say to each other: the messages of Raft (dissertation, figures 3.1 and 5.3).
//
// Fed by:  Driver, in Effects; the transport, with what peers sent.
// Read by: the transport, which knows the peers' addresses; Driver::receive.
// Thread:  any; they are values.

#include "coord/raft/entry.hpp"

#include <cstddef>
#include <cstdint>
#include <variant>
#include <vector>

namespace coord {

struct AppendEntries {
    Index previous_index{};
    Term previous_term{};
    Index commit{};
    // How many entries follow previous_index. If `entries` has fewer, the driver no longer has
    // them in memory and the sender reads them from the log.
    std::size_t count = 0;
    std::vector<LogEntry> entries;
};

inline constexpr std::uint16_t no_capacity = 1;
inline constexpr std::uint16_t some_capacity = 65535;

struct AppendEntriesResult {
    Index rejected{};  // 0: accepted
    Index last_index{};
    std::uint16_t features = 0;
    // Reserved disk space, KiB. Members say only whether there is some; 0: not said.
    std::uint16_t capacity = 0;
};

struct RequestVote {
    MemberId candidate{};
    Index last_index{};
    Term last_term{};
    bool disrupt_leader = false;
    bool pre_vote = false;
};

struct RequestVoteResult {
    bool granted = false;
    bool pre_vote = false;
    std::uint16_t features = 0;
    std::uint16_t capacity = 0;
};

// Says which snapshot to fetch; the content goes its own way.
struct InstallSnapshot {
    SnapshotMetadata snapshot;
};

struct TimeoutNow {
    Index last_index{};
    Term last_term{};
};

struct Message {
    MemberId peer{};  // whom it is for, or who sent it
    Term term{};
    std::variant<AppendEntries,
                 AppendEntriesResult,
                 RequestVote,
                 RequestVoteResult,
                 InstallSnapshot,
                 TimeoutNow>
        body;
};

}  // namespace coord
