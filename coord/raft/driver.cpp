#include "coord/raft/driver.hpp"

#include "coord/raft/bridge_values.hpp"
#include "coord/raft/fatal.hpp"
#include "coord/raft/message_check.hpp"
#include "coord/raft/raft_bridge.h"

#include <algorithm>
#include <cassert>
#include <utility>

namespace coord {

namespace {

BridgeOptions to_bridge(const DriverOptions& options) {
    const auto ms = [](auto duration) { return static_cast<unsigned>(duration.count()); };
    return {number(options.id),
            options.address.c_str(),
            ms(options.election_timeout),
            ms(options.heartbeat),
            ms(options.install_timeout),
            options.in_flight_max,
            options.seed};
}

}  // namespace

Driver::Driver(DriverOptions options)
    : options_(std::move(options)),
      bridge_([this] {
          const auto plain = to_bridge(options_);
          return bridge_open(&plain);
      }()),
      election_timeout_(options_.election_timeout),
      election_timeout_told_(options_.election_timeout) {
    assert(bridge_ != nullptr);
}

Driver::~Driver() { bridge_close(bridge_); }

std::uint64_t Driver::engine_ms(Time now) {
    now_ = now;
    return static_cast<std::uint64_t>((now + ahead_).count());
}

void Driver::start(Time now, Restored restored, Effects& effects) {
    sequence_ = restored.sequence;
    begin_configurations(restored);
    const auto& entries = restored.entries;

    // libraft lets a lone voter lead at once, but in its old term: an entry that its last life sent
    // to a stand-by and did not write itself would share index and term with a new one.
    if (is_lone_voter(members_, options_.id)) {
        restored.vote = {Term{number(restored.vote.term) + 1}, options_.id};
        effects.vote = restored.vote;
    }
    if (restored.snapshot) {
        snapshot_ = restored.snapshot;
        applied_ = restored.snapshot->index;
        applied_term_ = restored.snapshot->term;
        configuration_ = restored.snapshot->configuration;
        configuration_index_ = restored.snapshot->configuration_index;
    }
    const auto snapshot = restored.snapshot ? to_bridge(*restored.snapshot) : BridgeSnapshot{};
    const auto list = to_bridge(std::span<const LogEntry>(entries));
    const BridgeStart plain{number(restored.vote.term),
                            number(restored.vote.voted_for),
                            restored.snapshot ? &snapshot : nullptr,
                            number(restored.first),
                            list.data(),
                            list.size()};
    persisted_ = Index{number(restored.first) + entries.size() - 1};
    assert(persisted_ >= applied_);
    const auto contained = number(applied_) + 1 - number(restored.first);
    assert(contained <= entries.size());
    first_ = next(applied_);
    previous_term_ = applied_term_;
    for (auto i = contained; i < entries.size(); ++i) {
        bytes_ += entries[i].bytes->size();
        entries_.push_back(std::move(restored.entries[i]));
    }
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_start(bridge_, engine_ms(now), &plain, u);
    });
}

void Driver::timeout(Time now, Effects& effects) {
    const bool is_late = bridge_state(bridge_) != bridge_leader && deadline() <= now;
    time_out(now, effects);
    if (is_late && bridge_state(bridge_) == bridge_candidate) election_timeout_.vote_begins(now);
    election_timeout_.pass(now);
    tell_election_timeout();
}

void Driver::tell_election_timeout() {
    const auto value = election_timeout_.value();
    if (std::exchange(election_timeout_told_, value) == value) return;
    bridge_set_election_timeout(bridge_, static_cast<unsigned>(value.count()));
}

void Driver::peer_is_back() {
    election_timeout_.begin_anew();
    tell_election_timeout();
}

void Driver::time_out(Time now, Effects& effects) {
    const bool waits = bridge_state(bridge_) == bridge_follower && deadline() <= now;
    if (waits && is_lone_voter(members_, options_.id)) vote_for_itself(now, effects);
    step({}, effects, [&](BridgeUpdate* u) { return bridge_timeout(bridge_, engine_ms(now), u); });
}

