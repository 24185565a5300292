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
    if (!serving_) {
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
    const auto admission = admit(request.value(),
                                 state_,
                                 tracker_,
                                 {options_.session_timeout_min, options_.session_timeout_max});
    from.read_only = request.value().read_only;
    from.timeout = admission.timeout;
    if (from.timeout.count() != request.value().timeout_ms) counters_.timeouts_clamped.add();
    switch (admission.verdict) {
        case Admission::Verdict::refuse:
            counters_.refused_zxid.add();
            end(from);
            break;
        case Admission::Verdict::expired: turn_away(from); break;
        case Admission::Verdict::create: create_session(from); break;
        case Admission::Verdict::attach:
            attach(from, request.value().session, admission.password);
            break;
    }
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

void RequestProcessor::attach(Conversation& from, SessionId session, const Password& password) {
    const auto other = attached_.find(session);
    if (other != attached_.end()) end(*other->second);  // The client has moved on from it.
    tracker_.set_timeout(session, from.timeout, now_);
    counters_.sessions_attached.add();
    from.command.session = session;
    welcome(from, password);
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
                    to.read_only ? std::optional(false) : std::nullopt}
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
// clock makes it unique across restarts, counting on makes it unique while we run.
SessionId RequestProcessor::next_session_id() {
    constexpr std::uint64_t server = 1;
    const auto ms = static_cast<std::uint64_t>(options_.wall_clock_ms());
    const auto first = (server << 56U) | ((ms & 0xFF'FFFF'FFFFU) << 16U);
    last_session_id_ = std::max(last_session_id_ + 1, static_cast<std::int64_t>(first));
    while (state_.find_session(SessionId{last_session_id_})) ++last_session_id_;
    return SessionId{last_session_id_};
}

void RequestProcessor::expire_sessions(Time now) {
    now_ = now;
    if (!serving_) return;
    for (const auto id : tracker_.expire(now)) {
        log().info(
            "session expired session=0x{:x} timeout_ms={}", hex(id), tracker_.timeout(id).count());
        counters_.sessions_expired.add();
        Command command;
        command.op = OpCode::close_session;
        command.session = id;
        command.time_ms = options_.wall_clock_ms();
        writes_.push(command, nullptr);
        wake_once();
    }
}

void RequestProcessor::reap() {
    if (!serving_) return;
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

void RequestProcessor::role_changed(Role role, Time now) {
    now_ = now;
    stop_serving();
    if (role != Role::leader) return;
    tracker_.restart(now);
    writes_.push_empty_entry();
    wake_once();
}

// Raft §8: only with an entry of its own term applied does a leader know that it has applied
// everything that was committed before.
void RequestProcessor::start_serving() {
    serving_ = true;
    log().info("serving zxid=0x{:x} sessions={}",
               static_cast<std::uint64_t>(state_.last_zxid()),
               tracker_.size());
    for (const auto& waiting : std::exchange(waiting_, {})) {
        greet(*waiting, std::exchange(waiting->greeting, {}));
        mark_dirty(*waiting);
    }
}

// Whether what is under way comes about is for the next leader to find out, so none of it is
// answered: ConnectionLoss is the truth. The sessions live on.
void RequestProcessor::stop_serving() {
    if (std::exchange(serving_, false)) log().warn("not serving any more");
    for (const auto& ticket : writes_.abandon()) {
        if (!ticket.from || ticket.from->phase == Phase::ending) continue;
        if (ticket.from->phase == Phase::gone) continue;
        counters_.dropped_unknown_fate.add();
        end(*ticket.from);
    }
    while (!attached_.empty()) end(*attached_.begin()->second);
}

}  // namespace coord
