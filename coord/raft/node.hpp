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
#include "coord/raft/driver.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct NodeOptions {
    std::filesystem::path data_dir;  // holds raft/log, raft/snapshots, raft/meta, raft/lock
    std::string address = "local";   // this member's, as others reach it
    std::chrono::milliseconds heartbeat{50};
    std::chrono::milliseconds election_timeout{300};
    std::size_t segment_bytes = std::size_t{8} << 20U;
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;  // snapshot after so much log
    std::size_t snapshot_slice = 2000;                        // znodes a slice, about 1 ms
    std::size_t entry_bytes_max = std::size_t{16} << 20U;
    std::size_t in_flight_entries_max = 4096;
    std::size_t in_flight_bytes_max = std::size_t{64} << 20U;
};

// What the node calls. All on the coord thread, never from within a call into the node.
struct Application {
    // A committed entry. `own_term` is the term in which it was proposed.
    std::function<void(Index, Term, std::string_view entry)> apply;
    // The role changed. Proposals of an earlier term whose index was not applied: fate unknown.
    std::function<void(Role, Term)> role_changed;
    // See StateMachine::cut_snapshot and restore.
    std::function<std::function<bool(std::string& out, std::size_t items)>()> cut_snapshot;
    std::function<Result<void>(const std::function<bool(std::string& chunk)>& next)> restore;
};

class Node {
public:
    Node(boost::asio::io_context& io, NodeOptions options, Application application);
    ~Node();
    Node(const Node&) = delete;
    Node& operator=(const Node&) = delete;

    // Restores the newest snapshot (a call of restore() from within), then takes part. A first start
    // with an empty directory bootstraps a cluster of one. All other callbacks come later, from
    // `io`: first what the log has, then role_changed.
    void start();
    // Syncs what is in flight and lets go of the directory. No callback comes after it returns.
    void stop();

    // The entry's index, to be matched in apply(). Fails: std::errc::not_connected when this member
    // is not the leader, no_buffer_space when too much is in flight, message_size when the entry
    // is above entry_bytes_max.
    Result<Index> propose(std::string entry);

    // How many proposed entries are not yet applied; the proposer packs while this is > 0.
    [[nodiscard]] std::size_t in_flight() const;
    [[nodiscard]] Role role() const;
    [[nodiscard]] Term term() const;
    [[nodiscard]] std::uint64_t id() const;
    [[nodiscard]] Index applied() const;
    // Of any thread.
    [[nodiscard]] std::vector<Metric> metrics() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace coord