// libraft lets a follower that has become the lone voter lead in the term in which the member has led
// that made it so. Asked for its vote by itself, it begins a term of its own first.
void Driver::vote_for_itself(Time now, Effects& effects) {
    const auto own = number(term()) + 1;
    BridgeMessage ask{};
    ask.type = bridge_request_vote;
    ask.peer = number(options_.id);
    ask.term = own;
    ask.body.request_vote = {number(options_.id), number(last()), own, true, false};
    Effects vote;
    step({}, vote, [&](BridgeUpdate* u) {
        return bridge_receive(bridge_, engine_ms(now), &ask, u);
    });
    assert(vote.vote && vote.vote->voted_for == options_.id);
    effects.vote = vote.vote;
    ahead_ += std::max(Time{0}, deadline() - now);
}

void Driver::suspect(Time now, Effects& effects) {
    if (bridge_state(bridge_) == bridge_leader) return;
    ahead_ += std::max(Time{0}, deadline() - now);
    time_out(now, effects);
}

bool Driver::hand_over(Time now, MemberId member, Effects& effects) {
    assert(role_ == Role::leader && member != options_.id);
    int error = 0;
    step({}, effects, [&](BridgeUpdate* u) {
        error = bridge_transfer(bridge_, engine_ms(now), number(member), u);
        return error == bridge_not_leader ? 0 : error;
    });
    return error == 0;
}

void Driver::announce_commit(Time now, Effects& effects) {
    if (bridge_state(bridge_) != bridge_leader || members_.size() < 2) return;
    step(
        {}, effects, [&](BridgeUpdate* u) { return bridge_heartbeat(bridge_, engine_ms(now), u); });
}

Result<Index> Driver::propose(Time now, EntryType type, Bytes bytes, Effects& effects) {
    if (role_ != Role::leader) return make_error_code(boost::system::errc::not_connected);
    const LogEntry entry{term(), type, std::move(bytes)};
    const Index index = next(last());
    const auto plain = to_bridge(entry);
    int error = 0;
    step({&entry, 1}, effects, [&](BridgeUpdate* u) {
        error = bridge_submit(bridge_, engine_ms(now), &plain, u);
        const bool refused =
            error == bridge_not_leader || error == bridge_no_space || error == bridge_busy;
        return refused ? 0 : error;
    });
    if (error == bridge_no_space) return make_error_code(boost::system::errc::no_space_on_device);
    if (error == bridge_busy) return make_error_code(boost::system::errc::device_or_resource_busy);
    if (error != 0) return make_error_code(boost::system::errc::not_connected);
    return index;
}

void Driver::persisted(Time now, std::uint64_t sequence, Effects& effects) {
    Index last{};
    while (!outstanding_.empty() && outstanding_.front().sequence <= sequence) {
        last = outstanding_.front().last;
        outstanding_.pop_front();
    }
    // What is written next may replace some of it; the engine has forgotten that already.
    for (const auto& later : outstanding_) last = std::min(last, previous(later.first));
    if (last <= persisted_) return;
    persisted_ = last;
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_persisted(bridge_, engine_ms(now), number(last), u);
    });
}

bool Driver::receive(Time now, const Message& message, Effects& effects) {
    if (message.peer == options_.id || !is_well_formed(message)) return false;
    if (std::holds_alternative<AppendEntries>(message.body)) {
        receive_entries(now, message, effects);
        return true;
    }
    // The engine looks into its candidate's state for these, whatever its state is.
    const bool is_vote = std::holds_alternative<RequestVoteResult>(message.body);
    if (is_vote && bridge_state(bridge_) != bridge_candidate) return true;
    learn_term(now, message, effects);
    const auto plain = to_bridge(message);
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_receive(bridge_, engine_ms(now), &plain, u);
    });
    return true;
}

