#pragma once
// What the server does with each request, and in which order the answers leave.
//
// Fed by:  Connection, one frame at a time; the raft Node, one committed entry at a time; timers.
// Read by: Connection, which sends what is in Conversation::out; the four-letter words.
// Thread:  coord. No socket and no clock in it: frames, entries and times are arguments.
// Holds:   per connection, replies in the order of requests; a read waits for the same connection's
//          earlier write and for nobody else's. An event leaves before any reply that reflects it.
//          A write is answered when it has been applied here, which is after it was made durable.
//          A write under way when the leader changes is sent to the next one, and applied once.
// Fails:   a write whose fate is unknown, because nobody led for too long, closes its connection.

#include "coord/proto/jute.hpp"
#include "coord/raft/node.hpp"
#include "coord/server/conversation.hpp"
#include "coord/server/four_letter_words.hpp"
#include "coord/server/letter.hpp"
#include "coord/server/server_counters.hpp"
#include "coord/server/server_options.hpp"
#include "coord/server/session_tracker.hpp"
#include "coord/server/watch_table.hpp"
#include "coord/server/write_queue.hpp"
#include "coord/tree/state_machine.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coord {

class RequestProcessor {
public:
    using Time = SessionTracker::Time;

    struct Surroundings {
        WriteQueue::Send send;                              // an entry, to whom leads
        std::function<bool(const Touches& touches)> touch;  // likewise
        // Asks for end_turn() to be called soon; it is called at most once per turn.
        std::function<void()> wake;
    };

    RequestProcessor(const ServerOptions& options,
                     ServerCounters& counters,
                     Surroundings surroundings);

    // To be told before anything else: which member of the cluster this is.
    void set_member(MemberId self);

    // Bytes came from this client: its session lives.
    void heard(Conversation& from, Time now);
    // One frame of a conversation that listens_to() allows.
    void take(Conversation& from, std::string_view frame);
    // May another frame be read from it now? Asked again whenever end_turn() names it.
    [[nodiscard]] bool listens_to(const Conversation& conversation) const;
    [[nodiscard]] bool is_overloaded() const;
    // Its socket is closed.
    void forget(Conversation& gone);

    void apply(Term term, std::string_view entry, Time now);
    void standing_changed(const Standing& standing, Time now);
    // Of clients of another server, which tells the leader of them.
    void touched(const std::vector<SessionId>& sessions, Time now);
    // There is a new link to the leader: nobody knows what the old one lost.
    void leader_linked();
    // To be called every now and then: who waits for a leader for too long is let go; the leader is
    // told who lives; what is under way for long is sent once more.
    void tick(Time now);
    // Whether there is room on the disks for what clients write. If not, it is refused.
    void set_room(bool has_room) { has_room_ = has_room; }
    [[nodiscard]] std::function<bool(std::string& out, std::size_t items)> cut_snapshot();
    // Another state takes the place of the present one, which `state` is afterwards. What happened in
    // between is not known: all connections are closed.
    void swap_state(StateMachine& state, Time now);

    // Proposes to close the sessions whose time is up, if this member leads.
    void expire_sessions(Time now);
    // Proposes to tell the clients who the members are, if this member leads and the tree says
    // otherwise; see membership.hpp.
    void tell_members(const std::string& lines, Time now);
    // Proposes to remove the container and TTL znodes that are due, if this member leads.
    void reap();

    // Sends the turn's writes into the log, and names the conversations to look at: they have
    // something to send, are to be closed, or may be listened to again.
    std::vector<std::shared_ptr<Conversation>> end_turn();
    // A buffer whose bytes have been sent, for the next conversation that has something to send.
    void give_back(std::string buffer);

    [[nodiscard]] bool is_serving() const {
        return service_ == Service::full || service_ == Service::bridging;
    }
    [[nodiscard]] bool is_read_only() const { return service_ == Service::read_only; }
    [[nodiscard]] bool is_leading() const { return standing_.role == Role::leader; }
    [[nodiscard]] const StateMachine& state() const { return state_; }
    [[nodiscard]] const WatchTable& watches() const { return watches_; }
    [[nodiscard]] const SessionTracker& tracker() const { return tracker_; }
    [[nodiscard]] std::size_t outstanding() const { return outstanding_; }
    [[nodiscard]] Latency latency() const;
    struct ResponseSizes {
        std::int64_t last = -1;
        std::int64_t min = -1;
        std::int64_t max = -1;
    };
    [[nodiscard]] const ResponseSizes& response_sizes() const { return response_sizes_; }
    void reset_figures() {
        latency_ = {};
        response_sizes_ = {};
    }

private:
    enum class Service {
        starting,   // not yet: clients wait to be greeted
        full,       // a leader is known, and all that was committed before it led is applied
        bridging,   // as long as there may be a leader again soon: reads go on, writes wait
        read_only,  // there is none: for those who asked for that
        none,       // there is none
    };

