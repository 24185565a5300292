#pragma once
// Raft decided, nothing done: events and the time go in, what has to be done comes out.
//
// Fed by:  Node, with proposals, completions of writes, messages and time-outs.
// Read by: Node, which carries out the Effects; the simulator, which does so on simulated disks.
// Thread:  coord. No file, no socket, no clock.
// Holds:   an entry is committed once a majority has said that it is on disk, in index order.
//          Only what is both applied and on disk is forgotten.
// Fails:   propose: std::errc::not_connected unless this member leads. A peer's message that breaks
//          the protocol is refused. An engine that contradicts itself ends the process.

#include "coord/base/result.hpp"
#include "coord/raft/configuration.hpp"
#include "coord/raft/election_timeout.hpp"
#include "coord/raft/entry.hpp"
#include "coord/raft/message.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

struct Bridge;
struct BridgeUpdate;

namespace coord {

enum class Role { follower, candidate, leader };

struct Vote {
    Term term{};
    MemberId voted_for{};

    bool operator==(const Vote&) const = default;
};

// Entries to write. What the log has from `first` on is replaced.
struct Append {
    std::uint64_t sequence = 0;  // to be given to Driver::persisted
    Index first{};
    Term previous_term{};  // of the entry before `first`; 0 if there is none
    std::vector<LogEntry> entries;
};

struct Committed {
    Index index{};
    LogEntry entry;
};

struct RoleChange {
    Role role{};
    Term term{};
};

// To be carried out in the order of the members: the vote must be on disk before anything else.
struct Effects {
    std::optional<Vote> vote;
    std::vector<Append> appends;
    std::vector<Message> messages;
    std::optional<SnapshotMetadata> install;  // fetch it, then call Driver::installed
    std::vector<Committed> committed;
    std::vector<RoleChange> roles;
};

struct DriverOptions {
    MemberId id{};
    std::string address;
    std::chrono::milliseconds heartbeat{50};
    std::chrono::milliseconds election_timeout{300};  // more on a slow network: ElectionTimeout
    std::chrono::milliseconds install_timeout{std::chrono::minutes{10}};
    unsigned in_flight_max = 256;  // messages to a peer that it has not yet answered
    unsigned seed = 0;
    std::size_t trailing_entries = 20'000;  // kept behind a snapshot for members that lag
    std::size_t memory_bytes = std::size_t{8} << 20U;  // of entries kept for them in memory
};

// What the disk has. Entries that the snapshot contains may come without their bytes.
struct Restored {
    Vote vote;
    std::optional<SnapshotMetadata> snapshot;
    Index first{1};  // of `entries`; at most one behind the snapshot's
    std::vector<LogEntry> entries;
    std::uint64_t sequence =
        0;  // of the last append of a driver before, whose writes are known by it
};

class Driver {
public:
    using Time = std::chrono::milliseconds;  // since any moment, the same for all calls

    explicit Driver(DriverOptions options);
    ~Driver();
    Driver(const Driver&) = delete;
    Driver& operator=(const Driver&) = delete;

    void start(Time now, Restored restored, Effects& effects);
    void timeout(Time now, Effects& effects);  // due at deadline()
    using Bytes = std::shared_ptr<const std::string>;
    Result<Index> propose(Time now, EntryType type, Bytes bytes, Effects& effects);
    // All appends up to and including `sequence` are on disk.
    void persisted(Time now, std::uint64_t sequence, Effects& effects);
    // False: the message was refused, and its sender cannot be trusted.
    bool receive(Time now, const Message& message, Effects& effects);
    // Tells the peers at once what is committed, instead of with the next heartbeat.
    void announce_commit(Time now, Effects& effects);
    // The leader is thought to be gone: a voter asks for votes now, not when its time is up.
    void suspect(Time now, Effects& effects);
    // A peer can be reached again.
    void peer_is_back();

