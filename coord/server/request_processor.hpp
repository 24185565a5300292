#pragma once
// What the server does with each request, and in which order the answers leave.
//
// Fed by:  Connection, one frame at a time; the raft Node, one committed entry at a time; timers.
// Read by: Connection, which sends what is in Conversation::out; the four-letter words.
// Thread:  coord. No socket and no clock in it: frames, entries and times are arguments.
// Holds:   per connection, replies in the order of requests; a read waits for the same connection's
//          earlier write and for nobody else's. An event leaves before any reply that reflects it.
//          A write is answered when it has been applied here, which is after it was made durable.
// Fails:   a write whose fate is unknown, because leadership was lost, closes its connection.

#include "coord/proto/jute.hpp"
#include "coord/raft/node.hpp"
#include "coord/server/conversation.hpp"
#include "coord/server/four_letter_words.hpp"
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
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coord {

class RequestProcessor {
public:
    using Time = SessionTracker::Time;

    // `wake` asks for end_turn() to be called soon; it is called at most once per turn.
    RequestProcessor(const ServerOptions& options,
                     ServerCounters& counters,
                     WriteQueue::Propose propose,
                     std::function<void()> wake);

    // Bytes came from this client: its session lives.
    void heard(Conversation& from, Time now);
    // One frame of a conversation that listens_to() allows.
    void take(Conversation& from, std::string_view frame);
    // May another frame be read from it now? Asked again whenever end_turn() names it.
    [[nodiscard]] bool listens_to(const Conversation& conversation) const;
    [[nodiscard]] bool is_overloaded() const;
    // Its socket is closed.
    void forget(Conversation& gone);

    void apply(WriteQueue::Position position, std::string_view entry, Time now);
    void role_changed(Role role, Time now);
    [[nodiscard]] std::function<bool(std::string& out, std::size_t items)> cut_snapshot();
    // Another state takes the place of the present one, which `state` is afterwards.
    void swap_state(StateMachine& state, Time now);

    // Proposes to close the sessions whose time is up, if this member leads.
    void expire_sessions(Time now);
    // Proposes to remove the container and TTL znodes that are due, if this member leads.
    void reap();

    // Sends the turn's writes into the log, and names the conversations to look at: they have
    // something to send, are to be closed, or may be listened to again.
    std::vector<std::shared_ptr<Conversation>> end_turn();
    // A buffer whose bytes have been sent, for the next conversation that has something to send.
    void give_back(std::string buffer);

    [[nodiscard]] bool is_serving() const { return serving_; }
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
    void greet(Conversation& from, std::string_view frame);
    void create_session(Conversation& from);
    void attach(Conversation& from, SessionId session, const Password& password);
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
    void complete(Conversation& to, const Command& command, const Outcome& outcome);
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
    void start_serving();
    void stop_serving();
    [[nodiscard]] SessionId next_session_id();

    struct LatencySum {
        std::int64_t min_ms = 0;
        std::int64_t max_ms = 0;
        std::int64_t sum_ms = 0;
        std::uint64_t count = 0;
    };

    const ServerOptions& options_;
    ServerCounters& counters_;
    const std::function<void()> wake_;
    StateMachine state_;
    WatchTable watches_;
    SessionTracker tracker_;
    WriteQueue writes_;
    std::unordered_map<SessionId, Conversation*> attached_;  // the open conversations
    std::vector<std::shared_ptr<Conversation>> waiting_;     // for this server to serve
    std::vector<std::shared_ptr<Conversation>> dirty_;
    std::vector<std::string> spare_buffers_;
    std::string scratch_;
    Time now_;              // of the turn
    bool serving_ = false;  // leading, and everything committed before that is applied
    bool woken_ = false;
    std::int64_t last_session_id_ = 0;
    std::size_t outstanding_ = 0;
    LatencySum latency_;
    ResponseSizes response_sizes_;
};

}  // namespace coord
