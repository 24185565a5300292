#include "coord/raft/node.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/bell.hpp"
#include "coord/raft/data_directory.hpp"
#include "coord/raft/fatal.hpp"
#include "coord/raft/log_writer.hpp"
#include "coord/raft/snapshot_taker.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <array>
#include <atomic>
#include <cassert>
#include <deque>
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

// Written on coord, read by metrics() on any thread.
struct Published {
    std::atomic<std::uint64_t> term{0};
    std::atomic<std::uint64_t> applied{0};
    std::atomic<std::uint64_t> in_flight{0};
    std::atomic<std::uint64_t> log_bytes{0};
    std::atomic<bool> is_leader{false};
    Counter snapshots;
    Counter failed_snapshots;
    Counter refused;
};

struct Proposed {
    Index index{};
    std::size_t bytes = 0;
};

}  // namespace

struct Node::Parts {
    Parts(asio::io_context& io_context, NodeOptions node_options, Application node_application);

    void start();
    void stop();
    Result<Index> propose(std::string entry);
    [[nodiscard]] std::vector<Metric> metrics() const;

    asio::io_context& io;
    const NodeOptions options;
    const Application application;
    DataDirectory directory;
    Published published;
    LogCounters counters;
    Driver driver;
    Role role = Role::follower;  // as the application was told
    std::deque<Proposed> in_flight;

private:
    template <class Call>
    void post(Call call);
    void take_part();
    void entries_written();
    void carry_out(Effects& effects);
    void deliver(const Committed& committed);
    void change_role(const RoleChange& change);
    void forget_in_flight_to(Index index);
    void rearm();
    void expired();
    void maybe_snapshot();
    void snapshot_done(const SnapshotMetadata& taken, bool good);

    asio::steady_timer timer_;
    Driver::Time armed_{-1};
    std::size_t in_flight_bytes_ = 0;
    std::uint64_t bytes_since_snapshot_;
    bool delivering_ = false;
    // What is posted to `io` holds it weakly: after stop() it finds it gone.
    std::shared_ptr<Parts*> alive_;
    std::optional<SnapshotTaker> snapshots_;
    std::atomic<std::uint64_t> written_{0};  // by the log thread: the newest append on disk
    std::optional<Bell> bell_;               // rung by it
    std::optional<LogWriter> writer_;
};

Node::Parts::Parts(asio::io_context& io_context,
                   NodeOptions node_options,
                   Application node_application)
    : io(io_context),
      options(std::move(node_options)),
      application(std::move(node_application)),
      directory(options.data_dir, options.address, options.segment_bytes),
      driver({.id = directory.metadata().id(),
              .address = options.address,
              .heartbeat = options.heartbeat,
              .election_timeout = options.election_timeout,
              .seed = std::random_device{}()}),
      timer_(io),
      bytes_since_snapshot_(directory.bytes_since_snapshot()) {}

void Node::Parts::start() {
    assert(!alive_);
    if (auto& snapshot = directory.snapshot()) {
        const auto result =
            application.restore([&](std::string& chunk) { return snapshot->next(chunk); });
        if (!result) {
            throw std::runtime_error("the snapshot of entry " +
                                     std::to_string(number(snapshot->metadata().index)) + " in " +
                                     directory.snapshots_path().string() +
                                     " cannot be restored: " + result.error().message() +
                                     ". Nothing was changed. Run the version that wrote it, or "
                                     "restore the data directory from a backup");
        }
        published.applied = number(snapshot->metadata().index);
        snapshot.reset();
    }
    alive_ = std::make_shared<Parts*>(this);
    snapshots_.emplace(io, directory.snapshots_path(), options.snapshot_slice);
    const auto prepare_spare = [this] {
        snapshots_->prepare_spare(directory.log_path(), options.segment_bytes);
    };
    bell_.emplace(io, [this] { entries_written(); });
    const auto written = [this](std::uint64_t sequence) {
        written_.store(sequence, std::memory_order_release);
        bell_->ring();
    };
    writer_.emplace(
        std::move(directory.log()), counters, LogWriter::Listener{written, prepare_spare});
    prepare_spare();
    post([](Parts& self) { self.take_part(); });
}

void Node::Parts::take_part() {
    Effects effects;
    driver.start(now(), std::move(directory.restored()), effects);
    carry_out(effects);
}

void Node::Parts::entries_written() {
    Effects effects;
    driver.persisted(now(), written_.load(std::memory_order_acquire), effects);
    carry_out(effects);
}

void Node::Parts::stop() {
    if (!alive_) return;
    writer_->stop();
    bell_.reset();
    snapshots_->stop();
    timer_.cancel();
    alive_.reset();
    directory.unlock();
}

template <class Call>
void Node::Parts::post(Call call) {
    asio::post(io, [weak = std::weak_ptr(alive_), call = std::move(call)] {
        if (const auto self = weak.lock()) call(**self);
    });
}

