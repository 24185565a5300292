#pragma once
// The replicated state: znodes and sessions. Committed commands go in, replies and events come out.
//
// Fed by:  Server, with every committed command in log order; the same on every replica.
// Read by: Server, for reads of the local replica, and for snapshots.
// Thread:  coord. No clock, no lock, no I/O: time is in the command.
// Holds:   equal commands in equal order give equal snapshot bytes.

#include "coord/base/result.hpp"
#include "coord/proto/error.hpp"
#include "coord/proto/records.hpp"
#include "coord/proto/requests.hpp"
#include "coord/tree/origin.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

inline constexpr std::string_view members_path = "/zookeeper/config";

// What travels through the log: one client's write, or a session's beginning or end; or that the
// state goes on after having gone back in time (begin_anew): no session of before is open, and every
// zxid that anybody may have seen is behind.
struct Command {
    OpCode op{};                  // a write, or of the codes for sessions and for the reaper
    SessionId session{};          // on whose behalf; the session's own id for those of sessions
    std::int64_t time_ms = 0;     // milliseconds since 1970, by the proposer's clock
    std::int32_t timeout_ms = 0;  // create_session and attach_session only
    Password password{};          // likewise
    // Whether hard quotas are more than advice: decided by who proposes, so that every replica, and
    // every replay of the log whatever its configuration, comes to the same result.
    bool enforces_quota = false;
    // expire_session only: nothing comes of it if the session has moved on from there, or if the log
    // takes it in a later term.
    std::uint64_t owner = 0;
    std::uint64_t term = 0;
    std::vector<Id> ids;    // who the connection is, for ACLs; besides world:anyone
    std::string_view body;  // the request's body, as the client sent it
};

// Appends; a log entry is any number of commands behind each other.
void encode(Encoder& out, const Command& command);
Command decode_command(Decoder& in);

// A change that watches hear of, in the order in which ZooKeeper tells it:
// each event is offered to the data watches and the child watches of its path as the flags say.
struct Event {
    EventType type{};
    std::string path;
    bool to_data_watches = false;
    bool to_child_watches = false;
    std::vector<Acl> acl = {};  // of the znode, unless everybody may do everything with it
};

// A change came upon a quota's limit; a hard one, if quotas are enforced, refused it.
struct QuotaExcess {
    std::string path;       // that has the quota
    const char* what = "";  // "znodes" or "bytes"
    bool is_hard = false;
    std::int64_t would_be = 0;
    std::int64_t limit = 0;
};

struct QuotaView {
    std::string path;
    std::int64_t count_limit = -1;  // the hard one if there is one; -1: none
    std::int64_t byte_limit = -1;
    std::int64_t count = -1;
    std::int64_t bytes = -1;
};

struct Outcome {
    Zxid zxid{};
    Errc error{};
    std::string body;  // of the reply, when error is ok; so it is for a multi that failed, too
    std::vector<Event> events;
    std::vector<SessionId> closed_sessions;
    std::vector<QuotaExcess> quota_excesses;
};

// How large the reply to one read may become.
struct ReadLimits {
    std::size_t children_max = 1'000'000;
    std::size_t bytes_max = std::size_t{16} << 20U;  // of a list of children, of a multiRead
};

enum class WatchTableKind { data, child };

struct WatchToSet {
    std::string path;
    WatchTableKind table{};
};

struct ReadOutcome {
    Errc error{};
    std::string body;
    std::optional<WatchToSet> watch;  // to be set together with this read, even on no_node
};

// What set_watches finds: what happened meanwhile, and what is to be watched from now on.
struct CatchUp {
    std::vector<WatcherEvent> events;
    std::vector<WatchToSet> watches;
    std::vector<std::string> persistent;
    std::vector<std::string> persistent_recursive;
};

struct SessionView {
    SessionId id{};
    std::chrono::milliseconds timeout{};
    Password password{};
    std::uint64_t owner = 0;  // the member whose client it is
};

class StateMachine {
public:
    StateMachine();
    ~StateMachine();
    StateMachine(StateMachine&&) noexcept;
    StateMachine& operator=(StateMachine&&) noexcept;

    // An entry of that origin and term is to be applied. False: it is to be passed over.
    bool begin(const Origin& origin, std::uint64_t term);
    // A command of that entry.
    Outcome apply(const Command& command);

    // exists get_data get_acl get_children get_children2 multi_read get_ephemerals
    // get_all_children_number. `ids` is who asks, besides world:anyone.
    [[nodiscard]] ReadOutcome read(OpCode op,
                                   std::string_view body,
                                   SessionId session,
                                   const std::vector<Id>& ids,
                                   const ReadLimits& limits = {}) const;
    [[nodiscard]] CatchUp catch_up(const SetWatchesRequest& request) const;
    // May these ids be told of the event? If they might READ the znode when it happened.
    [[nodiscard]] static bool may_hear(const Event& event, const std::vector<Id>& ids);

    [[nodiscard]] Zxid last_zxid() const;
    [[nodiscard]] std::string_view members() const;  // as tell_members put it into the tree
    [[nodiscard]] std::optional<SessionView> find_session(SessionId id) const;
    [[nodiscard]] std::vector<SessionView> sessions() const;  // in id order
    // Container and TTL znodes that are due for removal at `now_ms`, at most `limit` of them.
    [[nodiscard]] std::vector<std::string> due_for_removal(std::int64_t now_ms,
                                                           std::size_t limit) const;

    [[nodiscard]] std::size_t znode_count() const;
    [[nodiscard]] std::size_t ephemeral_count() const;
    [[nodiscard]] std::size_t data_bytes() const;  // approximate: paths and data
    // The quotas that are set, at most `max` of them.
    [[nodiscard]] std::vector<QuotaView> quotas(std::size_t max) const;
    // (session, its ephemeral paths), for the four-letter word `dump`.
    [[nodiscard]] std::vector<std::pair<SessionId, std::vector<std::string>>> ephemerals() const;

    // How much is at and below each child of the root.
    struct Extent {
        std::uint64_t znodes = 0;
        std::uint64_t bytes = 0;  // paths and data
    };
    [[nodiscard]] std::map<std::string, Extent> extents() const;

    // Cuts a snapshot at the present state. The returned function appends the next slice (about
    // `znodes` of them) and says whether there is more; apply() may go on between slices and
    // does not change what the snapshot contains. One snapshot at a time; the function must not
    // outlive this object. Dropping it ends the snapshot.
    [[nodiscard]] std::function<bool(std::string& out, std::size_t znodes)> cut_snapshot();

    // Builds the state that a whole snapshot holds, read chunk by chunk: `next` fills `chunk` and
    // returns false at the end. Fails: Errc::marshalling_error, with nothing half-built returned.
    static Result<StateMachine> restore(const std::function<bool(std::string& chunk)>& next);

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace coord
