#pragma once
// What a replica asks of its disk. Files fulfil it, and so does a simulated one.
//
// Fed by:  Replica.
// Read by: Replica, through the functions that it gives.
// Thread:  coord: every call, and every call back, which never comes from within a call.
// Holds:   orders for the log are carried out as they came. What is done after a crash is not.
// Fails:   what cannot be made durable ends the process; a snapshot that cannot be written, or
//          that is no good, is told.

#include "coord/base/result.hpp"
#include "coord/raft/driver.hpp"
#include "coord/raft/log_store.hpp"

#include <cstddef>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace coord {

// reserve: what can be put off is. none: nothing more is written that can be avoided.
enum class Room { plenty, reserve, none };

class Disk {
public:
    // Appends the next slice of a snapshot, of about so many items; false with the last one.
    using Slices = std::function<bool(std::string& out, std::size_t items)>;
    // Yields the content chunk by chunk; false at the end.
    using Chunks = std::function<bool(std::string& chunk)>;
    // Builds a state aside, on any thread; what it returns puts it in the place of the present one.
    using Swap = std::function<void()>;
    using Build = std::function<Result<Swap>(const Chunks& next)>;

    Disk() = default;
    Disk(const Disk&) = delete;
    Disk& operator=(const Disk&) = delete;
    virtual ~Disk() = default;

    [[nodiscard]] virtual Room room() const { return Room::plenty; }

    virtual void save(const Vote& vote) = 0;  // on disk when it returns
    virtual void append(Append append) = 0;   // Replica::persisted follows
    virtual void read(Index first,
                      std::size_t count,
                      std::size_t bytes_max,
                      std::function<void(std::vector<LogEntry>)> done) = 0;
    virtual void discard_through(Index last) = 0;
    // The log as it is on disk, behind all appends; bytes of entries before `bytes_from` left out.
    virtual void reopen(Index bytes_from, std::function<void(LogContents)> done) = 0;

    // One at a time.
    virtual void take_snapshot(const SnapshotMetadata& snapshot,
                               Slices slices,
                               std::function<void(bool good)> done) = 0;
    // Of the snapshot that is being taken, if there is one: `done` is not called.
    virtual void give_up_snapshot() = 0;
    // Where a snapshot that is fetched is to be put.
    [[nodiscard]] virtual std::filesystem::path incoming() const = 0;
    // Checks what was fetched, builds its state, and puts it in the place of log and snapshot.
    virtual void install(const SnapshotMetadata& snapshot,
                         Build build,
                         std::function<void(Result<Swap>)> done) = 0;
};

}  // namespace coord
