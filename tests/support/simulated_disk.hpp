#pragma once
// A member's disk, in memory: writes take time, and what was not synced may be lost.
//
// Fed by:  Replica, as Disk; the faults, which slow it, fill it and crash it.
// Read by: SimulatedCluster at a start; SimulatedNetwork, for the snapshots that peers fetch.
// Thread:  the test's.
// Holds:   orders are carried out as they came, in groups as LogWriter's. A crash leaves some first
//          part of the group that was being written, torn anywhere. What was done stays done.
// Fails:   a full disk ends the process, as the real one would; a snapshot is given up.

#include "coord/raft/disk.hpp"
#include "tests/support/raft_record.hpp"
#include "tests/support/simulated_machine.hpp"

#include <memory>
#include <optional>
#include <variant>

namespace coord {

class SimulatedDisk final : public Disk {
public:
    struct Snapshot {
        SnapshotMetadata metadata;
        std::vector<std::string> chunks;
    };
    using SnapshotPtr = std::shared_ptr<const Snapshot>;

    SimulatedDisk(SimulatedMachine& machine, RaftRecord& record)
        : machine_(machine), world_(machine.world()), record_(record) {}

    // As a member's disk is once it was founded with these others.
    void found(const std::vector<Member>& members);
    // What a start finds. `snapshot` is null if there is none.
    struct Found {
        Restored restored;
        std::uint64_t log_bytes = 0;
        SnapshotPtr snapshot;
    };
    [[nodiscard]] Found open();
    void crash();  // the process is gone, or the power
    void set_full(bool full) { is_full_ = full; }
    void set_room(Room room) { room_ = room; }
    void set_typical(SimulatedTime latency) { typical_ = latency; }
    [[nodiscard]] bool is_full() const { return is_full_; }
    [[nodiscard]] const Vote& vote() const { return vote_; }
    [[nodiscard]] Index last() const { return Index{number(first_) + entries_.size() - 1}; }
    [[nodiscard]] SnapshotPtr snapshot_at(Index index) const;
    void receive(SnapshotPtr fetched) { incoming_ = std::move(fetched); }

    [[nodiscard]] Room room() const override { return room_; }
    void save(const Vote& vote) override;
    void append(Append append) override;
    void read(Index first,
              std::size_t count,
              std::size_t bytes_max,
              std::function<void(std::vector<LogEntry>)> done) override;
    void discard_through(Index last) override;
    void reopen(Index bytes_from, std::function<void(LogContents)> done) override;
    void take_snapshot(const SnapshotMetadata& snapshot,
                       Slices slices,
                       std::function<void(bool good)> done) override;
    void give_up_snapshot() override;
    [[nodiscard]] std::filesystem::path incoming() const override { return "incoming"; }
    void install(const SnapshotMetadata& snapshot,
                 Build build,
                 std::function<void(Result<Swap>)> done) override;

    // Appends up to so far are on disk.
    std::function<void(std::uint64_t sequence)> persisted;

private:
    struct Discard {
        Index last;
    };
    struct Read {
        Index first;
        std::size_t count;
        std::size_t bytes_max;
        std::function<void(std::vector<LogEntry>)> done;
    };
    struct Restart {
        Index first;
        Term previous_term;
        std::function<void()> done;
    };
    struct Reopen {
        std::function<void(LogContents)> done;
    };
    using Order = std::variant<Append, Discard, Read, Restart, Reopen>;
    struct Taking {
        Snapshot snapshot;
        Slices slices;
        std::function<void(bool)> done;
    };

    void enqueue(Order order);
    void drain();
    void carry_out_group();
    void write(const Append& append, std::size_t count);
    void carry_out(const Append& append) { write(append, append.entries.size()); }
    void carry_out(const Discard& discard);
    void carry_out(const Read& read);
    void carry_out(const Restart& restart);
    void carry_out(const Reopen& reopen);
    void tear(const Append& append);
    void next_slice();
    void keep(SnapshotPtr snapshot);
    [[nodiscard]] std::size_t at(Index index) const;

    SimulatedMachine& machine_;
    SimulatedWorld& world_;
    RaftRecord& record_;
    SimulatedTime typical_{300};
    bool is_full_ = false;
    Room room_ = Room::plenty;

    // On disk.
    Vote vote_;
    Index first_{1};
    Term previous_term_{};
    std::vector<LogEntry> entries_;
    std::vector<SnapshotPtr> snapshots_;  // the newest two
    SnapshotPtr incoming_;

    // In the process.
    std::vector<Order> queue_;
    std::vector<Order> group_;  // being written
    std::shared_ptr<Taking> taking_;
};

}  // namespace coord