// libraft answers a pre-vote in the term that was asked for instead of its own. So of two members, one
// with the longer log and one in the newer term, neither would ever be elected. Who asks for a
// pre-vote is in the term before: that is told to the engine as the refusal that it should have got.
void Driver::learn_term(Time now, const Message& message, Effects& effects) {
    const auto* ask = std::get_if<RequestVote>(&message.body);
    const bool is_candidate = bridge_state(bridge_) == bridge_candidate;
    if (ask == nullptr || !ask->pre_vote || !is_candidate) return;
    const Term theirs{number(message.term) - 1};
    if (theirs <= term()) return;
    const auto plain =
        to_bridge(Message{message.peer, theirs, RequestVoteResult{false, true, 0, 0}});
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_receive(bridge_, engine_ms(now), &plain, u);
    });
}

// libraft 0.22.1 records the index of the first entry of a message for a configuration anywhere in
// it: so each configuration begins a message of its own.
void Driver::receive_entries(Time now, const Message& message, Effects& effects) {
    const auto& body = std::get<AppendEntries>(message.body);
    std::span<const LogEntry> all(body.entries);
    auto previous_index = body.previous_index;
    auto previous_term = body.previous_term;
    // What is applied is in every leader's log. libraft would take it for new, when it comes again from
    // the very first entry on and a snapshot has taken its place.
    if (previous_index < applied_ && !installing_) {
        const auto known = number(applied_) - number(previous_index);
        all = all.subspan(std::min<std::size_t>(known, all.size()));
        previous_index = applied_;
        previous_term = applied_term_;
    }
    auto plain = to_bridge(message);
    std::size_t begin = 0;
    do {
        auto end = begin + 1;
        while (end < all.size() && all[end].type != EntryType::configuration) ++end;
        const auto piece = all.subspan(begin, std::min(end, all.size()) - begin);
        const auto list = to_bridge(piece);
        const auto before = begin == 0 ? previous_term : all[begin - 1].term;
        plain.body.append_entries = {number(previous_index) + begin,
                                     number(before),
                                     number(body.commit),
                                     list.data(),
                                     list.size()};
        step(piece, effects, [&](BridgeUpdate* u) {
            return bridge_receive(bridge_, engine_ms(now), &plain, u);
        });
        begin = end;
    } while (begin < all.size());
}

std::optional<SnapshotMetadata> Driver::snapshot_point() const {
    // A leader can commit what a majority has before its own disk does: such a snapshot would be
    // ahead of its log.
    const bool is_new = !snapshot_ || applied_ > snapshot_->index;
    if (installing_ || !is_new || applied_ > persisted_ || configuration_.empty()) return {};
    return SnapshotMetadata{applied_, applied_term_, configuration_index_, configuration_};
}

Index Driver::snapshot_taken(Time now, const SnapshotMetadata& snapshot, Effects& effects) {
    if (installing_ || (snapshot_ && snapshot_->index >= snapshot.index)) return Index{0};
    const auto trailing = members_.size() < 2 ? 0
                                              : std::min<std::uint64_t>(options_.trailing_entries,
                                                                        number(snapshot.index));
    snapshot_ = snapshot;
    const auto plain = to_bridge(snapshot);
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_snapshot_taken(
            bridge_, engine_ms(now), &plain, static_cast<unsigned>(trailing), u);
    });
    return Index{number(snapshot.index) - trailing};
}

void Driver::installed(Time now, const SnapshotMetadata& snapshot, Effects& effects) {
    assert(installing_);
    installing_ = false;
    snapshot_ = snapshot;
    applied_ = persisted_ = snapshot.index;
    applied_term_ = previous_term_ = snapshot.term;
    first_ = next(snapshot.index);
    configuration_ = snapshot.configuration;
    configuration_index_ = snapshot.configuration_index;
    configurations_ = {{configuration_index_, decode_configuration(configuration_).value()}};
    count_members();
    const auto plain = to_bridge(snapshot);
    step({}, effects, [&](BridgeUpdate* u) {
        return bridge_snapshot_installed(bridge_, engine_ms(now), &plain, u);
    });
}

