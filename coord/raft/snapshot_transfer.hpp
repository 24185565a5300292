#pragma once
// A snapshot's file on its way from one member to another, over a connection of its own.
//
// Fed by:  PeerLinks: a peer that asks for one, a Node that wants one.
// Read by: PeerLinks, through `done`.
// Thread:  coord; the files on the thread of `worker`.
// Holds:   a file that is `done` was checked against its own checksums and is on disk. It is sent no
//          faster than `bytes_per_second`, so that the network has room for heartbeats.
// Fails:   std::errc::no_such_file_or_directory: the peer does not have it (any more);
//          bad_message: what came is not that snapshot; timed_out: nothing came for `patience`.

#include "coord/base/async.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/file.hpp"
#include "coord/raft/peer_counters.hpp"
#include "coord/raft/peer_stream.hpp"
#include "coord/raft/worker.hpp"

#include <chrono>
#include <filesystem>
#include <functional>
#include <memory>

namespace coord {

struct SnapshotTransferOptions {
    std::filesystem::path directory;  // of this member's snapshots
    std::size_t bytes_per_second = std::size_t{64} << 20U;
    std::chrono::milliseconds stall_max{5'000};  // of a connection
    std::chrono::milliseconds patience{30'000};  // without a byte, over all connections
    std::chrono::milliseconds retry{100};
};

// Answers the request that comes next on `stream`.
Task<void> send_snapshot(boost::asio::io_context& io,
                         SnapshotTransferOptions options,
                         std::shared_ptr<PeerStream> stream,
                         Worker& worker,
                         PeerCounters& counters);

// One fetch: begins at once, and goes on until `done` or give_up().
class SnapshotFetch : public std::enable_shared_from_this<SnapshotFetch> {
public:
    struct Wanted {
        SnapshotMetadata snapshot;
        std::filesystem::path into;
        std::function<void(Result<void>)> done;
    };
    // A connection to the peer, both Hellos said.
    using Dial = std::function<Task<Result<std::shared_ptr<PeerStream>>>()>;

    SnapshotFetch(boost::asio::io_context& io,
                  SnapshotTransferOptions options,
                  Worker& worker,
                  PeerCounters& counters,
                  Dial dial);

    void start(Wanted wanted);
    void give_up();  // `done` is not called after it

private:
    Task<void> run();
    Task<Error> pull();
    Task<Error> receive(std::uint64_t size);
    void finish(const Result<void>& result);

    boost::asio::io_context& io_;
    const SnapshotTransferOptions options_;
    Worker& worker_;
    PeerCounters& counters_;
    const Dial dial_;
    Wanted wanted_;
    std::shared_ptr<File> file_;
    std::uint64_t have_ = 0;
    Error failure_;  // that another connection would not mend
    bool given_up_ = false;
    std::shared_ptr<PeerStream> stream_;
    boost::asio::steady_timer pause_;
};

}  // namespace coord
