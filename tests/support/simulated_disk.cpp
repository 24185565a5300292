#include "tests/support/simulated_disk.hpp"

#include "coord/raft/configuration.hpp"
#include "coord/raft/segment.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

namespace errc = boost::system::errc;
using std::chrono_literals::operator""us;

}  // namespace

void SimulatedDisk::found(const std::vector<Member>& members) {
    auto bytes = std::make_shared<const std::string>(encode_configuration(members));
    entries_.push_back({Term{1}, EntryType::configuration, std::move(bytes)});
    vote_ = {Term{1}, MemberId{0}};
}

std::size_t SimulatedDisk::at(Index index) const {
    return static_cast<std::size_t>(number(index) - number(first_));
}

// The rules of DataDirectory.
SimulatedDisk::Found SimulatedDisk::open() {
    Found found;
    incoming_.reset();
    if (!snapshots_.empty()) {
        found.snapshot = snapshots_.back();
        const auto& newest = found.snapshot->metadata;
        const bool ends_before = last() < newest.index;
        const bool differs = !ends_before && first_ <= newest.index &&
                             entries_.at(at(newest.index)).term != newest.term;
        if (ends_before || differs) {
            world_.count("crash within an install", number(machine_.id()));
            carry_out(Restart{next(newest.index), newest.term, [] {}});
        }
        demand(first_ <= next(newest.index), "the log begins behind the snapshot");
        found.restored.snapshot = newest;
    } else {
        demand(first_ == Index{1}, "the log has lost its beginning");
    }
    found.restored.vote = vote_;
    found.restored.first = first_;
    found.restored.entries = entries_;
    const auto contained = found.snapshot ? found.snapshot->metadata.index : Index{0};
    for (auto i = at(next(contained)); i < entries_.size(); ++i) {
        found.log_bytes += record_size(entries_[i]);
    }
    return found;
}

// Of the group that was being written, some first part has reached the disk.
void SimulatedDisk::crash() {
    auto group = std::exchange(group_, {});
    const auto done = world_.dice.below(group.size() + 1);
    for (std::size_t i = 0; i < group.size() && i <= done; ++i) {
        auto* append = std::get_if<Append>(&group[i]);
        if (i == done) {
            if (append != nullptr) tear(*append);
        } else if (append != nullptr) {
            carry_out(*append);
        } else if (const auto* discard = std::get_if<Discard>(&group[i])) {
            carry_out(*discard);
        } else if (const auto* restart = std::get_if<Restart>(&group[i])) {
            carry_out(Restart{restart->first, restart->previous_term, [] {}});
        }
    }
    if (!queue_.empty()) world_.count("unwritten appends lost", number(machine_.id()));
    queue_.clear();
    give_up_snapshot();
}

void SimulatedDisk::tear(const Append& append) {
    const auto count = world_.dice.below(append.entries.size() + 2);
    if (count == 0) {
        world_.count("append lost", number(machine_.id()), number(append.first));
        return;
    }
    const bool is_torn = count - 1 < append.entries.size();
    world_.count(is_torn ? "append torn" : "append kept, not told", number(machine_.id()));
    write(append, count - 1);
}

SimulatedDisk::SnapshotPtr SimulatedDisk::snapshot_at(Index index) const {
    for (const auto& snapshot : snapshots_) {
        if (snapshot->metadata.index == index) return snapshot;
    }
    return nullptr;
}

void SimulatedDisk::save(const Vote& vote) {
    if (!machine_.operate()) return;
    demand(vote.term >= vote_.term, "the term went back");
    demand(vote.term > vote_.term || vote_.voted_for == MemberId{0} || vote == vote_,
           "two votes in one term");
    vote_ = vote;
    world_.note("voted", number(machine_.id()), number(vote.term), number(vote.voted_for));
}

void SimulatedDisk::append(Append append) {
    if (!machine_.operate()) return;
    auto index = append.first;
    for (const auto& entry : append.entries) {
        record_.written(index, entry);
        index = next(index);
    }
    enqueue(std::move(append));
}

void SimulatedDisk::read(Index first,
                         std::size_t count,
                         std::size_t bytes_max,
                         std::function<void(std::vector<LogEntry>)> done) {
    if (machine_.operate()) enqueue(Read{first, count, bytes_max, std::move(done)});
}

void SimulatedDisk::discard_through(Index last) {
    if (machine_.operate()) enqueue(Discard{last});
}

void SimulatedDisk::reopen(Index, std::function<void(LogContents)> done) {
    if (machine_.operate()) enqueue(Reopen{std::move(done)});
}

void SimulatedDisk::enqueue(Order order) {
    queue_.push_back(std::move(order));
    if (group_.empty()) machine_.post(0us, [this] { drain(); });
}

void SimulatedDisk::drain() {
    if (!group_.empty() || queue_.empty()) return;
    group_ = std::exchange(queue_, {});
    machine_.post(world_.dice.latency(typical_), [this] { carry_out_group(); });
}

void SimulatedDisk::carry_out_group() {
    const bool writes = std::any_of(group_.begin(), group_.end(), [](const Order& order) {
        return std::holds_alternative<Append>(order);
    });
    if (writes && is_full_) {
        world_.count("ended by a full disk", number(machine_.id()));
        machine_.doom();
        return;
    }
    std::uint64_t sequence = 0;
    for (const auto& order : std::exchange(group_, {})) {
        if (const auto* append = std::get_if<Append>(&order)) sequence = append->sequence;
        std::visit([this](const auto& one) { carry_out(one); }, order);
    }
    if (sequence != 0) {
        world_.note("persisted", number(machine_.id()), sequence, number(last()));
        machine_.post(world_.dice.latency(20us), [this, sequence] { persisted(sequence); });
    }
    if (!queue_.empty()) drain();
}

