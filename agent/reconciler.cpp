#include "agent/reconciler.hpp"

#include "agent/service.hpp"
#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"
#include "coord/proto/path.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <atomic>
#include <cassert>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <unordered_map>
#include <utility>

namespace agent {
namespace {

namespace asio = boost::asio;
using coord::Errc;

spdlog::logger& log() { return coord::logger("agent.registrar"); }

// What we know of the znode in the ensemble.
enum class Presence {
    unknown,  // read before writing
    absent,   // most likely: create at once
    ours,     // it is there, of this session, and holds `written`
};

}  // namespace

struct Reconciler::State : std::enable_shared_from_this<Reconciler::State> {
    struct Waiter {
        Waiter(asio::io_context& io, std::uint64_t wanted, std::chrono::milliseconds patience)
            : generation(wanted), timer(io, patience) {}
        std::uint64_t generation;
        asio::steady_timer timer;
        bool reached = false;
    };

    struct Entry {
        std::uint64_t generation = 0;          // grows with every change of what is wanted
        std::uint64_t settled_generation = 0;  // the newest that is in the ensemble
        Presence presence = Presence::absent;
        std::size_t written = 0;  // hash of what the znode holds; valid while it is ours
        bool queued = false;
        bool on_its_way = false;
        std::vector<std::shared_ptr<Waiter>> waiters;
    };
    using Entries = std::unordered_map<std::string, Entry>;

    State(asio::io_context& loop,
          coord::Client& of_agent,
          ReconcilerOptions limits,
          Wanted what,
          Gone told)
        : io(loop),
          client(of_agent),
          options(std::move(limits)),
          wanted(std::move(what)),
          gone(std::move(told)),
          retry(loop) {}

    void change(const std::string& path, Presence presence);
    void enqueue(Entries::value_type& entry);
    void pump();
    bool claim_first();
    coord::Task<void> reconcile(std::string path);
    void conclude(const std::string& path,
                  std::uint64_t generation,
                  std::uint64_t of_session,
                  const coord::Error& error);
    void settle(Entries::iterator entry, std::uint64_t generation);
    void retry_later(Entries::value_type& entry, const coord::Error& error);
    void compare_settled();
    void compare_all_again();

    // Each step makes the ensemble hold `content` at `path`; Errc::ok (no error) when it does.
    coord::Task<coord::Error> bring_about(const std::string& path, const std::string& content);
    coord::Task<coord::Error> create(const std::string& path, const std::string& content);
    coord::Task<coord::Error> adopt(const std::string& path, const std::string& content);
    coord::Task<coord::Error> overwrite(const std::string& path, const std::string& content);
    coord::Task<coord::Error> make_parent(const std::string& path);
    coord::Task<coord::Error> take_away(const std::string& path);
    bool
    belongs_to_another(const std::string& path, const std::string& mine, const std::string& theirs);
    void claimed();

    asio::io_context& io;
    coord::Client& client;
    ReconcilerOptions options;
    Wanted wanted;
    Gone gone;
    coord::Owner owner;
    asio::steady_timer retry;
    bool retry_armed = false;
    bool stopped = false;
    bool containers_refused = false;  // by a server before 3.5: persistent parents then
    coord::SessionId session{};
    std::uint64_t session_number = 0;  // what was begun in an earlier one proves nothing

    Entries entries;
    std::deque<std::string> queue;
    std::vector<std::string> refused;  // for the next retry
    bool claim_held = false;           // by this session; without a claim: from the start
    std::optional<Namesake> namesake;
    std::size_t in_flight = 0;