Result<Index> Node::Parts::propose(std::string entry) {
    if (!alive_ || role != Role::leader) return make_error_code(errc::not_connected);
    const auto bytes = entry.size();
    if (bytes > options.entry_bytes_max) return make_error_code(errc::message_size);
    if (in_flight.size() >= options.in_flight_entries_max ||
        in_flight_bytes_ + bytes > options.in_flight_bytes_max) {
        published.refused.add();
        return make_error_code(errc::no_buffer_space);
    }
    Effects effects;
    const auto index = driver.propose(now(), EntryType::command, std::move(entry), effects);
    if (!index) return index;
    assert(effects.committed.empty() && effects.roles.empty());  // never a callback from in here
    in_flight.push_back({*index, bytes});
    in_flight_bytes_ += bytes;
    carry_out(effects);
    return index;
}

// The order is the rule: term and vote are on disk before anyone can hear of them.
void Node::Parts::carry_out(Effects& effects) {
    if (effects.vote) {
        try {
            directory.metadata().save(*effects.vote);
        } catch (const std::exception& failure) {
            end_process(failure.what());
        }
        published.term = number(effects.vote->term);
    }
    for (auto& append : effects.appends) {
        for (const auto& entry : append.entries) bytes_since_snapshot_ += record_size(entry);
        writer_->append(std::move(append));
    }
    assert(effects.messages.empty() && !effects.install);  // a cluster of one has no peers
    for (const auto& committed : effects.committed) deliver(committed);
    for (const auto& change : effects.roles) change_role(change);
    published.in_flight = in_flight.size();
    published.log_bytes = bytes_since_snapshot_;
    maybe_snapshot();
    rearm();
}

void Node::Parts::deliver(const Committed& committed) {
    forget_in_flight_to(committed.index);
    if (committed.entry.type == EntryType::command) {
        // The application may propose from in here.
        delivering_ = true;
        application.apply(committed.index, committed.entry.term, committed.entry.view());
        delivering_ = false;
    }
    published.applied = number(committed.index);
}

void Node::Parts::change_role(const RoleChange& change) {
    static constexpr std::array names{"follower", "candidate", "leader"};
    role = change.role;
    published.is_leader = role == Role::leader;
    if (role != Role::leader) {
        in_flight.clear();
        in_flight_bytes_ = 0;
    }
    log().info("role changed role={} term={}",
               names.at(static_cast<std::size_t>(role)),
               number(change.term));
    application.role_changed(role, change.term);
}

void Node::Parts::forget_in_flight_to(Index index) {
    while (!in_flight.empty() && in_flight.front().index <= index) {
        in_flight_bytes_ -= in_flight.front().bytes;
        in_flight.pop_front();
    }
}

void Node::Parts::rearm() {
    if (!alive_ || driver.deadline() == armed_) return;
    armed_ = driver.deadline();
    timer_.expires_at(std::chrono::steady_clock::time_point(armed_));
    timer_.async_wait([weak = std::weak_ptr(alive_)](const boost::system::error_code& error) {
        const auto self = weak.lock();
        if (!error && self) (*self)->expired();
    });
}

void Node::Parts::expired() {
    armed_ = Driver::Time{-1};
    Effects effects;
    driver.timeout(now(), effects);
    carry_out(effects);
}

void Node::Parts::maybe_snapshot() {
    // While entries are handed out, the driver is ahead of the application.
    if (delivering_ || !alive_ || snapshots_->is_taking()) return;
    if (bytes_since_snapshot_ < options.snapshot_log_bytes) return;
    const auto point = driver.snapshot_point();
    if (!point) return;
    log().debug("snapshot cut index={} log_bytes={}", number(point->index), bytes_since_snapshot_);
    // What is appended from here on counts for the next one, also if this one fails: a full disk is
    // not tried again and again.
    bytes_since_snapshot_ = 0;
    snapshots_->take(*point, application.cut_snapshot(), [this, point = *point](bool good) {
        snapshot_done(point, good);
    });
}

void Node::Parts::snapshot_done(const SnapshotMetadata& taken, bool good) {
    if (!good) {
        published.failed_snapshots.add();
        return;
    }
    published.snapshots.add();
    Effects effects;
    writer_->discard_through(driver.snapshot_taken(now(), taken, effects));
    log().info("snapshot taken index={}", number(taken.index));
    carry_out(effects);
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
        {counter,
         "roster_raft_refused_total",
         "Proposals refused because too much was in flight.",
         number_of(published.refused.value())},
        {counter,
         "roster_raft_snapshots_total",
         "Snapshots taken.",
         number_of(published.snapshots.value())},
        {counter,
         "roster_raft_failed_snapshots_total",
         "Snapshots given up because they could not be written.",
         number_of(published.failed_snapshots.value())},
    };
}

Node::Node(asio::io_context& io, NodeOptions options, Application application)
    : parts_(std::make_unique<Parts>(io, std::move(options), std::move(application))) {}

Node::~Node() { parts_->stop(); }

void Node::start() { parts_->start(); }
void Node::stop() { parts_->stop(); }
Result<Index> Node::propose(std::string entry) { return parts_->propose(std::move(entry)); }
std::size_t Node::in_flight() const { return parts_->in_flight.size(); }
Role Node::role() const { return parts_->role; }
Term Node::term() const { return Term{parts_->published.term.load()}; }
std::uint64_t Node::id() const { return number(parts_->directory.metadata().id()); }
Index Node::applied() const { return Index{parts_->published.applied.load()}; }
std::vector<Metric> Node::metrics() const { return parts_->metrics(); }

}  // namespace coord