void Driver::step(std::span<const LogEntry> offered, Effects& effects, const Call& call) {
    BridgeUpdate update{};
    const int error = call(&update);
    if (error != 0) {
        end_process(std::string("the raft engine has failed: ") + bridge_error_text(error));
    }
    if (update.vote_changed) {
        effects.vote = Vote{term(), MemberId{bridge_voted_for(bridge_)}};
    }
    if (update.install) take_install(update, effects);
    if (update.entries_index != 0) take_entries(update, offered, effects);
    take_messages(update, effects);
    if (update.state_changed && bridge_state(bridge_) == bridge_leader) ready_ = last();
    if (update.commit_changed) apply(now_, effects);
    announce_role(effects);
    forget();
}

void Driver::take_entries(const BridgeUpdate& update,
                          std::span<const LogEntry> offered,
                          Effects& effects) {
    const Index first{update.entries_index};
    assert(first > applied_ && first >= first_);
    while (number(first_) + entries_.size() > number(first)) {
        bytes_ -= entries_.back().bytes->size();
        entries_.pop_back();
    }
    assert(number(first_) + entries_.size() == number(first));
    persisted_ = std::min(persisted_, previous(first));
    Append append{++sequence_, first, term_of(previous(first)), {}};
    if (update.barrier) {
        append.entries.push_back({term(), EntryType::barrier, std::make_shared<std::string>()});
    } else {
        const auto taken = offered.subspan(update.entries_offset, update.entries_count);
        append.entries.assign(taken.begin(), taken.end());
    }
    for (const auto& entry : append.entries) {
        bytes_ += entry.bytes->size();
        entries_.push_back(entry);
    }
    follow_configuration(first, append.entries);
    outstanding_.push_back({sequence_, first, Index{number(first) + append.entries.size() - 1}});
    effects.appends.push_back(std::move(append));
}

// A configuration counts from when it is in the log (dissertation, section 4.1), until another entry
// takes its place.
void Driver::follow_configuration(Index first, std::span<const LogEntry> entries) {
    while (!configurations_.empty() && configurations_.back().index >= first) {
        configurations_.pop_back();
    }
    for (std::size_t i = 0; i < entries.size(); ++i) {
        if (entries[i].type != EntryType::configuration) continue;
        configurations_.push_back(
            {Index{number(first) + i}, decode_configuration(entries[i].view()).value()});
    }
    count_members();
}

// Of what the log has behind the snapshot, nobody knows at a start how much is committed.
void Driver::begin_configurations(const Restored& restored) {
    Index contained{};
    if (restored.snapshot) {
        const auto& snapshot = *restored.snapshot;
        contained = snapshot.index;
        configurations_.push_back(
            {snapshot.configuration_index, decode_configuration(snapshot.configuration).value()});
    }
    auto index = restored.first;
    for (const auto& entry : restored.entries) {
        if (entry.type == EntryType::configuration && index > contained) {
            configurations_.push_back({index, decode_configuration(entry.view()).value()});
        }
        index = next(index);
    }
    count_members();
}

void Driver::count_members() {
    members_.clear();
    peers_.clear();
    if (configurations_.empty()) return;
    peers_ = members_ = configurations_.back().members;
    for (const auto& older : configurations_) {
        for (const auto& member : older.members) {
            const auto is_same = [&](const Member& m) { return m.id == member.id; };
            if (std::none_of(peers_.begin(), peers_.end(), is_same)) peers_.push_back(member);
        }
    }
}