void SimulatedDisk::write(const Append& append, std::size_t count) {
    demand(append.first >= first_ && append.first <= next(last()), "a gap in the log");
    const auto keep = at(append.first);
    const auto before = keep == 0 ? previous_term_ : entries_.at(keep - 1).term;
    demand(before == append.previous_term, "an append that does not fit behind the log");
    if (append.first <= last()) {
        world_.count("log truncated", number(machine_.id()), number(append.first), number(last()));
    }
    entries_.resize(keep);
    entries_.insert(entries_.end(),
                    append.entries.begin(),
                    append.entries.begin() + static_cast<std::ptrdiff_t>(count));
}

// Segments are given up whole: anything may be left.
void SimulatedDisk::carry_out(const Discard& discard) {
    const auto end = std::min(next(discard.last), last());
    if (end <= first_) return;
    const auto count = world_.dice.between(0, number(end) - number(first_));
    if (count == 0) return;
    previous_term_ = entries_.at(count - 1).term;
    entries_.erase(entries_.begin(), entries_.begin() + static_cast<std::ptrdiff_t>(count));
    first_ = Index{number(first_) + count};
}

void SimulatedDisk::carry_out(const Read& read) {
    std::vector<LogEntry> entries;
    std::size_t bytes = 0;
    for (auto index = read.first;
         index >= first_ && index <= last() && entries.size() < read.count &&
         (entries.empty() || bytes < read.bytes_max);
         index = next(index)) {
        entries.push_back(entries_.at(at(index)));
        bytes += entries.back().bytes->size();
    }
    ++world_.tally["read from the log"];
    machine_.post(20us, [done = read.done, entries = std::move(entries)] { done(entries); });
}

void SimulatedDisk::carry_out(const Restart& restart) {
    first_ = restart.first;
    previous_term_ = restart.previous_term;
    entries_.clear();
    machine_.post(20us, restart.done);
}

void SimulatedDisk::carry_out(const Reopen& reopen) {
    LogContents contents{first_, previous_term_, entries_, false, false};
    machine_.post(20us, [done = reopen.done, contents = std::move(contents)] { done(contents); });
}

void SimulatedDisk::take_snapshot(const SnapshotMetadata& snapshot,
                                  Slices slices,
                                  std::function<void(bool)> done) {
    if (!machine_.operate()) return;
    demand(!taking_, "two snapshots at a time");
    taking_ = std::make_shared<Taking>(
        Taking{Snapshot{snapshot, {}}, std::move(slices), std::move(done)});
    next_slice();
}

// What is posted holds on to it, but the state that it looks at may be about to go.
void SimulatedDisk::give_up_snapshot() {
    if (taking_) taking_->slices = nullptr;
    taking_.reset();
}

void SimulatedDisk::next_slice() {
    const bool more = taking_->slices(taking_->snapshot.chunks.emplace_back(), 3);
    machine_.post(world_.dice.latency(typical_ * 4), [this, current = taking_, more] {
        if (current != taking_) return;
        if (!is_full_ && more) return next_slice();
        const auto taken = std::exchange(taking_, nullptr);
        const bool good = !is_full_;
        if (good) {
            const auto& metadata = taken->snapshot.metadata;
            world_.note("snapshot taken", number(machine_.id()), number(metadata.index));
            keep(std::make_shared<const Snapshot>(std::move(taken->snapshot)));
        }
        taken->slices = nullptr;
        taken->done(good);
    });
}

void SimulatedDisk::keep(SnapshotPtr snapshot) {
    snapshots_.push_back(std::move(snapshot));
    // One that was being taken may be done only when a newer one was installed.
    const auto older = [](const SnapshotPtr& a, const SnapshotPtr& b) {
        return a->metadata.index < b->metadata.index;
    };
    std::stable_sort(snapshots_.begin(), snapshots_.end(), older);
    if (snapshots_.size() > 2) snapshots_.erase(snapshots_.begin());
}

void SimulatedDisk::install(const SnapshotMetadata& snapshot,
                            Build build,
                            std::function<void(Result<Swap>)> done) {
    if (!machine_.operate()) return;
    const auto adopt = [this, snapshot, build = std::move(build), done = std::move(done)] {
        const auto file = std::exchange(incoming_, nullptr);
        const bool fits =
            file && file->metadata.index == snapshot.index && file->metadata.term == snapshot.term;
        std::size_t i = 0;
        const auto chunks = [&](std::string& chunk) {
            if (i == file->chunks.size()) return false;
            chunk = file->chunks[i++];
            return true;
        };
        auto swap = fits ? build(chunks) : Result<Swap>(make_error_code(errc::bad_message));
        if (!swap || is_full_) {
            done(is_full_ ? make_error_code(errc::no_space_on_device) : swap);
            return;
        }
        keep(file);
        if (world_.dice.once_in(10)) return machine_.doom();
        enqueue(Restart{next(snapshot.index), snapshot.term, [done, swap] { done(swap); }});
    };
    machine_.post(world_.dice.latency(typical_ * 10), adopt);
}

}  // namespace coord