    coord::Counter writes;
    coord::Counter failures;
    coord::Counter takeovers;
    std::atomic<bool> name_taken = false;    // written here, read by metrics()
    std::atomic<std::size_t> unsettled = 0;  // written here, read by metrics()
};

// ---- what is wanted

void Reconciler::State::change(const std::string& path, Presence presence) {
    auto [entry, is_new] = entries.try_emplace(path);
    if (is_new) entry->second.presence = presence;
    if (entry->second.generation++ == entry->second.settled_generation) ++unsettled;
    enqueue(*entry);
    pump();
}

void Reconciler::State::enqueue(Entries::value_type& entry) {
    if (entry.second.queued || entry.second.on_its_way) return;
    entry.second.queued = true;
    queue.push_back(entry.first);
}

void Reconciler::State::pump() {
    if (stopped || client.state() != coord::SessionState::connected) return;
    while (in_flight < options.in_flight_max && !queue.empty()) {
        if (!claim_held && !claim_first()) return;
        auto path = std::move(queue.front());
        queue.pop_front();
        const auto entry = entries.find(path);
        if (entry == entries.end()) continue;
        entry->second.queued = false;
        entry->second.on_its_way = true;
        ++in_flight;
        coord::spawn(
            io, "reconcile", [self = shared_from_this(), path = std::move(path)]() mutable {
                return self->reconcile(std::move(path));
            });
    }
}

// Puts the claim in front of the others; false if it is not among them.
bool Reconciler::State::claim_first() {
    const auto claim = entries.find(options.claim);
    if (claim == entries.end() || !claim->second.queued) return false;
    const auto found = std::find(queue.begin(), queue.end(), options.claim);
    assert(found != queue.end());
    std::rotate(queue.begin(), found, found + 1);
    return true;
}

coord::Task<void> Reconciler::State::reconcile(std::string path) {
    const auto self = shared_from_this();
    const auto of_session = session_number;
    const auto generation = entries.at(path).generation;
    const auto content = wanted(path);
    coord::Error error;
    if (content)
        error = co_await bring_about(path, *content);
    else
        error = co_await take_away(path);
    --in_flight;
    if (stopped) co_return;
    conclude(path, generation, of_session, error);
    pump();
}

void Reconciler::State::conclude(const std::string& path,
                                 std::uint64_t generation,
                                 std::uint64_t of_session,
                                 const coord::Error& error) {
    const auto entry = entries.find(path);
    assert(entry != entries.end());
    entry->second.on_its_way = false;
    if (of_session != session_number) {
        entry->second.presence = Presence::unknown;
        return enqueue(*entry);
    }
    if (error) {
        entry->second.presence = Presence::unknown;
        return retry_later(*entry, error);
    }
    settle(entry, generation);
}

void Reconciler::State::settle(Entries::iterator entry, std::uint64_t generation) {
    auto& [path, at] = *entry;
    if (path == options.claim) claimed();
    at.settled_generation = generation;
    std::erase_if(at.waiters, [&](const auto& waiter) {
        if (waiter->generation > generation) return false;
        waiter->reached = true;
        waiter->timer.cancel();
        return true;
    });
    if (at.generation != generation) return enqueue(*entry);
    --unsettled;
    if (at.presence == Presence::ours) return;
    const auto removed = path;
    entries.erase(entry);
    gone(removed);
}

void Reconciler::State::retry_later(Entries::value_type& entry, const coord::Error& error) {
    // A broken connection is told as a session state, and what was cut off goes on with the next.
    if (error == Errc::connection_loss || error == Errc::session_expired) return enqueue(entry);
    if (!namesake) failures.add();
    refused.push_back(entry.first);
    // Who may not say who it is may serve all the same.
    if (entry.first == options.claim && !namesake) claim_held = true;
    if (std::exchange(retry_armed, true)) return;
    if (!namesake) log().warn("znode not written path={} why=\"{}\"", entry.first, error.message());
    retry.expires_after(options.retry_after);
    retry.async_wait([weak = weak_from_this()](const coord::Error& cancelled) {
        const auto self = weak.lock();
        if (cancelled || !self || self->stopped) return;
        self->retry_armed = false;
        for (const auto& path : std::exchange(self->refused, {})) {
            const auto found = self->entries.find(path);
            if (found != self->entries.end()) self->enqueue(*found);
        }
        self->pump();
    });
}

// What is on its way is compared by being written.
void Reconciler::State::compare_settled() {
    for (auto& entry : entries) {
        if (entry.second.generation != entry.second.settled_generation) continue;
        --entry.second.settled_generation;
        ++unsettled;
        entry.second.presence = Presence::unknown;
        enqueue(entry);
    }
}

// A new session owns nothing yet; what an earlier one owned may still be there.
void Reconciler::State::compare_all_again() {
    ++session_number;
    claim_held = options.claim.empty();
    compare_settled();
    for (auto& entry : entries) {
        entry.second.presence = Presence::unknown;
        enqueue(entry);
    }
}

// ---- one path

coord::Task<coord::Error> Reconciler::State::bring_about(const std::string& path,
                                                         const std::string& content) {
    auto& entry = entries.at(path);  // It stays until it is settled.
    const auto hash = std::hash<std::string>{}(content);
    if (entry.presence == Presence::ours && entry.written == hash) co_return coord::Error{};
    coord::Error error;
    switch (entry.presence) {
        case Presence::unknown: error = co_await adopt(path, content); break;
        case Presence::absent: error = co_await create(path, content); break;
        case Presence::ours: error = co_await overwrite(path, content); break;
    }
    if (!error) {
        entry.presence = Presence::ours;
        entry.written = hash;
    }
    co_return error;
}

coord::Task<coord::Error> Reconciler::State::create(const std::string& path,
                                                    const std::string& content) {
    constexpr int attempts = 5;  // A container may go between its making and its first child.
    coord::Error error;
    for (int i = 0; i < attempts; ++i) {
        const auto made = co_await client.create(path, content, coord::CreateMode::ephemeral);
        if (made) {
            writes.add();
            co_return coord::Error{};
        }
        error = made.error();
        if (error == Errc::node_exists) co_return co_await adopt(path, content);
        if (error != Errc::no_node) co_return error;
        error = co_await make_parent(path);
        if (error) co_return error;
    }
    co_return error;
}

// Somebody may have made it already: this session before the connection broke or the agent
// started anew, or a session of this agent that has ended for us but not yet for the ensemble.
coord::Task<coord::Error> Reconciler::State::adopt(const std::string& path,
                                                   const std::string& content) {
    constexpr int attempts = 5;  // It may expire, or be taken away, between two steps.
    coord::Error error = Errc::runtime_inconsistency;
    for (int i = 0; i < attempts; ++i) {
        const auto found = co_await client.get_data(path);
        if (!found && found.error() != Errc::no_node) co_return found.error();
        if (found && found->stat.ephemeral_owner == client.session().id) {
            if (found->data == content) co_return coord::Error{};
            co_return co_await overwrite(path, content);
        }
        if (found) {
            if (belongs_to_another(path, content, found->data)) co_return Errc::node_exists;
            takeovers.add();
            const auto removed = co_await client.remove(path, found->stat.version);
            if (!removed && removed.error() == Errc::bad_version) continue;
            if (!removed && removed.error() != Errc::no_node) co_return removed.error();
        }
        const auto made = co_await client.create(path, content, coord::CreateMode::ephemeral);
        if (made) writes.add();
        if (made) co_return coord::Error{};
        error = made.error();
        if (error == Errc::no_node) {
            if (const auto failed = co_await make_parent(path)) co_return failed;
        } else if (error != Errc::node_exists) {
            co_return error;
        }
    }
    co_return error;
}

coord::Task<coord::Error> Reconciler::State::overwrite(const std::string& path,
                                                       const std::string& content) {
    const auto set = co_await client.set_data(path, content);
    if (set) {
        writes.add();
        co_return coord::Error{};
    }
    // Somebody took it away: it is ours to have.
    if (set.error() == Errc::no_node) co_return co_await create(path, content);
    co_return set.error();
}

// A service's parent is a container: it goes by itself some time after its last instance.
coord::Task<coord::Error> Reconciler::State::make_parent(const std::string& path) {
    const std::string parent(coord::parent_path(path));
    if (coord::parent_path(parent) != services_root) {
        const auto made = co_await client.ensure_path(parent);
        co_return made ? coord::Error{} : made.error();
    }
    const auto mode =
        containers_refused ? coord::CreateMode::persistent : coord::CreateMode::container;
    const auto made = co_await client.create(parent, "", mode);
    if (made || made.error() == Errc::node_exists) co_return coord::Error{};
    if (made.error() == Errc::unimplemented && !std::exchange(containers_refused, true))
        co_return co_await make_parent(path);
    if (made.error() != Errc::no_node) co_return made.error();
    const auto root = co_await client.ensure_path(std::string(services_root));
    if (!root) co_return root.error();
    co_return co_await make_parent(path);
}

coord::Task<coord::Error> Reconciler::State::take_away(const std::string& path) {
    auto& entry = entries.at(path);
    if (entry.presence != Presence::absent) {
        const auto removed = co_await client.remove(path);
        if (!removed && removed.error() != Errc::no_node) co_return removed.error();
        if (removed) writes.add();
    }
    entry.presence = Presence::absent;
    co_return coord::Error{};
}

// An agent whose data directory was lost has a new id: it waits, too, until the session that it
// forgot has ended. One that keeps its id is the same agent, and need not wait.
bool Reconciler::State::belongs_to_another(const std::string& path,
                                           const std::string& mine,
                                           const std::string& theirs) {
    if (path != options.claim) return false;
    const auto own = decode_node(mine);
    const auto other = decode_node(theirs);
    if (!own.value || !other.value || own.value->id == other.value->id) return false;
    if (!namesake || namesake->id != other.value->id) {
        log().error("another agent has this node's name: nothing is registered until its session "
                    "ends node={} its_address={} its_id={}",
                    other.value->name,
                    other.value->address,
                    other.value->id);
    }
    namesake = Namesake{other.value->id, other.value->address};
    name_taken = true;
    return true;
}

void Reconciler::State::claimed() {
    claim_held = true;
    if (!namesake) return;
    log().info(
        "the node's name is free: registering path={} was_of={}", options.claim, namesake->address);
    namesake.reset();
    name_taken = false;
}

// ---- the face

Reconciler::Reconciler(asio::io_context& io,
                       coord::Client& client,
                       ReconcilerOptions options,
                       Wanted wanted,
                       Gone gone)
    : state_(std::make_shared<State>(
          io, client, std::move(options), std::move(wanted), std::move(gone))) {
    state_->claim_held = state_->options.claim.empty();
}

Reconciler::~Reconciler() { stop(); }

void Reconciler::changed(const std::string& path) {
    assert(state_->owner.here());
    state_->change(path, Presence::absent);
}

void Reconciler::compare() {
    assert(state_->owner.here());
    state_->compare_settled();
    state_->pump();
}

void Reconciler::restored(const std::string& path) { state_->change(path, Presence::unknown); }

coord::Task<bool> Reconciler::reached(std::string path, std::chrono::milliseconds patience) {
    const auto state = state_;
    const auto entry = state->entries.find(path);
    if (entry == state->entries.end()) co_return true;
    auto& at = entry->second;
    if (at.generation == at.settled_generation) co_return true;
    const auto waiter = std::make_shared<State::Waiter>(state->io, at.generation, patience);
    at.waiters.push_back(waiter);
    co_await waiter->timer.async_wait(coord::use_tuple);
    if (!waiter->reached) {
        const auto still = state->entries.find(path);
        if (still != state->entries.end()) std::erase(still->second.waiters, waiter);
    }
    co_return waiter->reached;
}

void Reconciler::on_session_state(coord::SessionState session_state) {
    auto& state = *state_;
    assert(state.owner.here());
    if (session_state == coord::SessionState::expired) {
        state.session = {};
        state.compare_all_again();
    }
    if (session_state != coord::SessionState::connected) return;
    const auto now = state.client.session().id;
    if (state.session != now && state.session != coord::SessionId{}) state.compare_all_again();
    state.session = now;
    state.pump();
}

void Reconciler::stop() {
    auto& state = *state_;
    state.stopped = true;
    state.retry.cancel();
    for (auto& [path, entry] : state.entries) {
        for (const auto& waiter : entry.waiters) waiter->timer.cancel();
    }
}

bool Reconciler::settled() const { return state_->unsettled == 0; }

const std::optional<Namesake>& Reconciler::namesake() const { return state_->namesake; }

std::vector<coord::Metric> Reconciler::metrics() const {
    using enum coord::MetricKind;
    const auto& s = *state_;
    return {
        {gauge,
         "roster_registrar_unsettled",
         "Znodes of this agent that are not yet as they shall be.",
         static_cast<double>(s.unsettled.load())},
        {gauge,
         "roster_registrar_name_taken",
         "1 while another agent has this node's name, and nothing is registered.",
         s.name_taken ? 1.0 : 0.0},
        {counter,
         "roster_registrar_writes_total",
         "Znodes created, changed and removed.",
         static_cast<double>(s.writes.value())},
        {counter,
         "roster_registrar_refused_total",
         "Writes that the ensemble refused; they are tried again.",
         static_cast<double>(s.failures.value())},
        {counter,
         "roster_registrar_takeovers_total",
         "Znodes replaced that an earlier session of this agent had left.",
         static_cast<double>(s.takeovers.value())},
    };
}

}  // namespace agent
