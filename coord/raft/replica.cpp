#include "coord/raft/replica.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/segment.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <utility>

namespace coord {

namespace {

namespace errc = boost::system::errc;
using std::chrono_literals::operator""ms;

spdlog::logger& log() { return logger("coord.raft"); }

// All who lose the leader's link ask for votes: a little apart, so that one of them is the first. Who
// asked before the others had given up the leader, or with too short a log, asks again soon.
constexpr int suspicion_ms_min = 5;
constexpr int suspicion_ms_max = 40;
constexpr int suspicion_tries_max = 10;
constexpr int vote_ms_min = 50;
constexpr int vote_ms_max = 150;

// It is a heartbeat then. What this log has behind that point is perhaps not the leader's.
Message without_entries(const Message& message) {
    auto heartbeat = message;
    auto& append = std::get<AppendEntries>(heartbeat.body);
    append.entries.clear();
    append.count = 0;
    append.commit = std::min(append.commit, append.previous_index);
    return heartbeat;
}

}  // namespace

Replica::Replica(ReplicaOptions options, Surroundings surroundings, Application application)
    : options_(std::move(options)),
      disk_(surroundings.disk),
      transport_(surroundings.transport),
      now_(std::move(surroundings.now)),
      wake_(std::move(surroundings.wake)),
      settled_(std::move(surroundings.settled)),
      application_(std::move(application)),
      random_(options_.driver.seed) {}

void Replica::start(Restored restored, std::uint64_t log_bytes) {
    vote_ = restored.vote;
    bytes_since_snapshot_ = log_bytes;
    if (restored.snapshot) {
        snapshot_ = restored.snapshot;
        delivered_ = snapshot_->index;
        delivered_term_ = snapshot_->term;
    }
    if (transport_ != nullptr) {
        transport_->start({[this](const Message& message) { received(message); },
                           [this](MemberId from, std::string_view letter) {
                               if (application_.letter) application_.letter(from, letter);
                           },
                           [this](MemberId peer) { linked(peer, true); },
                           [this](MemberId peer) { linked(peer, false); }});
    }
    driver_ = std::make_unique<Driver>(options_.driver);
    Effects effects;
    driver_->start(now_(), std::move(restored), effects);
    carry_out(effects);
}

Replica::Time Replica::deadline() const {
    if (!driver_) return anew_at_;
    return suspicion_ ? std::min(driver_->deadline(), suspicion_->at) : driver_->deadline();
}

void Replica::timeout() {
    const auto now = now_();
    if (!driver_) {
        if (now >= anew_at_) reopen();
        return;
    }
    const bool waits = install_ && install_->lost && !install_->is_building;
    if (waits && now - *install_->lost > options_.driver.election_timeout * 10) {
        begin_anew("the member that sends it is gone");
        return;
    }
    if (suspicion_ && suspicion_->at <= now) act_on_suspicion(now);
    if (driver_->deadline() > now) return;
    Effects effects;
    driver_->timeout(now, effects);
    carry_out(effects);
}

void Replica::end_turn() {
    woken_ = false;
    if (!driver_ || !std::exchange(announce_, false)) return;
    Effects effects;
    driver_->announce_commit(now_(), effects);
    carry_out(effects);
}

void Replica::need_turn() {
    if (!std::exchange(woken_, true)) wake_();
}

void Replica::persisted(std::uint64_t sequence) {
    if (!driver_) return;
    Effects effects;
    driver_->persisted(now_(), sequence, effects);
    carry_out(effects);
}

Result<Index> Replica::propose(Bytes entry) {
    if (!driver_ || role_ != Role::leader) return make_error_code(errc::not_connected);
    const auto bytes = entry->size();
    if (bytes > options_.entry_bytes_max) return make_error_code(errc::message_size);
    const bool changes = change_ && change_->stage != Change::Stage::catching_up;
    if (changes || in_flight_.size() >= options_.in_flight_entries_max ||
        in_flight_bytes_ + bytes > options_.in_flight_bytes_max) {
        if (changes) wants_room_ = true;
        counters_.refused.add();
        return make_error_code(errc::no_buffer_space);
    }
    Effects effects;
    const auto index = driver_->propose(now_(), EntryType::command, std::move(entry), effects);
    if (!index) return index;
    assert(effects.committed.empty() && effects.roles.empty());  // never a callback from in here
    in_flight_.push_back({*index, bytes});
    in_flight_bytes_ += bytes;
    announce_ = false;  // what was just sent says what is committed
    carry_out(effects);
    return index;
}

bool Replica::send_letter(MemberId to, std::string letter) {
    return transport_ != nullptr && transport_->send_letter(to, std::move(letter));
}

void Replica::received(const Message& message) {
    if (!driver_) return;
    const auto* append = std::get_if<AppendEntries>(&message.body);
    const bool is_leaders =
        append != nullptr || std::holds_alternative<InstallSnapshot>(message.body);
    if (suspicion_ && is_leaders && message.term >= suspicion_->term) suspicion_.reset();
    if (is_leaders) heard_leader_ = now_();
    if (const auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
        note_room_of(message.peer, *result);
    }
    Effects effects;
    if (append != nullptr && append->count > 0 && disk_.room() == Room::none) {
        counters_.put_off.add();
        driver_->receive(now_(), without_entries(message), effects);
    } else {
        driver_->receive(now_(), message, effects);
    }
    carry_out(effects);
    // The engine waits for the end of an install of one snapshot, and asks for what is behind a newer
    // one: a member that was busy with an older one would wait for both.
    const auto* result = std::get_if<AppendEntriesResult>(&message.body);
    const auto offer = offered_.find(message.peer);
    if (result != nullptr && offer != offered_.end() && result->rejected > offer->second) {
        withdraw_offer(message.peer);
    }
}

void Replica::note_room_of(MemberId peer, const AppendEntriesResult& result) {
    const bool had_room = has_room();
    if (result.capacity == no_capacity) {
        full_peers_.insert(peer);
    } else {
        full_peers_.erase(peer);
    }
    if (has_room() != had_room && application_.room) application_.room();
}

// What a majority has no room for would wait, and whoever asked for it.
bool Replica::has_room() const {
    if (disk_.room() != Room::plenty) return false;
    if (role_ != Role::leader || !driver_) return true;
    std::size_t voters = 0;
    std::size_t with_room = 0;
    for (const auto& member : driver_->members()) {
        if (member.role != MemberRole::voter) continue;
        ++voters;
        with_room += full_peers_.contains(member.id) ? 0U : 1U;
    }
    return with_room > voters / 2 || voters == 0;
}

void Replica::linked(MemberId peer, bool connected) {
    if (connected) {
        withdraw_offer(peer);
        if (driver_) driver_->peer_is_back();
    } else {
        backlogs_.erase(peer);
    }
    if (install_ && install_->from == peer) {
        install_->lost = connected ? std::nullopt : std::optional(now_());
    }
    if (!connected && driver_ && driver_->leader() == peer && !driver_->is_elected()) {
        counters_.suspicions.add();
        const auto delay = Time{
            std::uniform_int_distribution<Time::rep>(suspicion_ms_min, suspicion_ms_max)(random_)};
        suspicion_ = Suspicion{peer, driver_->term(), now_() + delay};
    }
    if (application_.link_changed) application_.link_changed(peer, connected);
    settle();
}

// The votes of the others are to be had only once they have lost the leader as well: until somebody
// has won, it is tried a few times.
void Replica::act_on_suspicion(Time now) {
    const auto soon = [&](int min, int max) {
        return now + Time{std::uniform_int_distribution<Time::rep>(min, max)(random_)};
    };
    const bool has_other =
        driver_->leader() != MemberId{0} && driver_->leader() != suspicion_->leader;
    if (driver_->is_elected() || has_other || suspicion_->tries >= suspicion_tries_max) {
        suspicion_.reset();
        return;
    }
    // A vote is under way, and has its time. If it was split, the next one need not wait for the
    // election timeout.
    if (std::exchange(suspicion_->term, driver_->term()) != driver_->term()) {
        suspicion_->at = soon(vote_ms_min, vote_ms_max);
        return;
    }
    ++suspicion_->tries;
    suspicion_->at =
        soon(suspicion_ms_min * suspicion_->tries, suspicion_ms_max * suspicion_->tries);
    Effects effects;
    driver_->suspect(now, effects);
    carry_out(effects);
}

// The order is the rule: term and vote are on disk before anyone can hear of them.
void Replica::carry_out(Effects& effects) {
    ++carrying_out_;
    if (effects.vote) {
        vote_ = *effects.vote;
        disk_.save(vote_);
    }
    for (auto& one : effects.appends) append(one);
    for (auto& message : effects.messages) send(std::move(message));
    if (effects.install) begin_install(*effects.install);
    if (!effects.committed.empty() && driver_->is_elected() && driver_->members().size() > 1) {
        announce_ = true;
    }
    for (const auto& committed : effects.committed) deliver(committed);
    for (const auto& change : effects.roles) change_role(change);
    --carrying_out_;
    if (announce_) need_turn();
    settle();
}

void Replica::append(Append& append) {
    for (const auto& entry : append.entries) bytes_since_snapshot_ += record_size(entry);
    sequence_ = append.sequence;
    disk_.append(std::move(append));
}

void Replica::deliver(const Committed& committed) {
    // An engine that began anew tells again of what it had told before.
    if (committed.index <= delivered_) return;
    assert(committed.index == next(delivered_));
    forget_in_flight_to(committed.index);
    delivered_ = committed.index;
    delivered_term_ = committed.entry.term;
    if (committed.entry.type != EntryType::command) return;
    // The application may propose from in here.
    application_.apply(committed.index, committed.entry.term, committed.entry.view());
}

void Replica::change_role(const RoleChange& change) {
    static constexpr std::array names{"follower", "candidate", "leader"};
    role_ = change.role;
    log().info("role changed role={} term={}",
               names.at(static_cast<std::size_t>(role_)),
               number(change.term));
    if (role_ == Role::leader) {
        // A lone voter begins its term without an entry: others could not tell that they are current.
        if (driver_->applied_term() != change.term && driver_->members().size() > 1) begin_term();
        return;
    }
    in_flight_.clear();
    in_flight_bytes_ = 0;
    backlogs_.clear();
    full_peers_.clear();
    offered_.clear();
    announce_ = false;
    if (!change_) return;
    // A leader that is removed leads until then.
    const bool is_done =
        change_->stage == Change::Stage::committing && delivered_ >= change_->index;
    finish_change(is_done ? Result<void>() : make_error_code(errc::connection_aborted));
}

void Replica::begin_term() {
    Effects effects;
    const auto index = driver_->propose(
        now_(), EntryType::barrier, std::make_shared<const std::string>(), effects);
    assert(index);
    carry_out(effects);
}

void Replica::forget_in_flight_to(Index index) {
    while (!in_flight_.empty() && in_flight_.front().index <= index) {
        in_flight_bytes_ -= in_flight_.front().bytes;
        in_flight_.pop_front();
    }
}

// What follows from where things stand when an event has been dealt with.
void Replica::settle() {
    if (carrying_out_ > 0) return;
    update_standing();
    if (driver_) {
        tell_members();
        if (change_) advance_change();
        maybe_snapshot();
    }
    settled_();
}

void Replica::update_standing() {
    standing_ = present_standing();
    if (told_ == standing_) return;
    told_ = standing_;
    ++carrying_out_;
    application_.standing_changed(standing_);
    --carrying_out_;
}

Standing Replica::present_standing() const {
    if (!driver_) return {Role::follower, vote_.term, {}, false};
    const auto term = driver_->term();
    if (role_ == Role::leader) return {role_, term, options_.driver.id, true};
    if (driver_->is_elected()) return {role_, term, options_.driver.id, false};
    const auto leader = now_() < leader_lost_at() ? driver_->leader() : MemberId{0};
    const bool reaches = delivered_term_ == term && !driver_->is_installing();
    return {role_, term, leader, leader != MemberId{0} && reaches};
}

// The engine of a member that does not vote goes by its last leader for ever.
Replica::Time Replica::leader_lost_at() const {
    return heard_leader_ + 2 * options_.driver.election_timeout;
}

void Replica::maybe_snapshot() {
    if (taking_snapshot_ || install_) return;
    const bool is_wanted = !snapshots_wanted_.empty();
    if (!is_wanted && bytes_since_snapshot_ < options_.snapshot_log_bytes) return;
    const auto point = driver_->snapshot_point();
    if (is_wanted && snapshot_ && snapshot_->index == delivered_) {
        snapshots_awaited_ = std::exchange(snapshots_wanted_, {});
        return answer_snapshots(*snapshot_);
    }
    if (!point || point->index != delivered_) return;
    log().debug("snapshot cut index={} log_bytes={}", number(point->index), bytes_since_snapshot_);
    // What is appended from here on counts for the next one, also if this one fails: a full disk is
    // not tried again and again.
    bytes_since_snapshot_ = 0;
    taking_snapshot_ = true;
    snapshots_awaited_ = std::exchange(snapshots_wanted_, {});
    disk_.take_snapshot(*point, application_.cut_snapshot(), [this, point = *point](bool good) {
        snapshot_done(point, good);
    });
}

void Replica::snapshot_done(const SnapshotMetadata& taken, bool good) {
    taking_snapshot_ = false;
    if (!good) {
        counters_.failed_snapshots.add();
        return answer_snapshots(make_error_code(errc::io_error));
    }
    counters_.snapshots.add();
    snapshot_ = taken;
    Effects effects;
    disk_.discard_through(driver_->snapshot_taken(now_(), taken, effects));
    log().info("snapshot taken index={}", number(taken.index));
    answer_snapshots(taken);
    carry_out(effects);
}

void Replica::snapshot_now(SnapshotDone done) {
    if (!driver_) return done(make_error_code(errc::resource_unavailable_try_again));
    snapshots_wanted_.push_back(std::move(done));
    settle();
}

void Replica::answer_snapshots(const Result<SnapshotMetadata>& result) {
    for (const auto& done : std::exchange(snapshots_awaited_, {})) done(result);
}

}  // namespace coord