    void greet(Conversation& from, std::string_view frame);
    void greet_read_only(Conversation& from, const ConnectRequest& request);
    void create_session(Conversation& from);
    void attach(Conversation& from, const ConnectRequest& request, const Password& password);
    void attach_here(Conversation& from, SessionId session, const Password& password);
    void propose_attach(Conversation& from, SessionId session, const Password& password);
    void attached(const Command& command, const Ticket* ticket);
    void turn_read_only(Conversation& from, std::int32_t xid, OpCode op);
    void welcome(Conversation& to, const Password& password);
    void turn_away(Conversation& from);

    void propose(Conversation& from, std::int32_t xid, OpCode op, std::string_view body);
    void take_sync(Conversation& from, std::int32_t xid, std::string_view body);
    void take_auth(Conversation& from, std::int32_t xid, std::string_view body);
    void take_last(Conversation& from, std::int32_t xid, OpCode op, Errc verdict);
    // Answers at once, or puts the request behind those that wait for the log.
    void take_local(Conversation& from, Request request, std::string_view body);

    void answer(Conversation& to, const Request& request, std::string_view body);
    void answer_read(Conversation& to, const Request& request, std::string_view body);
    void answer_set_watches(Conversation& to, const Request& request, std::string_view body);
    void answer_add_watch(Conversation& to, const Request& request, std::string_view body);
    void answer_watch_query(Conversation& to, const Request& request, std::string_view body);
    void answer_who_am_i(Conversation& to, const Request& request);
    void answer_waiting(Conversation& to);
    void apply_commands(std::string_view commands, const std::vector<Ticket>& tickets);
    void settle_sessions(const Command& command, const Outcome& outcome, const Ticket* ticket);
    void complete(Conversation& to, const Command& command, const Outcome& outcome);
    void complete_joining(Conversation& to, const Command& command, const Outcome& outcome);
    void complete_sync(Conversation& to);

    [[nodiscard]] bool may_watch_more(Conversation& conversation, WatchTable::Load more);
    void reply(Conversation& to,
               const Request& request,
               Zxid zxid,
               Errc error,
               std::string_view body = {});
    void note_reply(Conversation& to, const Request& request, Zxid zxid);
    void note_size(std::size_t bytes);
    void fire(const Event& event);
    void notify(Conversation& to, std::string_view frame);
    std::string& out_of(Conversation& to);
    void mark_dirty(Conversation& conversation);
    void wake_once();
    // Nothing more is taken from it, and it is closed when what it has coming is sent.
    void end(Conversation& conversation);
    void leave(Conversation& conversation);
    void serve();
    void serve_less(Service service);
    void greet_waiting();
    void abandon_writes();
    void end_all();
    void tell_touches();
    [[nodiscard]] bool is_alone() const { return !options_.has_peers(); }
    [[nodiscard]] SessionId next_session_id();

    struct LatencySum {
        std::int64_t min_ms = 0;
        std::int64_t max_ms = 0;
        std::int64_t sum_ms = 0;
        std::uint64_t count = 0;
    };

    const ServerOptions& options_;
    ServerCounters& counters_;
    const Surroundings surroundings_;
    StateMachine state_;
    WatchTable watches_;
    SessionTracker tracker_;
    WriteQueue writes_;
    std::unordered_map<SessionId, Conversation*> attached_;  // the open conversations
    std::vector<std::shared_ptr<Conversation>> waiting_;     // for this server to serve
    std::vector<std::shared_ptr<Conversation>> dirty_;
    std::vector<std::string> spare_buffers_;
    std::string scratch_;
    Time now_;  // of the turn
    Service service_ = Service::starting;
    MemberId self_{};
    Standing standing_;
    std::optional<Time> leaderless_since_;
    Time told_touches_;
    std::optional<std::string> told_members_;  // proposed while this member led, unless it forgot
    Time applied_own_;  // when an entry of ours was applied last, or everything sent
    bool has_room_ = true;
    bool woken_ = false;
    std::int64_t last_session_id_ = 0;
    std::size_t outstanding_ = 0;
    LatencySum latency_;
    ResponseSizes response_sizes_;
};

}  // namespace coord
