// What a replica sends to its peers that is not in memory: older entries, and snapshots.
#include "coord/base/log.hpp"
#include "coord/raft/replica.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace coord {

namespace {

spdlog::logger& log() { return logger("coord.raft"); }

}  // namespace

// Entries reach a peer in their order: what must be read first holds up what comes behind it.
void Replica::send(Message message) {
    if (transport_ == nullptr) return;
    const auto* append = std::get_if<AppendEntries>(&message.body);
    if (auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
        result->capacity = disk_.room() == Room::plenty ? some_capacity : no_capacity;
    }
    if (append == nullptr) {
        const auto* install = std::get_if<InstallSnapshot>(&message.body);
        if (install != nullptr) offered_[message.peer] = install->snapshot.index;
        transport_->send(message);
        return;
    }
    const bool is_whole = append->entries.size() == append->count;
    const auto waiting = backlogs_.find(message.peer);
    if (waiting == backlogs_.end() && is_whole) {
        send_pieces(message);
        return;
    }
    if (waiting == backlogs_.end()) {
        const auto peer = message.peer;
        auto& backlog = backlogs_[peer];
        backlog.number = ++numbers_;
        backlog.messages.push_back(std::move(message));
        go_on(peer);
    } else if (waiting->second.messages.size() < options_.backlog_max) {
        waiting->second.messages.push_back(std::move(message));
    } else {
        counters_.backlog_dropped.add();
    }
}

void Replica::send_pieces(const Message& message) {
    const auto& whole = std::get<AppendEntries>(message.body);
    Message part{message.peer, message.term, {}};
    AppendEntries piece{whole.previous_index, whole.previous_term, whole.commit, 0, {}};
    std::size_t bytes = 0;
    const auto flush = [&] {
        piece.count = piece.entries.size();
        const auto last = Index{number(piece.previous_index) + piece.count};
        const auto term = piece.count == 0 ? piece.previous_term : piece.entries.back().term;
        part.body = std::move(piece);
        transport_->send(part);
        piece = {last, term, whole.commit, 0, {}};
        bytes = 0;
    };
    for (const auto& entry : whole.entries) {
        if (bytes > 0 && bytes + entry.bytes->size() > options_.message_bytes_max) flush();
        piece.entries.push_back(entry);
        bytes += entry.bytes->size();
    }
    if (!piece.entries.empty() || whole.entries.empty()) flush();
}

// Sends what it can of the backlog, up to the next message whose entries are to be read.
void Replica::go_on(MemberId peer) {
    auto& backlog = backlogs_.at(peer);
    while (!backlog.messages.empty()) {
        const auto& append = std::get<AppendEntries>(backlog.messages.front().body);
        if (append.entries.size() < append.count) {
            disk_.read(next(append.previous_index),
                       append.count,
                       options_.message_bytes_max,
                       [this, peer, number = backlog.number](std::vector<LogEntry> entries) {
                           read_back(peer, number, std::move(entries));
                       });
            return;
        }
        send_pieces(backlog.messages.front());
        backlog.messages.pop_front();
    }
    backlogs_.erase(peer);
}

void Replica::read_back(MemberId peer, std::uint64_t number, std::vector<LogEntry> entries) {
    const auto at = backlogs_.find(peer);
    if (at == backlogs_.end() || at->second.number != number) return;
    auto& messages = at->second.messages;
    auto& append = std::get<AppendEntries>(messages.front().body);
    const auto matches = [&](const LogEntry& e) { return e.term <= messages.front().term; };
    if (entries.empty() || !std::all_of(entries.begin(), entries.end(), matches)) {
        // A snapshot has taken their place meanwhile: the engine will find out what the peer needs.
        counters_.backlog_dropped.add();
        messages.pop_front();
        go_on(peer);
        return;
    }
    Message part{peer, messages.front().term, {}};
    const auto last = Index{coord::number(append.previous_index) + entries.size()};
    const auto term = entries.back().term;
    const auto left = append.count - entries.size();
    const auto count = entries.size();
    part.body = AppendEntries{
        append.previous_index, append.previous_term, append.commit, count, std::move(entries)};
    send_pieces(part);
    if (left == 0) {
        messages.pop_front();
    } else {
        append.previous_index = last;
        append.previous_term = term;
        append.count = left;
    }
    go_on(peer);
}

