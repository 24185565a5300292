#pragma once
// One member of the Raft cluster: opaque entries in, the same committed entries out on every member.
//
// Fed by:  Server, which proposes entries; the log and snapshot threads, with completions.
// Read by: Server, through the Application's functions.
// Thread:  coord: every call and every callback happens on the thread that runs `io`.
// Holds:   an entry is applied only after a majority has it on disk; applied exactly once, in order.
// Fails:   construction and start() throw std::runtime_error with one line a person can act on
//          (directory in use, damaged log or snapshot). A failed write of term, vote or entries
//          ends the process.

#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/file.hpp"
#include "coord/raft/founding.hpp"
#include "coord/raft/replica.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coord {

struct NodeOptions {
    std::filesystem::path data_dir;  // holds raft/log, raft/snapshots, raft/meta, raft/lock
    std::string address = "local";   // this member's, as others reach it
    // The wire to the peers, which must outlive the node. Null: a cluster of one. With it, an empty
    // data directory waits for a cluster to take this member in.
    PeerTransport* transport = nullptr;
    std::chrono::milliseconds heartbeat{50};
    std::chrono::milliseconds election_timeout{300};
    std::size_t segment_bytes = std::size_t{8} << 20U;
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;  // snapshot after so much log
    std::size_t snapshot_slice = 2000;                        // znodes a slice, about 1 ms
    std::size_t trailing_entries = 20'000;                    // kept for members that lag
    std::size_t memory_bytes = std::size_t{8} << 20U;         // of them, in memory
    std::uint64_t reserve_bytes = std::uint64_t{32} << 20U;   // of the disk; below it, no writes
    std::size_t entry_bytes_max = std::size_t{4} << 20U;      // fits into a frame between peers
    std::size_t in_flight_entries_max = 4096;
    std::size_t in_flight_bytes_max = std::size_t{64} << 20U;
};

class Node {
public:
    Node(boost::asio::io_context& io, NodeOptions options, Application application);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Of which cluster this member is. Nothing: it waits for one, and is not to be started before
    // found() was called with it, which has it on disk when it returns.
    [[nodiscard]] const std::optional<Founding>& founding() const;
    void found(const Founding& founding);

    // Restores the newest snapshot (a call of build() from within), then takes part. A first start
    // of a node without transport bootstraps a cluster of one. All other callbacks come later, from
    // `io`.
    void start();
    // Syncs what is in flight and lets go of the directory. No callback comes after it returns.
    void stop();

    // The entry's index, to be matched in apply(). Fails: std::errc::not_connected when this member
    // is not the leader, no_buffer_space when too much is in flight, message_size when the entry
    // is above entry_bytes_max.
    Result<Index> propose(std::shared_ptr<const std::string> entry);
    Result<Index> propose(std::string entry);
    // As PeerTransport; false without one.
    bool send_letter(MemberId to, std::string letter);

    // Asked of the leader. `done` is called once, perhaps before this returns. Fails:
    // std::errc::not_connected when this member does not lead, device_or_resource_busy while another
    // change is under way, file_exists, no_such_device_or_address, operation_not_permitted (the last
    // voter), timed_out (it does not catch up), connection_aborted (leadership was lost: unknown).
    void change_members(const MemberChange& change, std::function<void(Result<void>)> done);
    [[nodiscard]] std::vector<MemberStatus> members() const;
    bool hand_over();  // see Replica::hand_over
    // Calls `done` with a file of all that is applied by now, open for reading: taken for it, unless
    // the newest is as new. Fails: std::errc::io_error, resource_unavailable_try_again.
    struct SavedSnapshot {
        SnapshotMetadata metadata;
        std::shared_ptr<const File> file;
    };
    void save_snapshot(std::function<void(Result<SavedSnapshot>)> done);

    // Whether entries that can be put off may be proposed: this member's disk, and if it leads
    // those of a majority, have more than their reserve free. Application::room tells of changes.
    [[nodiscard]] bool has_room() const;

    // How many proposed entries are not yet applied; the proposer packs while this is > 0.
    [[nodiscard]] std::size_t in_flight() const;
    [[nodiscard]] const Standing& standing() const;
    [[nodiscard]] Role role() const { return standing().role; }
    [[nodiscard]] Term term() const { return standing().term; }
    [[nodiscard]] MemberId id() const;
    [[nodiscard]] Index applied() const;
    [[nodiscard]] Index last() const;
    // Of any thread.
    [[nodiscard]] std::vector<Metric> metrics() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace coord
