#include "coord/recipe/tree_cache.hpp"

#include "coord/base/log.hpp"
#include "coord/proto/path.hpp"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <deque>
#include <list>
#include <unordered_set>
#include <utility>
#include <vector>

// Why nothing is lost. The recursive watch is set before the first listing, so every change after
// the listing comes as an event of its own: of a created znode the children need not be listed,
// for they were created after it and under the watch. Events come before any reply that could
// reflect them; so when all paths whose events came before a reply have been read after it, the
// cache has told everything up to that reply's zxid. A round is one such step: it takes the paths
// that are dirty, reads them, and tells. Paths that get dirty meanwhile are the next round's.

namespace coord {
namespace {

namespace asio = boost::asio;

constexpr std::size_t batch_paths_max = 128;  // in one multiRead
constexpr std::size_t batches_in_flight_max = 8;
constexpr std::chrono::seconds retry_after{1};

spdlog::logger& log() { return logger("coord.recipe"); }

}  // namespace

struct TreeCache::State : std::enable_shared_from_this<TreeCache::State> {
    struct Known {
        Zxid czxid{};
        Zxid mzxid{};
        std::uint64_t seen = 0;  // the full read that saw it last
    };
    struct Waiter {
        Waiter(asio::io_context& io, Zxid wanted, std::chrono::milliseconds patience)
            : zxid(wanted), timer(io, patience) {}
        Zxid zxid;
        asio::steady_timer timer;
        bool reached = false;
    };

    State(Client& owner,
          std::string path,
          std::size_t levels,
          TreeCacheCallbacks functions,
          Removals dating)
        : client(owner),
          root(std::move(path)),
          depth(levels),
          callbacks(std::move(functions)),
          removals(dating),
          retry(owner.io()) {}

    void start();
    void stop();
    Task<Result<void>> reached(Zxid zxid, std::chrono::milliseconds patience);

    void on_state(SessionState state);
    void on_event(const WatcherEvent& event);

    // Rounds.
    void begin_soon();
    void begin();
    Task<void> begin_full(std::uint64_t mine);
    void pump();
    Task<void> read_data(std::uint64_t mine, std::vector<std::string> paths);
    Task<void> list(std::uint64_t mine, std::vector<std::string> paths);
    void end();
    void drop_round();
    void give_up(const Error& error);
    void ask_for_less() { batch_paths = std::max<std::size_t>(1, batch_paths / 2); }
    [[nodiscard]] bool current(std::uint64_t mine) const { return mine == epoch && !stopped; }

    // What a read found.
    void take(const std::string& path, Result<ZnodeData> found, Zxid zxid);
    void take_children(const std::string& path, const std::vector<std::string>& names);
    void note(Zxid zxid) { changed_at = std::max(changed_at, zxid); }
    void sweep();

    Task<void> catch_up();
    void told_up_to(Zxid zxid);

    [[nodiscard]] std::size_t level(std::string_view path) const;
    [[nodiscard]] bool idle() const { return connected && !in_round && !full_due && dirty.empty(); }

    Client& client;
    std::string root;
    std::size_t depth;
    TreeCacheCallbacks callbacks;
    Removals removals;

    bool connected = false;
    bool stopped = false;
    bool synced = false;
    std::map<std::string, Known, std::less<>> known;