void Driver::take_messages(const BridgeUpdate& update, Effects& effects) {
    for (const auto& plain : std::span(update.messages, update.message_count)) {
        auto message = from_bridge(plain);
        if (auto* append = std::get_if<AppendEntries>(&message.body)) {
            const auto first = next(append->previous_index);
            for (std::size_t i = 0; i < append->count && has(first); ++i) {
                append->entries.push_back(entries_[number(first) - number(first_) + i]);
            }
        } else if (auto* install = std::get_if<InstallSnapshot>(&message.body)) {
            assert(snapshot_ && snapshot_->index == install->snapshot.index);
            install->snapshot = *snapshot_;
        }
        effects.messages.push_back(std::move(message));
    }
}

void Driver::take_install(const BridgeUpdate& update, Effects& effects) {
    const auto& plain = update.snapshot;
    effects.install = SnapshotMetadata{
        Index{plain.index},
        Term{plain.term},
        Index{plain.configuration_index},
        std::string(static_cast<const char*>(plain.configuration), plain.configuration_length)};
    // The engine has dropped its log; what is still being written no longer counts.
    installing_ = true;
    entries_.clear();
    bytes_ = 0;
    outstanding_.clear();
    first_ = next(Index{plain.index});
    previous_term_ = Term{plain.term};
    persisted_ = Index{0};
}

void Driver::apply(Time now, Effects& effects) {
    // While it installs, the engine may say that the snapshot's index is committed: it is not here.
    if (installing_) return;
    while (applied_ < Index{bridge_commit_index(bridge_)}) {
        const Index index = next(applied_);
        const LogEntry entry = entries_.at(number(index) - number(first_));
        applied_ = index;
        applied_term_ = entry.term;
        if (applied_term_ == term()) election_timeout_.led();
        effects.committed.push_back({index, entry});
        if (entry.type != EntryType::configuration) continue;
        configuration_index_ = index;
        configuration_ = *entry.bytes;
        while (configurations_.front().index < index) configurations_.pop_front();
        count_members();
        const auto plain = to_bridge(entry);
        step({}, effects, [&](BridgeUpdate* u) {
            return bridge_configured(bridge_, engine_ms(now), number(index), &plain, u);
        });
    }
}

void Driver::announce_role(Effects& effects) {
    auto role = Role::follower;
    if (bridge_state(bridge_) == bridge_candidate) role = Role::candidate;
    if (bridge_state(bridge_) == bridge_leader) {
        if (applied_ < ready_) return;
        role = Role::leader;
    }
    if (role == role_) return;
    role_ = role;
    effects.roles.push_back({role, term()});
}

// Entries that are done stay only for peers that lag, and only so many bytes of them.
void Driver::forget() {
    const auto allowed = members_.size() < 2 ? 0 : options_.memory_bytes;
    const auto done = std::min(applied_, persisted_);
    while (!entries_.empty() && first_ <= done && (allowed == 0 || bytes_ > allowed)) {
        bytes_ -= entries_.front().bytes->size();
        previous_term_ = entries_.front().term;
        entries_.pop_front();
        first_ = next(first_);
    }
}

Term Driver::term_of(Index index) const {
    if (index == previous(first_)) return previous_term_;
    return entries_.at(number(index) - number(first_)).term;
}

bool Driver::has(Index index) const {
    return index >= first_ && number(index) < number(first_) + entries_.size();
}

Driver::Time Driver::deadline() const {
    return Time{static_cast<Time::rep>(bridge_deadline_ms(bridge_))} - ahead_;
}

Term Driver::term() const { return Term{bridge_term(bridge_)}; }

MemberId Driver::leader() const { return MemberId{bridge_leader_id(bridge_)}; }

bool Driver::is_elected() const { return bridge_state(bridge_) == bridge_leader; }

Index Driver::configuration_index() const {
    return configurations_.empty() ? Index{0} : configurations_.back().index;
}

Index Driver::match(MemberId member) const {
    return Index{bridge_match_index(bridge_, number(member))};
}

Index Driver::last() const { return Index{bridge_last_index(bridge_)}; }

}  // namespace coord
