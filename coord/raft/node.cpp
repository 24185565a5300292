#include "coord/raft/node.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/bell.hpp"
#include "coord/raft/data_directory.hpp"
#include "coord/raft/disk_room.hpp"
#include "coord/raft/fatal.hpp"
#include "coord/raft/log_writer.hpp"
#include "coord/raft/snapshot_taker.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <atomic>
#include <cassert>
#include <exception>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

namespace coord {

namespace {

namespace asio = boost::asio;
namespace errc = boost::system::errc;

spdlog::logger& log() { return logger("coord.raft"); }

Driver::Time now() {
    const auto since = std::chrono::steady_clock::now().time_since_epoch();
    return std::chrono::duration_cast<Driver::Time>(since);
}

constexpr std::chrono::milliseconds room_interval{200};

// Written on coord, read by metrics() on any thread.
struct Published {
    std::atomic<std::uint64_t> term{0};
    std::atomic<std::uint64_t> applied{0};
    std::atomic<std::uint64_t> in_flight{0};
    std::atomic<std::uint64_t> log_bytes{0};
    std::atomic<bool> is_leader{false};
};

[[noreturn]] void cannot_restore(const DataDirectory& directory, Index index, const Error& error) {
    throw std::runtime_error("the snapshot of entry " + std::to_string(number(index)) + " in " +
                             directory.snapshots_path().string() +
                             " cannot be restored: " + error.message() +
                             ". Nothing was changed. Run the version that wrote it, or "
                             "restore the data directory from a backup");
}

// Only of a file that was fetched whole.
Result<Disk::Swap> build_from(const std::filesystem::path& file,
                              const SnapshotMetadata& wanted,
                              const Disk::Build& build) {
    try {
        SnapshotFileReader reader(file);
        const auto& found = reader.metadata();
        if (found.index != wanted.index || found.term != wanted.term) {
            return make_error_code(errc::bad_message);
        }
        return build([&](std::string& chunk) { return reader.next(chunk); });
    } catch (const std::exception& failure) {
        log().error("fetched snapshot is of no use reason={}", failure.what());
        return make_error_code(errc::bad_message);
    }
}

}  // namespace

struct Node::Parts final : Disk {
    Parts(asio::io_context& io_context, NodeOptions node_options, Application node_application);

    void start();
    void stop();
    [[nodiscard]] std::vector<Metric> metrics() const;

    [[nodiscard]] Room room() const override { return disk_room.room(); }
    void save(const Vote& vote) override;
    void append(Append append) override { writer->append(std::move(append)); }
    void read(Index first,
              std::size_t count,
              std::size_t bytes_max,
              std::function<void(std::vector<LogEntry>)> done) override;
    void discard_through(Index last) override { writer->discard_through(last); }
    void reopen(Index bytes_from, std::function<void(LogContents)> done) override;
    void take_snapshot(const SnapshotMetadata& snapshot,
                       Slices slices,
                       std::function<void(bool)> done) override;
    void give_up_snapshot() override { snapshots->give_up(); }
    std::filesystem::path incoming() const override;
    void install(const SnapshotMetadata& snapshot,
                 Build build,
                 std::function<void(Result<Swap>)> done) override;

    asio::io_context& io;
    const NodeOptions options;
    const Application application;
    DataDirectory directory;
    DiskRoom disk_room;
    Published published;
    LogCounters counters;
    Replica replica;

    template <class Call>
    void post(Call call);
    template <class Call>
    void run(Call call);
    void rearm();
    void publish();
    void restore_snapshot();
    void start_threads();

    void watch_room();
    void room_changed();