    // Asked of a leader: `member`, a voter, is to lead as soon as it has all of the log. Nothing is
    // proposed meanwhile; if it does not come to lead within an election timeout, this one goes on.
    // False: another is to lead already.
    bool hand_over(Time now, MemberId member, Effects& effects);

    // What a snapshot cut now would be of; nothing while there is nothing new to contain.
    [[nodiscard]] std::optional<SnapshotMetadata> snapshot_point() const;
    // It is on disk. Returns up to where the log may be discarded.
    Index snapshot_taken(Time now, const SnapshotMetadata& snapshot, Effects& effects);
    void installed(Time now, const SnapshotMetadata& snapshot, Effects& effects);

    [[nodiscard]] Time deadline() const;
    // A leader is one only once everything that its log held at its election is applied.
    [[nodiscard]] Role role() const { return role_; }
    [[nodiscard]] Term term() const;
    [[nodiscard]] MemberId leader() const;
    // The engine leads, though it may not have applied all of its log yet.
    [[nodiscard]] bool is_elected() const;
    [[nodiscard]] bool is_installing() const { return installing_; }
    [[nodiscard]] Index applied() const { return applied_; }
    [[nodiscard]] Term applied_term() const { return applied_term_; }
    // Asked of a leader: up to where that member has the log.
    [[nodiscard]] Index match(MemberId member) const;
    [[nodiscard]] Index last() const;
    [[nodiscard]] Index configuration_index() const;  // of the newest, committed or not
    // By that configuration.
    [[nodiscard]] const std::vector<Member>& members() const { return members_; }
    // And by every older one that may yet turn out to be the last that was committed: its members
    // must be heard, for one of them may come to lead.
    [[nodiscard]] const std::vector<Member>& peers() const { return peers_; }

private:
    struct Outstanding {
        std::uint64_t sequence;
        Index first;
        Index last;
    };
    struct Configuration {
        Index index{};
        std::vector<Member> members;
    };
    using Call = std::function<int(BridgeUpdate*)>;

    [[nodiscard]] std::uint64_t engine_ms(Time now);
    void time_out(Time now, Effects& effects);
    void tell_election_timeout();
    void step(std::span<const LogEntry> offered, Effects& effects, const Call& call);
    void
    take_entries(const BridgeUpdate& update, std::span<const LogEntry> offered, Effects& effects);
    void take_messages(const BridgeUpdate& update, Effects& effects);
    void take_install(const BridgeUpdate& update, Effects& effects);
    void receive_entries(Time now, const Message& message, Effects& effects);
    void learn_term(Time now, const Message& message, Effects& effects);
    void apply(Time now, Effects& effects);
    void announce_role(Effects& effects);
    void vote_for_itself(Time now, Effects& effects);
    void begin_configurations(const Restored& restored);
    void follow_configuration(Index first, std::span<const LogEntry> entries);
    void count_members();
    void forget();
    [[nodiscard]] Term term_of(Index index) const;
    [[nodiscard]] bool has(Index index) const;

    const DriverOptions options_;
    Bridge* const bridge_;
    Time now_{};
    // The engine's clock is ahead by this: moving it is how a time-out comes early. It never goes back.
    Time ahead_{};

    std::deque<LogEntry> entries_;  // from first_ on
    Index first_{1};
    Term previous_term_{};  // of the entry before first_
    std::size_t bytes_ = 0;
    Index persisted_{};
    Index applied_{};
    Term applied_term_{};
    std::uint64_t sequence_ = 0;
    std::deque<Outstanding> outstanding_;

    std::optional<SnapshotMetadata> snapshot_;  // the newest on disk
    bool installing_ = false;
    Index configuration_index_{};  // of the last committed configuration
    std::string configuration_;
    // The last that is known to be committed, and what the log has behind it.
    std::deque<Configuration> configurations_;
    std::vector<Member> members_;
    std::vector<Member> peers_;

    ElectionTimeout election_timeout_;
    Time election_timeout_told_{};  // to the engine

    Role role_ = Role::follower;  // as announced
    Index ready_{};               // a leader is announced when this is applied
};

}  // namespace coord
