// Whom this server serves while leaders come and go, and what becomes of the writes under way.
#include "coord/base/log.hpp"
#include "coord/server/request_processor.hpp"

#include <array>
#include <cassert>
#include <cstring>
#include <openssl/rand.h>
#include <utility>

namespace coord {
namespace {

spdlog::logger& log() { return logger("coord.server"); }

constexpr std::size_t sessions_per_letter = 100'000;
// Then what is under way is sent once more. A leader that still has it passes over the second one.
constexpr std::chrono::milliseconds resend_after{2000};

std::uint64_t random_incarnation() {
    std::array<unsigned char, sizeof(std::uint64_t)> bytes{};
    const auto ok = RAND_bytes(bytes.data(), static_cast<int>(bytes.size()));
    assert(ok == 1);
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof(number));
    return number;
}

}  // namespace

void RequestProcessor::set_member(MemberId self) {
    self_ = self;
    writes_.set_origin(number(self), random_incarnation());
}

void RequestProcessor::standing_changed(const Standing& standing, Time now) {
    now_ = now;
    const auto before = std::exchange(standing_, standing);
    const bool leads_now = is_leading() && before.role != Role::leader;
    // A new leader knows of no touches: every session gets its full timeout. And what an old one had
    // begun to close, the new one may not.
    if (is_leading() != (before.role == Role::leader)) tracker_.restart(now);
    told_members_.reset();
    const bool is_other = standing.leader != before.leader || standing.term != before.term;
    if (standing.leader != MemberId{0} && (is_other || leads_now)) {
        if (writes_.entries_in_flight() > 0) counters_.sent_again.add();
        writes_.send_again();
        applied_own_ = now;
        wake_once();
    }
    if (standing.is_current) {
        leaderless_since_.reset();
        serve();
        return;
    }
    if (!leaderless_since_) leaderless_since_ = now;
    if (service_ == Service::full) {
        log().warn("no leader to serve by term={}", number(standing.term));
        service_ = Service::bridging;
    }
    wake_once();
}

// Raft §8: with an entry of the leader's term applied, all that was committed before is here.
void RequestProcessor::serve() {
    if (service_ == Service::full) return;
    // Who was served read-only is to come again, and to learn that it may write.
    if (service_ == Service::read_only) end_all();
    service_ = Service::full;
    log().info("serving zxid=0x{:x} sessions={} leading={}",
               static_cast<std::uint64_t>(state_.last_zxid()),
               tracker_.size(),
               is_leading());
    greet_waiting();
    wake_once();
}

void RequestProcessor::serve_less(Service service) {
    if (service_ == service) return;
    service_ = service;
    log().warn("not serving any more read_only={}", is_read_only());
    abandon_writes();
    end_all();
    greet_waiting();
    wake_once();
}

void RequestProcessor::greet_waiting() {
    for (const auto& waiting : std::exchange(waiting_, {})) {
        if (waiting->phase != Phase::joining) continue;
        greet(*waiting, std::exchange(waiting->greeting, {}));
        mark_dirty(*waiting);
    }
}

// Whether what is under way comes about is for a later leader to find out, so none of it is answered:
// ConnectionLoss is the truth. The sessions live on.
void RequestProcessor::abandon_writes() {
    for (const auto& ticket : writes_.abandon(random_incarnation())) {
        if (!ticket.from || ticket.from->phase == Phase::ending) continue;
        if (ticket.from->phase == Phase::gone) continue;
        counters_.dropped_unknown_fate.add();
        end(*ticket.from);
    }
}

void RequestProcessor::end_all() {
    while (!attached_.empty()) end(*attached_.begin()->second);
}

void RequestProcessor::tick(Time now) {
    now_ = now;
    if (leaderless_since_ && now - *leaderless_since_ >= options_.leaderless_max) {
        serve_less(options_.read_only_mode ? Service::read_only : Service::none);
    }
    if (writes_.entries_in_flight() == 0) {
        applied_own_ = now;
    } else if (!is_alone() && now - applied_own_ >= resend_after) {
        counters_.sent_again.add();
        writes_.send_again();
        applied_own_ = now;
    }
    if (writes_.entries_in_flight() > 0)
        wake_once();  // The way to the leader may have been blocked.
    if (service_ == Service::full && !is_leading() && now - told_touches_ >= options_.tick / 2) {
        told_touches_ = now;
        tell_touches();
    }
}

void RequestProcessor::leader_linked() {
    writes_.send_again();
    wake_once();
}

void RequestProcessor::tell_touches() {
    Touches touches{number(standing_.term), {}};
    const auto send = [&] {
        if (!touches.sessions.empty()) surroundings_.touch(touches);
        touches.sessions.clear();
    };
    for (const auto& [session, conversation] : attached_) {
        if (!std::exchange(conversation->touched, false)) continue;
        touches.sessions.push_back(session);
        if (touches.sessions.size() >= sessions_per_letter) send();
    }
    send();
}

void RequestProcessor::touched(const std::vector<SessionId>& sessions, Time now) {
    now_ = now;
    if (!is_leading()) return;
    for (const auto session : sessions) tracker_.touch(session, now);
}

}  // namespace coord
