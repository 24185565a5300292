#include "coord/server/request_processor.hpp"

#include "coord/proto/error.hpp"
#include "coord/raft/fatal.hpp"
#include "coord/server/credentials.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace coord {
namespace {

constexpr std::size_t spare_buffers_max = 64;
constexpr std::size_t spare_buffer_bytes_max = std::size_t{256} << 10U;

enum class Kind { write, close, sync, local, auth, sasl, unknown };

Kind kind_of(OpCode op) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2:
        case OpCode::create_container:
        case OpCode::create_ttl:
        case OpCode::remove:
        case OpCode::set_data:
        case OpCode::set_acl:
        case OpCode::multi:
        case OpCode::reconfig: return Kind::write;
        case OpCode::close_session: return Kind::close;
        case OpCode::sync: return Kind::sync;
        case OpCode::auth: return Kind::auth;
        case OpCode::sasl: return Kind::sasl;
        case OpCode::exists:
        case OpCode::get_data:
        case OpCode::get_acl:
        case OpCode::get_children:
        case OpCode::get_children2:
        case OpCode::ping:
        case OpCode::multi_read:
        case OpCode::get_ephemerals:
        case OpCode::get_all_children_number:
        case OpCode::check_watches:
        case OpCode::remove_watches:
        case OpCode::set_watches:
        case OpCode::set_watches2:
        case OpCode::add_watch:
        case OpCode::who_am_i: return Kind::local;
        // Ours alone, or only inside a multi: from a client they are as unknown as any other.
        case OpCode::delete_container:
        case OpCode::create_session:
        case OpCode::attach_session:
        case OpCode::expire_session:
        case OpCode::tell_members:
        case OpCode::begin_anew:
        case OpCode::check:
        case OpCode::notification:
        case OpCode::error: return Kind::unknown;
    }
    return Kind::unknown;
}

std::size_t bytes_of(const std::vector<Id>& ids) {
    std::size_t bytes = 0;
    for (const auto& id : ids) bytes += id.scheme.size() + id.id.size();
    return bytes;
}

std::int64_t milliseconds_between(RequestProcessor::Time from, RequestProcessor::Time to) {
    return std::max<std::int64_t>(
        0, std::chrono::duration_cast<std::chrono::milliseconds>(to - from).count());
}

}  // namespace

RequestProcessor::RequestProcessor(const ServerOptions& options,
                                   ServerCounters& counters,
                                   Surroundings surroundings)
    : options_(options),
      counters_(counters),
      surroundings_(std::move(surroundings)),
      tracker_(options.tick),
      writes_(surroundings_.send) {}

void RequestProcessor::heard(Conversation& from, Time now) {
    now_ = now;
    if (from.phase != Phase::open) return;
    from.touched = true;
    tracker_.touch(from.command.session, now);
}

bool RequestProcessor::is_overloaded() const {
    return outstanding_ >= options_.outstanding_max ||
           writes_.queued_bytes() >= options_.queued_bytes_max;
}

bool RequestProcessor::listens_to(const Conversation& conversation) const {
    if (conversation.phase == Phase::greeting) return true;
    if (conversation.phase != Phase::open || conversation.deaf) return false;
    const auto waiting = conversation.requests.size();
    if (conversation.out.size() >= options_.output_pause_bytes) return false;
    if (waiting == 0) return true;
    return waiting < options_.outstanding_per_connection_max && !is_overloaded();
}

void RequestProcessor::take(Conversation& from, std::string_view frame) {
    assert(listens_to(from));
    counters_.requests.add();
    ++from.figures.received;
    if (from.phase == Phase::greeting) {
        greet(from, frame);
        return;
    }

    Decoder in(frame);
    const auto [xid, op] = decode_request_header(in);
    if (in.failed()) {
        counters_.dropped_malformed.add();
        end(from);
        return;
    }
    if (service_ == Service::read_only) {
        const auto kind = kind_of(op);
        if (kind == Kind::write || kind == Kind::sync || kind == Kind::close) {
            turn_read_only(from, xid, op);
            return;
        }
    }
    switch (kind_of(op)) {
        case Kind::write: propose(from, xid, op, in.rest()); break;
        case Kind::close:
            from.deaf = true;  // What is pipelined behind it must not be executed.
            tracker_.begin_closing(from.command.session);
            propose(from, xid, op, {});
            break;
        case Kind::sync: take_sync(from, xid, in.rest()); break;
        case Kind::auth: take_auth(from, xid, in.rest()); break;
        // No SASL mechanism is configured; this is how ZooKeeper says that the exchange failed.
        case Kind::sasl: take_last(from, xid, op, Errc::auth_failed); break;
        case Kind::unknown: take_last(from, xid, op, Errc::unimplemented); break;
        case Kind::local: take_local(from, {xid, op, false, {}, {}, now_}, in.rest()); break;
    }
}