    asio::steady_timer timer;
    asio::steady_timer room_timer;
    Driver::Time armed{-1};
    // What is posted to `io` holds it weakly: after stop() it finds it gone.
    std::shared_ptr<Parts*> alive;
    std::optional<SnapshotTaker> snapshots;
    std::atomic<std::uint64_t> written{0};  // by the log thread: the newest append on disk
    std::optional<Bell> bell;               // rung by it
    std::optional<LogWriter> writer;
};

namespace {

ReplicaOptions replica_options(const NodeOptions& options, MemberId id) {
    ReplicaOptions replica;
    replica.driver = {.id = id,
                      .address = options.address,
                      .heartbeat = options.heartbeat,
                      .election_timeout = options.election_timeout,
                      .seed = std::random_device{}(),
                      .trailing_entries = options.trailing_entries,
                      .memory_bytes = options.memory_bytes};
    replica.snapshot_log_bytes = options.snapshot_log_bytes;
    replica.entry_bytes_max = options.entry_bytes_max;
    replica.in_flight_entries_max = options.in_flight_entries_max;
    replica.in_flight_bytes_max = options.in_flight_bytes_max;
    replica.catch_up_max = std::chrono::seconds(30);  // operators are told to wait before
    return replica;
}

}  // namespace

Node::Parts::Parts(asio::io_context& io_context,
                   NodeOptions node_options,
                   Application node_application)
    : io(io_context),
      options(std::move(node_options)),
      application(std::move(node_application)),
      directory(options.data_dir,
                options.address,
                options.segment_bytes,
                options.transport ? WhenEmpty::wait : WhenEmpty::bootstrap),
      disk_room(directory.log_path(), options.reserve_bytes),
      replica(replica_options(options, directory.metadata().id()),
              {*this,
               options.transport,
               now,
               [this] { run([](Replica& r) { r.end_turn(); }); },
               [this] { rearm(); }},
              application),
      timer(io),
      room_timer(io) {}

void Node::Parts::start() {
    assert(!alive);
    restore_snapshot();
    alive = std::make_shared<Parts*>(this);
    start_threads();
    watch_room();
    run([this](Replica& r) {
        const auto log_bytes = directory.bytes_since_snapshot();
        r.start(std::move(directory.restored()), log_bytes);
    });
}

void Node::Parts::restore_snapshot() {
    auto& snapshot = directory.snapshot();
    if (!snapshot) return;
    const auto swap = application.build([&](std::string& chunk) { return snapshot->next(chunk); });
    if (!swap) cannot_restore(directory, snapshot->metadata().index, swap.error());
    swap.value()();
    published.applied = number(snapshot->metadata().index);
    snapshot.reset();
}

void Node::Parts::start_threads() {
    snapshots.emplace(io, directory.snapshots_path(), options.snapshot_slice);
    const auto prepare_spare = [this] {
        snapshots->prepare_spare(directory.log_path(), options.segment_bytes);
    };
    bell.emplace(io, [this] { replica.persisted(written.load(std::memory_order_acquire)); });
    const auto on_disk = [this](std::uint64_t sequence) {
        written.store(sequence, std::memory_order_release);
        bell->ring();
        if (disk_room.look()) post([](Parts& self) { self.room_changed(); });
    };
    writer.emplace(
        std::move(directory.log()), counters, LogWriter::Listener{on_disk, prepare_spare});
    prepare_spare();
}

void Node::Parts::stop() {
    if (!alive) return;
    if (options.transport != nullptr) options.transport->stop();
    writer->stop();
    bell.reset();
    snapshots->stop();
    timer.cancel();
    room_timer.cancel();
    alive.reset();
    directory.unlock();
}

// Space is freed without our writing anything.
void Node::Parts::watch_room() {
    if (disk_room.look()) post([](Parts& self) { self.room_changed(); });
    room_timer.expires_after(room_interval);
    room_timer.async_wait([weak = std::weak_ptr(alive)](const auto& cancelled) {
        const auto self = weak.lock();
        if (!cancelled && self) (*self)->watch_room();
    });
}

void Node::Parts::room_changed() {
    if (application.room) application.room();
}

template <class Call>
void Node::Parts::post(Call call) {
    asio::post(io, [weak = std::weak_ptr(alive), call = std::move(call)]() mutable {
        if (const auto self = weak.lock()) call(**self);
    });
}

template <class Call>
void Node::Parts::run(Call call) {
    post([call = std::move(call)](Parts& self) mutable { call(self.replica); });
}

void Node::Parts::save(const Vote& vote) {
    try {
        directory.metadata().save(vote);
    } catch (const std::exception& failure) {
        end_process(failure.what());
    }
}

void Node::Parts::read(Index first,
                       std::size_t count,
                       std::size_t bytes_max,
                       std::function<void(std::vector<LogEntry>)> done) {
    writer->read(first, count, bytes_max, [this, done](std::vector<LogEntry> entries) {
        run([done, entries = std::move(entries)](Replica&) mutable { done(std::move(entries)); });
    });
}

void Node::Parts::reopen(Index bytes_from, std::function<void(LogContents)> done) {
    writer->reopen(bytes_from, [this, done](LogContents contents) {
        run([done, contents = std::move(contents)](Replica&) mutable {
            done(std::move(contents));
        });
    });
}

void Node::Parts::take_snapshot(const SnapshotMetadata& snapshot,
                                Slices slices,
                                std::function<void(bool)> done) {
    snapshots->take(snapshot, std::move(slices), std::move(done));
}

std::filesystem::path Node::Parts::incoming() const {
    return directory.snapshots_path() / "incoming";
}

// The state is built first: log and snapshot stay as they are until it is known to be good.
void Node::Parts::install(const SnapshotMetadata& snapshot,
                          Build build,
                          std::function<void(Result<Swap>)> done) {
    snapshots->post([this, snapshot, build = std::move(build), done = std::move(done)] {
        auto swap = build_from(incoming(), snapshot, build);
        if (!swap) {
            run([done, swap](Replica&) { done(swap); });
            return;
        }
        try {
            adopt_snapshot(incoming(), directory.snapshots_path(), snapshot.index);
        } catch (const std::exception& failure) {
            end_process(failure.what());
        }
        writer->restart(next(snapshot.index), snapshot.term, [this, done, swap] {
            // What the old state held is let go of over there.
            post([done, swap](Parts& self) mutable {
                done(swap);
                self.snapshots->post([swap = std::move(swap)] {});
            });
        });
    });
}

void Node::Parts::rearm() {
    publish();
    if (!alive || replica.deadline() == armed) return;
    armed = replica.deadline();
    if (armed == Driver::Time::max()) {
        timer.cancel();
        return;
    }
    timer.expires_at(std::chrono::steady_clock::time_point(armed));
    timer.async_wait([weak = std::weak_ptr(alive)](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (error || !self) return;
        (*self)->armed = Driver::Time{-1};
        (*self)->replica.timeout();
        (*self)->rearm();
    });
}

void Node::Parts::publish() {
    published.term = number(replica.standing().term);
    published.applied = number(replica.applied());
    published.in_flight = replica.in_flight();
    published.log_bytes = replica.bytes_since_snapshot();
    published.is_leader = replica.standing().role == Role::leader;
}

std::vector<Metric> Node::Parts::metrics() const {
    using enum MetricKind;
    const auto number_of = [](const auto& value) { return static_cast<double>(value); };
    return {
        {gauge, "roster_raft_leader", "1 if this member leads.", published.is_leader ? 1.0 : 0.0},
        {gauge, "roster_raft_term", "The term of Raft.", number_of(published.term.load())},
        {gauge,
         "roster_raft_applied_index",
         "Index of the last entry applied.",
         number_of(published.applied.load())},
        {gauge,
         "roster_raft_in_flight",
         "Entries proposed here and not yet applied.",
         number_of(published.in_flight.load())},
        {gauge,
         "roster_raft_log_bytes",
         "Bytes of log that no snapshot contains.",
         number_of(published.log_bytes.load())},
        {counter,
         "roster_raft_commits_total",
         "Group commits: writes of all entries that were waiting.",
         number_of(counters.groups.value())},
        {counter,
         "roster_raft_entries_total",
         "Entries written to the log.",
         number_of(counters.entries.value())},
        {counter,
         "roster_raft_bytes_total",
         "Bytes of the entries written.",
         number_of(counters.bytes.value())},
        {counter,
         "roster_raft_fsyncs_total",
         "Syncs of the log.",
         number_of(counters.syncs.value())},
        {counter,
         "roster_raft_commit_seconds_total",
         "Time that the group commits took, syncs included.",
         number_of(counters.write_microseconds.value()) / 1e6},
        {gauge,
         "roster_raft_disk_free_bytes",
         "Free bytes of the file system that the log is on.",
         number_of(disk_room.free())},
        {gauge,
         "roster_raft_disk_reserve_bytes",
         "Below so many free bytes, writes are refused.",
         number_of(disk_room.reserve())},
        {gauge,
         "roster_raft_disk_full",
         "1 while writes are refused because the disk is almost full.",
         disk_room.room() == Room::plenty ? 0.0 : 1.0},
        {counter,
         "roster_raft_put_off_total",
         "Messages whose entries were not taken because the disk was full.",
         number_of(replica.counters().put_off.value())},
        {counter,
         "roster_raft_refused_total",
         "Proposals refused because too much was in flight.",
         number_of(replica.counters().refused.value())},
        {counter,
         "roster_raft_snapshots_total",
         "Snapshots taken.",
         number_of(replica.counters().snapshots.value())},
        {counter,
         "roster_raft_failed_snapshots_total",
         "Snapshots given up because they could not be written.",
         number_of(replica.counters().failed_snapshots.value())},
        {counter,
         "roster_raft_installs_total",
         "Snapshots of another member put in the place of this member's log.",
         number_of(replica.counters().installs.value())},
        {counter,
         "roster_raft_failed_installs_total",
         "Snapshots of another member that could not be fetched or were of no use.",
         number_of(replica.counters().failed_installs.value())},
        {counter,
         "roster_raft_backlog_dropped_total",
         "Messages to peers dropped because too many waited for the disk.",
         number_of(replica.counters().backlog_dropped.value())},
        {counter,
         "roster_raft_suspicions_total",
         "Leaders given up at once because their link closed.",
         number_of(replica.counters().suspicions.value())},
    };
}

Node::Node(asio::io_context& io, NodeOptions options, Application application)
    : parts_(std::make_unique<Parts>(io, std::move(options), std::move(application))) {}

Node::~Node() { parts_->stop(); }

const std::optional<Founding>& Node::founding() const { return parts_->directory.founding(); }
void Node::found(const Founding& founding) {
    assert(!parts_->alive);
    try {
        parts_->directory.found(founding);
    } catch (const std::exception& failure) {
        end_process(failure.what());
    }
}
void Node::start() { parts_->start(); }
void Node::stop() { parts_->stop(); }
Result<Index> Node::propose(std::string entry) {
    return propose(std::make_shared<const std::string>(std::move(entry)));
}
Result<Index> Node::propose(std::shared_ptr<const std::string> entry) {
    if (!parts_->alive) return make_error_code(errc::not_connected);
    return parts_->replica.propose(std::move(entry));
}
bool Node::send_letter(MemberId to, std::string letter) {
    return parts_->alive && parts_->replica.send_letter(to, std::move(letter));
}
void Node::change_members(const MemberChange& change, std::function<void(Result<void>)> done) {
    parts_->replica.change_members(change, std::move(done));
}
bool Node::hand_over() { return parts_->alive && parts_->replica.hand_over(); }
bool Node::has_room() const { return parts_->replica.has_room(); }
std::vector<MemberStatus> Node::members() const { return parts_->replica.members(); }
void Node::save_snapshot(std::function<void(Result<SavedSnapshot>)> done) {
    if (!parts_->alive) return done(make_error_code(errc::resource_unavailable_try_again));
    parts_->replica.snapshot_now([this,
                                  done = std::move(done)](const Result<SnapshotMetadata>& taken) {
        if (!taken) return done(taken.error());
        const auto path = snapshot_path(parts_->directory.snapshots_path(), taken.value().index);
        try {
            done(
                SavedSnapshot{taken.value(), std::make_shared<const File>(path, File::Mode::read)});
        } catch (const std::exception& failure) {
            log().error("snapshot not saved reason={}", failure.what());
            done(make_error_code(errc::io_error));
        }
    });
}
std::size_t Node::in_flight() const { return parts_->replica.in_flight(); }
const Standing& Node::standing() const { return parts_->replica.standing(); }
MemberId Node::id() const { return parts_->directory.metadata().id(); }
Index Node::applied() const { return parts_->replica.applied(); }
Index Node::last() const { return parts_->replica.last(); }
std::vector<Metric> Node::metrics() const { return parts_->metrics(); }

}  // namespace coord
