// How sessions begin and end, and when this server serves at all.
#include "coord/base/log.hpp"
#include "coord/server/request_processor.hpp"
#include "coord/server/session_admission.hpp"

#include <algorithm>
#include <cassert>
#include <openssl/rand.h>
#include <utility>

namespace coord {
namespace {

spdlog::logger& log() { return logger("coord.server"); }

std::uint64_t hex(SessionId id) { return static_cast<std::uint64_t>(id); }

Password random_password() {
    std::array<unsigned char, std::tuple_size_v<Password>> bytes{};
    const auto ok = RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
    assert(ok == 1);
    Password password{};
    std::copy(bytes.begin(), bytes.end(), password.begin());
    return password;
}

}  // namespace

void RequestProcessor::greet(Conversation& from, std::string_view frame) {
    if (service_ == Service::starting || service_ == Service::bridging) {
        from.phase = Phase::joining;
        from.greeting = frame;
        waiting_.push_back(from.shared_from_this());
        return;
    }
    const auto request = ConnectRequest::decode(frame);
    if (!request) {
        counters_.dropped_malformed.add();
        end(from);
        return;
    }
    from.read_only = request.value().read_only;
    if (service_ != Service::full) {
        greet_read_only(from, request.value());
        return;
    }
    const auto admission = admit(request.value(),
                                 state_,
                                 tracker_,
                                 {options_.session_timeout_min, options_.session_timeout_max});
    from.timeout = admission.timeout;
    if (from.timeout.count() != request.value().timeout_ms) counters_.timeouts_clamped.add();
    switch (admission.verdict) {
        case Admission::Verdict::refuse:
            counters_.refused_zxid.add();
            end(from);
            break;
        case Admission::Verdict::expired: turn_away(from); break;
        case Admission::Verdict::unknown:
            // This server may lag behind the one where the session began, and what has begun to end
            // it may come to nothing: behind this in the log it is certain. Alone it is already.
            if (is_alone()) {
                turn_away(from);
            } else {
                propose_attach(from, request.value().session, admission.password);
            }
            break;
        case Admission::Verdict::create: create_session(from); break;
        case Admission::Verdict::attach: attach(from, request.value(), admission.password); break;
    }
}

// Source: ZooKeeper 3.8 ReadOnlyZooKeeperServer. A new client gets an id that no other server knows.
void RequestProcessor::greet_read_only(Conversation& from, const ConnectRequest& request) {
    const bool asked = request.read_only.value_or(false);
    if (service_ != Service::read_only || !asked || request.last_zxid_seen > state_.last_zxid()) {
        counters_.refused_leaderless.add();
        end(from);
        return;
    }
    from.timeout = std::clamp(std::chrono::milliseconds(request.timeout_ms),
                              options_.session_timeout_min,
                              options_.session_timeout_max);
    if (request.session == SessionId{}) {
        from.has_no_session = true;
        from.command.session = next_session_id();
        welcome(from, random_password());
        return;
    }
    const auto admission = admit(request, state_, tracker_, {from.timeout, from.timeout});
    if (admission.verdict != Admission::Verdict::attach) {
        turn_away(from);
        return;
    }
    attach_here(from, request.session, admission.password);
}

void RequestProcessor::create_session(Conversation& from) {
    from.phase = Phase::joining;
    Command command;
    command.op = OpCode::create_session;
    command.session = next_session_id();
    command.time_ms = options_.wall_clock_ms();
    command.timeout_ms = static_cast<std::int32_t>(from.timeout.count());
    command.password = random_password();
    writes_.push(command, from.shared_from_this());
    wake_once();
}

// A session that is this server's already stays it: nobody else has to know. Else all servers learn
// where it is from now on, in one order with its writes.
void RequestProcessor::attach(Conversation& from,
                              const ConnectRequest& request,
                              const Password& password) {
    const auto session = state_.find_session(request.session);
    const bool is_here = session && session->owner == number(self_);
    if (is_here && (is_alone() || session->timeout == from.timeout)) {
        tracker_.set_timeout(request.session, from.timeout, now_);
        attach_here(from, request.session, password);
    } else {
        propose_attach(from, request.session, password);
    }
}

void RequestProcessor::attach_here(Conversation& from,
                                   SessionId session,
                                   const Password& password) {
    const auto other = attached_.find(session);
    if (other != attached_.end()) end(*other->second);  // The client has moved on from it.
    counters_.sessions_attached.add();
    from.command.session = session;
    welcome(from, password);
}

void RequestProcessor::propose_attach(Conversation& from,
                                      SessionId session,
                                      const Password& password) {
    from.phase = Phase::joining;
    Command command;
    command.op = OpCode::attach_session;
    command.session = session;
    command.time_ms = options_.wall_clock_ms();
    command.timeout_ms = static_cast<std::int32_t>(from.timeout.count());
    command.password = password;
    writes_.push(command, from.shared_from_this());
    wake_once();
}

// Some server has the session now. Whoever was connected to it here is not its client any more.
void RequestProcessor::attached(const Command& command, const Ticket* ticket) {
    tracker_.open(command.session, std::chrono::milliseconds(command.timeout_ms), now_);
    const auto other = attached_.find(command.session);
    if (other == attached_.end()) return;
    if (ticket == nullptr) counters_.sessions_moved.add();
    end(*other->second);
}

void RequestProcessor::complete_joining(Conversation& to,
                                        const Command& command,
                                        const Outcome& outcome) {
    if (command.op == OpCode::attach_session) {
        if (outcome.error == Errc::ok) {
            attach_here(to, command.session, command.password);
        } else {
            turn_away(to);
        }
        return;
    }
    assert(command.op == OpCode::create_session);
    if (outcome.error != Errc::ok) {
        create_session(to);  // The id was another's: a new one.
        return;
    }
    counters_.sessions_opened.add();
    to.command.session = command.session;
    welcome(to, command.password);
}

// What ReadOnlyRequestProcessor says to whoever would write. A session is closed where it is known.
void RequestProcessor::turn_read_only(Conversation& from, std::int32_t xid, OpCode op) {
    const bool ends = op == OpCode::close_session && from.has_no_session;
    reply(from,
          {xid, op, false, {}, {}, now_},
          state_.last_zxid(),
          ends ? Errc::ok : Errc::not_read_only);
    if (ends) end(from);
}

void RequestProcessor::welcome(Conversation& to, const Password& password) {
    to.phase = Phase::open;
    attached_[to.command.session] = &to;
    auto& bytes = out_of(to);
    const auto frame = begin_frame(bytes);
    Encoder out(bytes);
    ConnectResponse{static_cast<std::int32_t>(to.timeout.count()),
                    to.command.session,
                    password,
                    to.read_only ? std::optional(is_read_only()) : std::nullopt}
        .encode(out);
    end_frame(bytes, frame);
    ++to.figures.sent;
    counters_.replies.add();
}

// All of timeout, id and password zero: each client library looks at another of them.
void RequestProcessor::turn_away(Conversation& from) {
    counters_.sessions_refused.add();
    auto& bytes = out_of(from);
    const auto frame = begin_frame(bytes);
    Encoder out(bytes);
    ConnectResponse{0, SessionId{}, {}, from.read_only ? std::optional(false) : std::nullopt}
        .encode(out);
    end_frame(bytes, frame);
    counters_.replies.add();
    end(from);
}

// ZooKeeper's layout: the server's number, 40 bits of milliseconds, 16 bits to count with. The
// clock makes it unique across restarts, counting on makes it unique while we run. Two servers may
// have the same number: then the log decides whose the id is.
SessionId RequestProcessor::next_session_id() {
    const std::uint64_t server = 1 + number(self_) % 127;
    const auto ms = static_cast<std::uint64_t>(options_.wall_clock_ms());
    const auto first = (server << 56U) | ((ms & 0xFF'FFFF'FFFFU) << 16U);
    last_session_id_ = std::max(last_session_id_ + 1, static_cast<std::int64_t>(first));
    while (state_.find_session(SessionId{last_session_id_})) ++last_session_id_;
    return SessionId{last_session_id_};
}

void RequestProcessor::expire_sessions(Time now) {
    now_ = now;
    if (service_ != Service::full || !is_leading()) return;
    for (const auto id : tracker_.expire(now)) {
        log().info(
            "session expired session=0x{:x} timeout_ms={}", hex(id), tracker_.timeout(id).count());
        counters_.sessions_expired.add();
        Command command;
        command.op = OpCode::expire_session;
        command.session = id;
        command.owner = state_.find_session(id).value().owner;
        command.term = number(standing_.term);
        command.time_ms = options_.wall_clock_ms();
        writes_.push(command, nullptr);
        wake_once();
    }
}

void RequestProcessor::tell_members(const std::string& lines, Time now) {
    now_ = now;
    if (service_ != Service::full || !is_leading()) return;
    if (lines == state_.members() || lines == told_members_) return;
    told_members_ = lines;
    Command command;
    command.op = OpCode::tell_members;
    command.time_ms = options_.wall_clock_ms();
    command.body = lines;
    writes_.push(command, nullptr);
    wake_once();
}

void RequestProcessor::reap() {
    if (service_ != Service::full || !is_leading()) return;
    const auto time_ms = options_.wall_clock_ms();
    for (const auto& path : state_.due_for_removal(time_ms, options_.reaped_per_interval_max)) {
        std::string body;
        Encoder out(body);
        out.ustring(path);
        Command command;
        command.op = OpCode::delete_container;
        command.time_ms = time_ms;
        command.body = body;
        writes_.push(command, nullptr);
        counters_.znodes_reaped.add();
        wake_once();
    }
}

}  // namespace coord