void RequestProcessor::propose(Conversation& from,
                               std::int32_t xid,
                               OpCode op,
                               std::string_view body) {
    // A session's end takes little room and gives back more.
    if (!has_room_ && op != OpCode::close_session) {
        counters_.writes_refused.add();
        take_local(from, {xid, op, false, Errc::system_error, {}, now_}, {});
        return;
    }
    auto& command = from.command;
    command.op = op;
    command.time_ms = options_.wall_clock_ms();
    command.enforces_quota = options_.enforce_quota;
    command.body = body;
    writes_.push(command, from.shared_from_this());
    command.body = {};  // It looks at the frame, which is about to go.
    from.requests.push({xid, op, true, {}, {}, now_});
    ++outstanding_;
    wake_once();
}

void RequestProcessor::take_local(Conversation& from, Request request, std::string_view body) {
    if (from.requests.empty()) {
        answer(from, request, body);
        return;
    }
    request.body = body;
    from.requests.push(std::move(request));
    ++outstanding_;
}

// The reply to a sync comes when everything that was under way before it has been applied here.
void RequestProcessor::take_sync(Conversation& from, std::int32_t xid, std::string_view body) {
    // Alone, all that is under way is ours. Else another's write may have been committed behind it.
    if (!is_alone()) {
        writes_.barrier_through(from.shared_from_this());
    } else if (!writes_.barrier_behind(from.shared_from_this())) {
        take_local(from, {xid, OpCode::sync, false, {}, {}, now_}, body);
        return;
    }
    from.requests.push({xid, OpCode::sync, true, {}, std::string(body), now_});
    ++outstanding_;
    wake_once();
}