    std::uint64_t epoch = 0;  // what was begun in another one is void
    bool begin_posted = false;
    bool in_round = false;
    bool full = false;  // this round is a full read
    bool full_due = true;
    std::uint64_t full_reads = 0;
    Zxid begun_at{};
    Zxid told{};
    Zxid changed_at{};
    std::size_t batch_paths = batch_paths_max;
    std::size_t in_flight = 0;  // batches
    std::deque<std::string> to_read;
    std::deque<std::string> to_list;
    std::deque<std::string> dirty;
    std::unordered_set<std::string> dirty_set;
    std::unordered_set<std::string> bereaved;  // of a child: its parent's stat says when
    asio::steady_timer retry;
    std::list<std::shared_ptr<Waiter>> waiters;
};

void TreeCache::State::start() {
    client.on_state([weak = weak_from_this()](SessionState state) {
        if (const auto self = weak.lock()) self->on_state(state);
    });
    client.on_event([weak = weak_from_this()](const WatcherEvent& event) {
        if (const auto self = weak.lock()) self->on_event(event);
    });
    if (client.state() == SessionState::connected) on_state(SessionState::connected);
}

void TreeCache::State::stop() {
    stopped = true;
    retry.cancel();
    for (const auto& waiter : waiters) waiter->timer.cancel();
}

void TreeCache::State::on_state(SessionState state) {
    if (stopped) return;
    connected = state == SessionState::connected;
    // The reply may have been larger than the client or the server allows: ask for less.
    if (in_round) ask_for_less();
    drop_round();
    if (connected) begin_soon();
}

void TreeCache::State::on_event(const WatcherEvent& event) {
    if (stopped) return;
    const bool removed = event.type == EventType::node_deleted;
    if (event.path == root && removed) {
        full_due = true;
        return begin_soon();
    }
    if (!removed && event.type != EventType::node_created &&
        event.type != EventType::node_data_changed) {
        return;
    }
    const auto at = level(event.path);
    if (at == 0 || at > depth) return;
    if (dirty_set.insert(event.path).second) dirty.push_back(event.path);
    if (removed && removals == Removals::dated) bereaved.emplace(parent_path(event.path));
    begin_soon();
}

// 1 for the root's children; 0 for the root, and for what is not below it.
std::size_t TreeCache::State::level(std::string_view path) const {
    if (root != "/") {
        if (!path.starts_with(root)) return 0;
        path.remove_prefix(root.size());
    }
    if (path.size() < 2 || path.front() != '/') return 0;
    return static_cast<std::size_t>(std::count(path.begin(), path.end(), '/'));
}

// ---- rounds

// At the end of this turn of the event loop: the events of one multi make one round.
void TreeCache::State::begin_soon() {
    if (begin_posted || in_round || !connected) return;
    begin_posted = true;
    asio::post(client.io(), [self = shared_from_this()] {
        self->begin_posted = false;
        if (!self->stopped) self->begin();
    });
}

void TreeCache::State::begin() {
    if (in_round || !connected || idle()) return;
    in_round = true;
    full = std::exchange(full_due, false);
    begun_at = client.last_zxid();
    to_read = std::exchange(dirty, {});
    for (const auto& path : std::exchange(bereaved, {})) {
        if (!dirty_set.contains(path)) to_read.push_back(path);
    }
    dirty_set.clear();
    if (!full) return pump();
    to_read.clear();  // The full read comes across them.
    ++full_reads;
    spawn(client.io(), "tree_cache", [self = shared_from_this(), mine = epoch] {
        return self->begin_full(mine);
    });
}

Task<void> TreeCache::State::begin_full(std::uint64_t mine) {
    const auto self = shared_from_this();
    const auto watched = co_await client.add_watch(root, WatchMode::persistent_recursive);
    if (!current(mine)) co_return;
    if (!watched) co_return give_up(watched.error());
    while (true) {
        const auto children = co_await client.get_children(root);
        if (!current(mine)) co_return;
        if (children) {
            note(children->stat.pzxid);
            take_children(root, children->names);
            co_return pump();
        }
        if (children.error() != Errc::no_node) co_return give_up(children.error());
        const auto made = co_await client.ensure_path(root);
        if (!current(mine)) co_return;
        if (!made) co_return give_up(made.error());
    }
}

// Keeps a few batches on the way. Parents are read before their children are listed.
void TreeCache::State::pump() {
    while (in_flight < batches_in_flight_max && !(to_read.empty() && to_list.empty())) {
        const bool reads = !to_read.empty();
        auto& queue = reads ? to_read : to_list;
        const auto size = std::min(batch_paths, queue.size());
        const auto last = queue.begin() + static_cast<std::ptrdiff_t>(size);
        std::vector<std::string> paths(std::move_iterator(queue.begin()), std::move_iterator(last));
        queue.erase(queue.begin(), last);
        ++in_flight;
        spawn(client.io(),
              "tree_cache",
              [self = shared_from_this(), reads, mine = epoch, paths = std::move(paths)]() mutable {
                  return reads ? self->read_data(mine, std::move(paths))
                               : self->list(mine, std::move(paths));
              });
    }
    if (in_flight == 0) end();
}

Task<void> TreeCache::State::read_data(std::uint64_t mine, std::vector<std::string> paths) {
    const auto self = shared_from_this();
    if (!current(mine)) co_return;
    auto found = co_await client.get_data_of(paths);
    if (!current(mine)) co_return;
    if (!found) co_return give_up(found.error());
    --in_flight;
    const auto zxid = client.last_zxid();
    for (std::size_t i = 0; i < paths.size(); ++i) {
        take(paths[i], std::move((*found)[i]), zxid);
        if (!current(mine)) co_return;
    }
    pump();
}

Task<void> TreeCache::State::list(std::uint64_t mine, std::vector<std::string> paths) {
    const auto self = shared_from_this();
    if (!current(mine)) co_return;
    const auto found = co_await client.get_children_of(paths);
    if (!current(mine)) co_return;
    if (!found) co_return give_up(found.error());
    --in_flight;
    for (std::size_t i = 0; i < paths.size(); ++i) {
        const auto& names = (*found)[i];
        // One that is gone by now had its children removed first: there is nothing to list.
        if (names) take_children(paths[i], *names);
    }
    pump();
}

void TreeCache::State::end() {
    if (full) sweep();
    if (stopped) return;
    batch_paths = std::min(batch_paths * 2, batch_paths_max);
    synced = synced || full;
    in_round = false;
    // With events pending, only what was dirty when the round began has surely been told.
    told = std::max(told, idle() ? client.last_zxid() : begun_at);
    if (callbacks.settled) callbacks.settled(told, synced);
    if (stopped) return;
    told_up_to(told);
    if (!idle()) begin_soon();
}

// Whatever was begun is void: all of it is read again.
void TreeCache::State::drop_round() {
    ++epoch;
    in_round = false;
    full_due = true;
    in_flight = 0;
    to_read.clear();
    to_list.clear();
    dirty.clear();
    dirty_set.clear();
    bereaved.clear();
}

void TreeCache::State::give_up(const Error& error) {
    drop_round();
    if (!connected) return;
    if (error == Errc::throttled_op && batch_paths > 1) {
        ask_for_less();
        return begin_soon();
    }
    log().warn("tree cannot be read root={} error={}", root, error.message());
    retry.expires_after(retry_after);
    retry.async_wait([weak = weak_from_this()](const Error& cancelled) {
        const auto self = weak.lock();
        if (self && !cancelled && !self->stopped) self->begin_soon();
    });
}

// ---- what a read found

void TreeCache::State::take(const std::string& path, Result<ZnodeData> found, Zxid zxid) {
    if (path == root) {
        if (found) note(found->stat.pzxid);
        return;
    }
    const auto before = known.find(path);
    if (!found) {
        // Unreadable (no_auth) is gone for us, as it is for who asks.
        if (before == known.end()) return;
        known.erase(before);
        if (callbacks.removed) callbacks.removed(path, zxid);
        return;
    }
    const auto& stat = found->stat;
    note(level(path) < depth ? std::max(stat.mzxid, stat.pzxid) : stat.mzxid);
    if (full && level(path) < depth && stat.num_children > 0) to_list.push_back(path);
    const bool news = before == known.end() || before->second.czxid != stat.czxid ||
                      before->second.mzxid != stat.mzxid;
    known[path] = {stat.czxid, stat.mzxid, full_reads};
    if (news && callbacks.put) callbacks.put({path, std::move(found->data), stat});
}

void TreeCache::State::take_children(const std::string& path,
                                     const std::vector<std::string>& names) {
    for (const auto& name : names) to_read.push_back((path == "/" ? "" : path) + "/" + name);
}

// What a full read did not come across is gone: children are told before their parents.
void TreeCache::State::sweep() {
    std::vector<std::string> gone;
    for (const auto& [path, znode] : known) {
        if (znode.seen != full_reads) gone.push_back(path);
    }
    const auto zxid = client.last_zxid();
    for (auto path = gone.rbegin(); path != gone.rend() && !stopped; ++path) {
        known.erase(*path);
        if (callbacks.removed) callbacks.removed(*path, zxid);
    }
}

// ---- read your writes

Task<Result<void>> TreeCache::State::reached(Zxid zxid, std::chrono::milliseconds patience) {
    const auto self = shared_from_this();
    if (idle()) told = std::max(told, client.last_zxid());
    if (told >= zxid) co_return Result<void>();
    const auto waiter = std::make_shared<Waiter>(client.io(), zxid, patience);
    waiters.push_back(waiter);
    // Somebody else's write: our server may not have it yet, or no event may tell of it.
    if (client.last_zxid() < zxid) {
        spawn(client.io(), "tree_cache", [self] { return self->catch_up(); });
    }
    co_await waiter->timer.async_wait(use_tuple);
    waiters.remove(waiter);
    if (!waiter->reached) co_return Errc::operation_timeout;
    co_return Result<void>();
}

Task<void> TreeCache::State::catch_up() {
    const auto self = shared_from_this();
    if (stopped) co_return;
    const auto synced_up = co_await client.sync(root);
    if (stopped || !synced_up || !idle()) co_return;
    told = std::max(told, client.last_zxid());
    told_up_to(told);
}

void TreeCache::State::told_up_to(Zxid zxid) {
    for (const auto& waiter : waiters) {
        if (waiter->zxid > zxid) continue;
        waiter->reached = true;
        waiter->timer.cancel();
    }
}

// ---- the face

TreeCache::TreeCache(Client& client,
                     std::string root,
                     std::size_t depth,
                     TreeCacheCallbacks callbacks,
                     Removals removals)
    : state_(
          std::make_shared<State>(client, std::move(root), depth, std::move(callbacks), removals)) {
}

TreeCache::~TreeCache() { stop(); }
void TreeCache::start() { state_->start(); }
void TreeCache::stop() { state_->stop(); }
bool TreeCache::synced() const { return state_->synced; }
bool TreeCache::idle() const { return state_->idle(); }
Zxid TreeCache::changed_at() const { return state_->changed_at; }
std::size_t TreeCache::size() const { return state_->known.size(); }

Task<Result<void>> TreeCache::reached(Zxid zxid, std::chrono::milliseconds patience) {
    return state_->reached(zxid, patience);
}

}  // namespace coord
