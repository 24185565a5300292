#pragma once
// A member of the cluster without its machine: the driver, and what it asks for carried out in order.
//
// Fed by:  Node or a simulator: proposals, the passing of time, completions of the disk, the transport.
// Read by: Application, which is told of every committed entry and of who leads.
// Thread:  coord. No file, no socket, no clock of its own: Disk, PeerTransport and the time are given.
// Holds:   term and vote are on disk before anyone can hear of them. An entry is applied once and in
//          order, also when the engine had to begin anew. Peers get a log in order, from memory or disk.
// Fails:   see Node::propose and Node::change_members.

#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/disk.hpp"
#include "coord/raft/driver.hpp"
#include "coord/raft/peer_transport.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

// Who leads, as far as this member knows.
struct Standing {
    Role role = Role::follower;
    Term term{};
    MemberId leader{};  // 0: nobody is known to lead
    // What this member has applied reaches into the leader's term: all that was committed before is here.
    bool is_current = false;

    bool operator==(const Standing&) const = default;
};

// What a member calls. All on the coord thread, never from within a call into it.
struct Application {
    // A committed entry, and the term in which it was proposed.
    std::function<void(Index, Term, std::string_view entry)> apply;
    std::function<void(const Standing&)> standing_changed;
    // What was refused for want of room may be tried again.
    std::function<void()> room;
    // See StateMachine::cut_snapshot. Of `build` any thread may ask; see Disk.
    std::function<Disk::Slices()> cut_snapshot;
    Disk::Build build;
    // The application's own words to that of another member; see PeerTransport.
    std::function<void(MemberId from, std::string_view letter)> letter = {};
    std::function<void(MemberId peer, bool connected)> link_changed = {};
};

struct MemberChange {
    // add: as a stand-by; relocate: another address.
    enum class Kind { add, promote, demote, relocate, remove };

    Kind kind{};
    MemberId id{};
    std::string address = {};  // to add or relocate
};

struct MemberStatus {
    Member member;
    bool connected = false;
    Index match{};  // up to where it has the log, as its leader knows; else 0
};

struct ReplicaOptions {
    DriverOptions driver;
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;
    std::size_t entry_bytes_max = std::size_t{4} << 20U;  // fits into a frame between peers
    std::size_t in_flight_entries_max = 4096;
    std::size_t in_flight_bytes_max = std::size_t{64} << 20U;
    std::size_t message_bytes_max = std::size_t{1}
                                    << 20U;  // of entries, but for a single larger one
    std::size_t backlog_max = 64;            // messages to a peer that wait for the disk
    std::chrono::milliseconds catch_up_max{std::chrono::minutes{10}};  // before a promotion
};

struct ReplicaCounters {
    Counter snapshots;
    Counter failed_snapshots;
    Counter installs;
    Counter failed_installs;
    Counter refused;
    Counter
        backlog_dropped;  // messages to peers: backlog_max, or the log no longer has the entries
    Counter put_off;      // messages whose entries were not taken, the disk being full
    Counter suspicions;   // leaders whose link closed
};

class Replica {
public:
    using Time = Driver::Time;
    using Bytes = Driver::Bytes;
    struct Surroundings {
        Disk& disk;
        PeerTransport* transport;  // null: a cluster of one
        std::function<Time()> now;
        // Asks for end_turn() to be called soon; it is called at most once per turn.
        std::function<void()> wake;
        std::function<void()> settled;  // deadline() and the rest may be others now
    };

    Replica(ReplicaOptions options, Surroundings surroundings, Application application);

    // `log_bytes`: how much log there is that no snapshot contains.
    void start(Restored restored, std::uint64_t log_bytes);
    void timeout();  // due at deadline()
    void end_turn();
    void persisted(std::uint64_t sequence);

    Result<Index> propose(Bytes entry);
    bool send_letter(MemberId to, std::string letter);
    void change_members(const MemberChange& change, std::function<void(Result<void>)> done);
    // Before it stops, a leader lets the voter lead that has most of its log. False: there is none that
    // could, or this one does not lead.
    bool hand_over();
    // Calls `done` with a snapshot that is on disk and has all that is applied by now.
    using SnapshotDone = std::function<void(Result<SnapshotMetadata>)>;
    void snapshot_now(SnapshotDone done);