// The ids count at once: writes behind this packet carry them into the log. The reply waits for
// its turn: ZooKeeper lets it overtake, which kazoo does not survive. They are few: a write whose ids
// outgrew a log entry could never be proposed.
void RequestProcessor::take_auth(Conversation& from, std::int32_t xid, std::string_view body) {
    Decoder in(body);
    const auto request = AuthRequest::decode(in);
    // The scheme ip takes no data: the address is the proof.
    const bool is_whole = !in.failed() && (request.auth || request.scheme == "ip");
    const auto proven = is_whole ? authenticate(request.scheme,
                                                request.auth.value_or(std::string_view()),
                                                options_.super_digest,
                                                from.command.ids)
                                 : std::nullopt;
    auto& ids = from.command.ids;
    if (!proven || bytes_of(ids) + bytes_of(*proven) > options_.auth_bytes_max) {
        counters_.auth_failures.add();
        take_last(from, xid, OpCode::auth, Errc::auth_failed);
        return;
    }
    for (const auto& id : *proven) {
        if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
    take_local(from, {xid, OpCode::auth, false, {}, {}, now_}, {});
}

void RequestProcessor::take_last(Conversation& from, std::int32_t xid, OpCode op, Errc verdict) {
    from.deaf = true;
    take_local(from, {xid, op, false, verdict, {}, now_}, {});
}

void RequestProcessor::forget(Conversation& gone) {
    leave(gone);
    gone.phase = Phase::gone;
}

void RequestProcessor::end(Conversation& conversation) {
    if (conversation.phase == Phase::gone) return;
    leave(conversation);
    conversation.phase = Phase::ending;
    mark_dirty(conversation);
}

void RequestProcessor::leave(Conversation& conversation) {
    watches_.forget(&conversation);
    const auto at = attached_.find(conversation.command.session);
    if (at != attached_.end() && at->second == &conversation) attached_.erase(at);
    outstanding_ -= conversation.requests.size();
    conversation.requests.clear();
    conversation.deaf = true;
    if (conversation.phase == Phase::joining) {
        std::erase_if(waiting_,
                      [&](const auto& waiting) { return waiting.get() == &conversation; });
    }
}

void RequestProcessor::apply(Term term, std::string_view entry, Time now) {
    now_ = now;
    wake_once();  // The next entry may go; the gauges are to be set.
    const auto origin = take_origin(entry);
    if (!origin) {
        end_process("the log holds an entry of a format that this version does not know. Run the "
                    "version that wrote it, or begin with an empty data directory");
    }
    const bool is_own = writes_.is_own(*origin);
    if (!state_.begin(*origin, number(term))) {
        counters_.entries_repeated.add();
        return;
    }
    counters_.entries.add();
    if (is_own) applied_own_ = now;
    apply_commands(entry, is_own ? writes_.take(*origin) : std::vector<Ticket>());
}

void RequestProcessor::apply_commands(std::string_view commands,
                                      const std::vector<Ticket>& tickets) {
    auto ticket = tickets.begin();
    const auto pass_barriers = [&] {
        for (; ticket != tickets.end() && ticket->is_barrier; ++ticket) {
            if (ticket->from) complete_sync(*ticket->from);
        }
    };

    pass_barriers();
    Decoder in(commands);
    while (!in.rest().empty()) {
        const auto command = decode_command(in);
        assert(!in.failed());  // What a majority agreed on cannot be read: stop, do not diverge.
        const auto outcome = state_.apply(command);
        counters_.commands.add();
        for (const auto& event : outcome.events) fire(event);
        const auto* claim = ticket == tickets.end() ? nullptr : &*ticket;
        settle_sessions(command, outcome, claim);
        if (claim != nullptr && claim->from) {
            // Whose client it was counts it, and once: not every replica, and no replay.
            for (const auto& excess : outcome.quota_excesses) {
                const bool is_refused = excess.is_hard && command.enforces_quota;
                counters_.quotas.note(excess, is_refused, now_);
            }
            complete(*claim->from, command, outcome);
        }
        for (const auto id : outcome.closed_sessions) {
            const auto open = attached_.find(id);
            if (open != attached_.end()) end(*open->second);
        }
        if (claim != nullptr) ++ticket;
        pass_barriers();
    }
    assert(ticket == tickets.end());
}

void RequestProcessor::settle_sessions(const Command& command,
                                       const Outcome& outcome,
                                       const Ticket* ticket) {
    for (const auto id : outcome.closed_sessions) {
        counters_.sessions_closed.add();
        tracker_.close(id);
    }
    if (outcome.error != Errc::ok) return;
    if (command.op == OpCode::create_session) {
        tracker_.open(command.session, std::chrono::milliseconds(command.timeout_ms), now_);
    } else if (command.op == OpCode::attach_session) {
        attached(command, ticket);
    }
}

void RequestProcessor::complete(Conversation& to, const Command& command, const Outcome& outcome) {
    if (to.phase == Phase::gone || to.phase == Phase::ending) return;
    if (to.phase == Phase::joining) {
        complete_joining(to, command, outcome);
        return;
    }

    assert(!to.requests.empty() && to.requests.front().proposed);
    auto& request = to.requests.front();
    assert(request.op == command.op);
    reply(to, request, outcome.zxid, outcome.error, outcome.body);
    to.requests.pop();
    --outstanding_;
    answer_waiting(to);
    if (command.op == OpCode::close_session) end(to);
}

void RequestProcessor::complete_sync(Conversation& to) {
    if (to.phase == Phase::gone || to.phase == Phase::ending) return;
    assert(!to.requests.empty() && to.requests.front().proposed);
    auto& request = to.requests.front();
    const auto body = std::move(request.body);
    answer(to, request, body);
    to.requests.pop();
    --outstanding_;
    answer_waiting(to);
}

void RequestProcessor::answer_waiting(Conversation& to) {
    while (!to.requests.empty() && !to.requests.front().proposed) {
        // Small requests can have large replies: it is not to have them all before it reads one.
        if (to.out.size() > options_.output_bytes_max) {
            counters_.dropped_output.add();
            end(to);
            return;
        }
        auto request = std::move(to.requests.front());
        to.requests.pop();
        --outstanding_;
        const auto body = std::move(request.body);
        answer(to, request, body);
        if (to.phase == Phase::ending) return;
    }
}

void RequestProcessor::reply(
    Conversation& to, const Request& request, Zxid zxid, Errc error, std::string_view body) {
    auto& bytes = out_of(to);
    const auto frame = begin_frame(bytes);
    Encoder out(bytes);
    encode(out, ReplyHeader{request.xid, zxid, static_cast<std::int32_t>(error)});
    if (error == Errc::ok) bytes.append(body);
    end_frame(bytes, frame);
    note_size(bytes.size() - frame);
    note_reply(to, request, zxid);
}

void RequestProcessor::note_size(std::size_t bytes) {
    auto& [last, min, max] = response_sizes_;
    last = static_cast<std::int64_t>(bytes);
    min = min < 0 ? last : std::min(min, last);
    max = std::max(max, last);
}

void RequestProcessor::note_reply(Conversation& to, const Request& request, Zxid zxid) {
    counters_.replies.add();
    const auto latency = milliseconds_between(request.since, now_);
    const bool first = latency_.count++ == 0;
    latency_.min_ms = first ? latency : std::min(latency_.min_ms, latency);
    latency_.max_ms = std::max(latency_.max_ms, latency);
    latency_.sum_ms += latency;
    if (request.proposed) {
        counters_.update_latency.note(latency);
    } else if (request.op != OpCode::ping) {
        counters_.read_latency.note(latency);
    }

    auto& figures = to.figures;
    figures.latency_min_ms =
        figures.replies == 0 ? latency : std::min(figures.latency_min_ms, latency);
    figures.latency_max_ms = std::max(figures.latency_max_ms, latency);
    figures.latency_sum_ms += latency;
    figures.latency_last_ms = latency;
    ++figures.replies;
    ++figures.sent;
    figures.last_op = request.op;
    figures.last_xid = request.xid;
    figures.last_zxid = zxid;
    figures.last_response = now_;
}

Latency RequestProcessor::latency() const {
    const auto count = static_cast<double>(std::max<std::uint64_t>(latency_.count, 1));
    return {latency_.min_ms, latency_.max_ms, static_cast<double>(latency_.sum_ms) / count};
}

// An event goes into the same stream as the replies, so it can be overtaken by none.
void RequestProcessor::fire(const Event& event) {
    const auto& told = watches_.fire(event);
    if (told.empty()) return;

    scratch_.clear();
    const auto frame = begin_frame(scratch_);
    Encoder out(scratch_);
    encode(out, ReplyHeader{notification_xid, Zxid{-1}, 0});  // -1: as ZooKeeper before 3.9.
    encode(out, WatcherEvent{event.type, KeeperState::sync_connected, event.path});
    end_frame(scratch_, frame);
    const bool anyone_may_hear = StateMachine::may_hear(event, {});
    for (auto* const watcher : told) {
        if (anyone_may_hear || StateMachine::may_hear(event, watcher->command.ids)) {
            notify(*watcher, scratch_);
        } else {
            counters_.events_withheld.add();
        }
    }
}

void RequestProcessor::notify(Conversation& to, std::string_view frame) {
    out_of(to).append(frame);
    ++to.figures.sent;
    counters_.notifications.add();
}

std::string& RequestProcessor::out_of(Conversation& to) {
    mark_dirty(to);
    if (to.out.empty() && to.out.capacity() < 64 && !spare_buffers_.empty()) {
        to.out = std::move(spare_buffers_.back());
        spare_buffers_.pop_back();
    }
    return to.out;
}

void RequestProcessor::give_back(std::string buffer) {
    if (spare_buffers_.size() >= spare_buffers_max) return;
    if (buffer.capacity() > spare_buffer_bytes_max) return;
    buffer.clear();
    spare_buffers_.push_back(std::move(buffer));
}

void RequestProcessor::mark_dirty(Conversation& conversation) {
    if (conversation.dirty) return;
    conversation.dirty = true;
    dirty_.push_back(conversation.shared_from_this());
    wake_once();
}

void RequestProcessor::wake_once() {
    if (std::exchange(woken_, true)) return;
    surroundings_.wake();
}

std::vector<std::shared_ptr<Conversation>> RequestProcessor::end_turn() {
    woken_ = false;
    writes_.pump();
    counters_.serving.set(is_serving() ? 1 : 0);
    counters_.read_only.set(is_read_only() ? 1 : 0);
    counters_.sessions.set(static_cast<std::int64_t>(tracker_.size()));
    counters_.outstanding.set(static_cast<std::int64_t>(outstanding_));
    counters_.znodes.set(static_cast<std::int64_t>(state_.znode_count()));
    counters_.ephemerals.set(static_cast<std::int64_t>(state_.ephemeral_count()));
    counters_.data_bytes.set(static_cast<std::int64_t>(state_.data_bytes()));
    counters_.watches.set(static_cast<std::int64_t>(watches_.watch_count()));
    counters_.last_zxid.set(static_cast<std::int64_t>(state_.last_zxid()));
    return std::exchange(dirty_, {});
}

std::function<bool(std::string& out, std::size_t items)> RequestProcessor::cut_snapshot() {
    return state_.cut_snapshot();
}

void RequestProcessor::swap_state(StateMachine& state, Time now) {
    abandon_writes();
    end_all();
    std::swap(state_, state);
    tracker_.clear();
    for (const auto& session : state_.sessions()) tracker_.open(session.id, session.timeout, now);
}

}  // namespace coord