// The engine waits for the end of an install for as long as it hears from the member. But behind a new
// link there may be a new process that knows nothing of it, or the answer may have gone with the old
// one: told that the snapshot was rejected, the engine finds out what the member needs.
void Replica::withdraw_offer(MemberId peer) {
    const auto offer = offered_.extract(peer);
    if (!offer || !driver_ || !driver_->is_elected()) return;
    Effects effects;
    const AppendEntriesResult rejection{.rejected = offer.mapped()};
    driver_->receive(now_(), {peer, driver_->term(), rejection}, effects);
    carry_out(effects);
}

void Replica::begin_install(const SnapshotMetadata& snapshot) {
    assert(transport_ != nullptr);
    const auto from = driver_->leader();
    const auto number = ++numbers_;
    log().info("snapshot offered index={} from={:016x}",
               coord::number(snapshot.index),
               coord::number(from));
    install_ = Install{snapshot, number, from, {}, false};
    transport_->fetch_snapshot(from,
                               snapshot,
                               disk_.incoming(),
                               [this, number](Result<void> result) { fetched(number, result); });
}

void Replica::fetched(std::uint64_t number, const Result<void>& result) {
    if (!install_ || install_->number != number) return;
    if (!result) {
        begin_anew(result.error().message());
        return;
    }
    install_->is_building = true;
    disk_.install(install_->snapshot, application_.build, [this, number](Result<Disk::Swap> swap) {
        installed(number, swap);
    });
}

void Replica::installed(std::uint64_t number, const Result<Disk::Swap>& swap) {
    assert(install_ && install_->number == number && driver_);
    if (!swap) {
        begin_anew(swap.error().message());
        return;
    }
    if (std::exchange(taking_snapshot_, false)) disk_.give_up_snapshot();
    const auto snapshot = std::move(install_->snapshot);
    install_.reset();
    counters_.installs.add();
    snapshot_ = snapshot;
    delivered_ = snapshot.index;
    delivered_term_ = snapshot.term;
    bytes_since_snapshot_ = 0;
    log().info("snapshot installed index={}", coord::number(snapshot.index));
    swap.value()();
    Effects effects;
    driver_->installed(now_(), snapshot, effects);
    carry_out(effects);
}

// The engine knows of no install that failed: it is closed and begins again with what is on disk. The
// state that was applied stays, and with it what is not to be applied again. The leader's engine goes
// on with the install for as long as it hears from this member: so it is not to hear for a while.
void Replica::begin_anew(std::string_view why) {
    log().warn("snapshot not installed reason={}", why);
    counters_.failed_installs.add();
    if (std::exchange(taking_snapshot_, false)) disk_.give_up_snapshot();
    install_.reset();
    backlogs_.clear();
    suspicion_.reset();
    driver_.reset();
    role_ = Role::follower;
    anew_at_ = now_() + 3 * options_.driver.election_timeout;
    settle();
}

void Replica::reopen() {
    anew_at_ = Time::max();
    const auto contained = snapshot_ ? snapshot_->index : Index{0};
    disk_.reopen(next(contained), [this](LogContents contents) { reopened(std::move(contents)); });
}

void Replica::reopened(LogContents contents) {
    driver_ = std::make_unique<Driver>(options_.driver);
    Effects effects;
    driver_->start(now_(),
                   {vote_, snapshot_, contents.first, std::move(contents.entries), sequence_},
                   effects);
    carry_out(effects);
}

}  // namespace coord