    [[nodiscard]] Time deadline() const;
    [[nodiscard]] const Standing& standing() const { return standing_; }
    [[nodiscard]] Index applied() const { return delivered_; }
    [[nodiscard]] Index last() const { return driver_ ? driver_->last() : Index{0}; }
    [[nodiscard]] std::size_t in_flight() const { return in_flight_.size(); }
    [[nodiscard]] std::uint64_t bytes_since_snapshot() const { return bytes_since_snapshot_; }
    [[nodiscard]] bool has_room() const;  // see Node::has_room
    [[nodiscard]] std::vector<MemberStatus> members() const;
    [[nodiscard]] const ReplicaCounters& counters() const { return counters_; }

private:
    struct Proposed {
        Index index{};
        std::size_t bytes = 0;
    };
    // Messages to a peer, the first of which waits for the disk.
    struct Backlog {
        std::deque<Message> messages;
        std::uint64_t number = 0;
    };
    // A leader whose link has closed.
    struct Suspicion {
        MemberId leader{};
        Term term{};
        Time at{};
        int tries = 0;
    };
    struct Install {
        SnapshotMetadata snapshot;
        std::uint64_t number = 0;
        MemberId from{};
        std::optional<Time> lost{};  // since when there is no link to it
        bool is_building = false;    // the file is here, and being put in its place
    };
    struct Change {
        enum class Stage { catching_up, draining, committing };
        MemberChange wanted;
        std::function<void(Result<void>)> done;
        Stage stage{};
        Time give_up{};
        Index index{};
    };

    // replica.cpp
    void received(const Message& message);
    void note_room_of(MemberId peer, const AppendEntriesResult& result);
    void linked(MemberId peer, bool connected);
    void carry_out(Effects& effects);
    void append(Append& append);
    void deliver(const Committed& committed);
    void change_role(const RoleChange& change);
    void begin_term();
    void forget_in_flight_to(Index index);
    void settle();
    void update_standing();
    [[nodiscard]] Standing present_standing() const;
    void maybe_snapshot();
    void answer_snapshots(const Result<SnapshotMetadata>& result);
    void snapshot_done(const SnapshotMetadata& taken, bool good);
    void act_on_suspicion(Time now);
    [[nodiscard]] Time leader_lost_at() const;
    void need_turn();

    // replica_peers.cpp
    void send(Message message);
    void send_pieces(const Message& message);
    void go_on(MemberId peer);
    void read_back(MemberId peer, std::uint64_t number, std::vector<LogEntry> entries);
    void withdraw_offer(MemberId peer);
    void begin_install(const SnapshotMetadata& snapshot);
    void fetched(std::uint64_t number, const Result<void>& result);
    void installed(std::uint64_t number, const Result<Disk::Swap>& swap);
    void begin_anew(std::string_view why);
    void reopen();
    void reopened(LogContents contents);

    // replica_members.cpp
    [[nodiscard]] Result<std::vector<Member>> changed_members(const MemberChange& change) const;
    void advance_change();
    void finish_change(Result<void> result);
    void tell_members();

    const ReplicaOptions options_;
    Disk& disk_;
    PeerTransport* const transport_;
    const std::function<Time()> now_;
    const std::function<void()> wake_;
    const std::function<void()> settled_;
    const Application application_;
    ReplicaCounters counters_;
    std::minstd_rand random_;

    std::unique_ptr<Driver> driver_;  // null while it begins anew
    Time anew_at_ = Time::max();
    Vote vote_;
    std::optional<SnapshotMetadata> snapshot_;  // the newest on disk
    Role role_ = Role::follower;
    Standing standing_;
    std::optional<Standing> told_;  // what the application was told last
    Index delivered_{};
    Term delivered_term_{};
    std::deque<Proposed> in_flight_;
    std::size_t in_flight_bytes_ = 0;
    std::uint64_t sequence_ = 0;  // of the last append
    std::uint64_t bytes_since_snapshot_ = 0;
    bool taking_snapshot_ = false;
    std::vector<SnapshotDone> snapshots_wanted_;   // of the next
    std::vector<SnapshotDone> snapshots_awaited_;  // of the one that is being taken
    int carrying_out_ = 0;                         // depth
    bool announce_ = false;  // something was committed that the peers have not been told of
    bool woken_ = false;
    bool wants_room_ = false;
    Time heard_leader_{};
    std::optional<Suspicion> suspicion_;
    std::optional<Install> install_;
    std::uint64_t numbers_ =
        0;  // drawn for backlogs and installs: late completions are known by them
    std::set<MemberId> full_peers_;  // whose disks have said so
    std::map<MemberId, Backlog> backlogs_;
    std::map<MemberId, Index> offered_;  // snapshots, by whom they were offered to over this link
    std::optional<Change> change_;
    std::vector<Member> told_members_;
};

}  // namespace coord
