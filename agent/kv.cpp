#include "agent/kv.hpp"

#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"
#include "coord/proto/path.hpp"
#include "coord/recipe/tree_cache.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <limits>
#include <map>
#include <set>
#include <utility>

namespace agent {
namespace {

using coord::Errc;
using coord::Result;

constexpr char format_version = 1;
constexpr std::size_t header_bytes = 1 + 8 + 8 + 2;  // version, flags, lock index, session's length
constexpr std::size_t removed_at_once = 128;
constexpr int attempts_max = 20;  // against others who write the same key
constexpr std::chrono::seconds view_patience{5};

spdlog::logger& log() { return coord::logger("agent.kv"); }

CatalogIndex to_index(coord::Zxid zxid) {
    return CatalogIndex{static_cast<std::uint64_t>(static_cast<std::int64_t>(zxid))};
}

template <class Number>
void append_big_endian(std::string& out, Number number) {
    const std::uint64_t bits = number;
    for (auto shift = std::numeric_limits<Number>::digits; shift > 0; shift -= 8)
        out += static_cast<char>((bits >> static_cast<unsigned>(shift - 8)) & 0xFFU);
}

template <class Number>
Number take_big_endian(std::string_view& in) {
    std::uint64_t number = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i)
        number = number << 8U | static_cast<unsigned char>(in[i]);
    in.remove_prefix(sizeof(Number));
    return static_cast<Number>(number);
}

// Spelt out, for an error code converts to bool as well.
Result<bool> failed(const coord::Error& error) { return {boost::system::in_place_error, error}; }

std::string path_of(std::string_view key) {
    return std::string(kv_root) + '/' + escape_component(key);
}

bool is_valid_key(const std::string& key) { return !key.empty() && key.size() <= kv_key_bytes_max; }

}  // namespace

std::string encode(const KvEntry& entry) {
    assert(entry.session.size() <= std::numeric_limits<std::uint16_t>::max());
    std::string out;
    out.reserve(header_bytes + entry.session.size() + entry.value.size());
    out += format_version;
    append_big_endian(out, entry.flags);
    append_big_endian(out, entry.lock_index);
    append_big_endian(out, static_cast<std::uint16_t>(entry.session.size()));
    out += entry.session;
    out += entry.value;
    return out;
}

Parsed<KvEntry> decode_kv(std::string_view znode) {
    if (znode.size() < header_bytes || znode.front() != format_version)
        return {std::nullopt, "not an entry of the key-value store"};
    znode.remove_prefix(1);
    KvEntry entry;
    entry.flags = take_big_endian<std::uint64_t>(znode);
    entry.lock_index = take_big_endian<std::uint64_t>(znode);
    const std::size_t session_bytes = take_big_endian<std::uint16_t>(znode);
    if (znode.size() < session_bytes) return {std::nullopt, "its session is cut short"};
    entry.session = znode.substr(0, session_bytes);
    entry.value = znode.substr(session_bytes);
    return {std::move(entry), {}};
}

struct KvStore::State {
    struct Held {
        std::shared_ptr<const KvEntry> entry;
        std::int32_t version = 0;  // of the znode
    };

    explicit State(coord::Client& of_agent)
        : client(of_agent),
          cache(client,
                std::string(kv_root),
                1,
                {.put = [this](const auto& znode) { put(znode); },
                 .removed = [this](auto path, auto) { removed(path); },
                 .settled = [this](auto zxid, bool synced) { settled(zxid, synced); }}) {}

    void put(const coord::CachedZnode& znode);
    void removed(std::string_view path);
    void settled(coord::Zxid zxid, bool synced);
    [[nodiscard]] const Held* find(const std::string& key) const;

    coord::Task<Result<coord::Zxid>> write(const std::string& key, KvEntry entry);
    coord::Task<Result<coord::Zxid>> create(const std::string& key, std::string content);
    coord::Task<Result<std::optional<std::int32_t>>> version_at(const std::string& key,
                                                                std::uint64_t index);
    coord::Task<Result<bool>> seen(coord::Zxid zxid);
    coord::Task<Result<void>> remove_all(std::vector<std::string> paths);

    coord::Client& client;
    coord::TreeCache cache;
    coord::Owner owner;
    std::vector<KvSubscriber> subscribers;
    std::map<std::string, Held> entries;
    std::set<std::string> touched;  // keys, since the last publication
    bool published = false;
    coord::Counter malformed;
    std::atomic<std::size_t> size = 0;  // written here, read by metrics()
};

// ---- what the watch tells

void KvStore::State::put(const coord::CachedZnode& znode) {
    auto read = decode_kv(znode.data);
    if (!read.value) {
        malformed.add();
        log().warn("znode skipped path={} why=\"{}\"", znode.path, read.error);
        return removed(znode.path);
    }
    read.value->key = unescape_component(coord::node_name(znode.path));
    read.value->create_index = to_index(znode.stat.czxid);
    read.value->modify_index = to_index(znode.stat.mzxid);
    auto entry = std::make_shared<const KvEntry>(std::move(*read.value));
    touched.insert(entry->key);
    const auto key = entry->key;
    entries[key] = {std::move(entry), znode.stat.version};
}

void KvStore::State::removed(std::string_view path) {
    auto key = unescape_component(coord::node_name(path));
    if (entries.erase(key) > 0) touched.insert(std::move(key));
}

void KvStore::State::settled(coord::Zxid zxid, bool synced) {
    if (!synced || (touched.empty() && published)) return;
    published = true;
    auto publication = std::make_shared<KvPublication>();
    publication->index = to_index(zxid);
    publication->synced = true;
    for (const auto& key : touched) {
        if (const auto* held = find(key))
            publication->entries.push_back(held->entry);
        else
            publication->removed.push_back(key);
    }
    touched.clear();
    size = entries.size();
    for (const auto& subscriber : subscribers) subscriber(publication);
}

const KvStore::State::Held* KvStore::State::find(const std::string& key) const {
    const auto found = entries.find(key);
    return found == entries.end() ? nullptr : &found->second;
}

// ---- writes

coord::Task<Result<coord::Zxid>> KvStore::State::create(const std::string& key,
                                                        std::string content) {
    const auto path = path_of(key);
    auto made = co_await client.create(path, content, coord::CreateMode::persistent);
    if (!made && made.error() == Errc::no_node) {
        const auto root = co_await client.ensure_path(std::string(kv_root));
        if (!root) co_return root.error();
        made = co_await client.create(path, std::move(content), coord::CreateMode::persistent);
    }
    if (!made) co_return made.error();
    co_return made->stat.czxid;
}

// A key that is locked is written under its version, so that its lock is never lost; the others
// without: whoever comes last wins, and nobody has to try again.
coord::Task<Result<coord::Zxid>> KvStore::State::write(const std::string& key, KvEntry entry) {
    coord::Error error = Errc::bad_version;
    for (int i = 0; i < attempts_max; ++i) {
        const auto path = path_of(key);
        const auto* held = find(key);
        std::int32_t version = -1;
        if (i > 0) {
            const auto found = co_await client.get_data(path);
            if (!found && found.error() != Errc::no_node) co_return found.error();
            const auto now = found ? decode_kv(found->data) : Parsed<KvEntry>{};
            entry.lock_index = now.value ? now.value->lock_index : 0;
            entry.session = now.value ? now.value->session : "";
            if (found) version = found->stat.version;
        } else if (held != nullptr && held->entry->lock_index > 0) {
            entry.lock_index = held->entry->lock_index;
            entry.session = held->entry->session;
            version = held->version;
        }
        if (held == nullptr && i == 0) {
            const auto made = co_await create(key, encode(entry));
            if (made || made.error() != Errc::node_exists) co_return made;
            error = made.error();
            continue;
        }
        const auto set = co_await client.set_data(path, encode(entry), version);
        if (set) co_return set->mzxid;
        error = set.error();
        if (error == Errc::no_node) {
            const auto made = co_await create(key, encode(entry));
            if (made || made.error() != Errc::node_exists) co_return made;
        } else if (error != Errc::bad_version) {
            co_return error;
        }
    }
    co_return error;
}

// The znode's version if it was last changed at `index`. The index may come from another agent
// and be newer than our view: then the ensemble is asked.
coord::Task<Result<std::optional<std::int32_t>>> KvStore::State::version_at(const std::string& key,
                                                                            std::uint64_t index) {
    const auto* held = find(key);
    const auto held_index =
        held == nullptr ? 0 : static_cast<std::uint64_t>(held->entry->modify_index);
    if (held_index == index) co_return std::optional(held->version);
    if (held_index > index) co_return std::optional<std::int32_t>{};
    const auto path = path_of(key);
    if (const auto up_to_date = co_await client.sync(path); !up_to_date)
        co_return up_to_date.error();
    const auto stat = co_await client.exists(path);
    if (!stat && stat.error() != Errc::no_node) co_return stat.error();
    if (!stat || static_cast<std::uint64_t>(to_index(stat->mzxid)) != index)
        co_return std::optional<std::int32_t>{};
    co_return std::optional(stat->version);
}

coord::Task<Result<bool>> KvStore::State::seen(coord::Zxid zxid) {
    const auto reached = co_await cache.reached(zxid, view_patience);
    if (!reached) co_return failed(reached.error());
    co_return true;
}

coord::Task<Result<void>> KvStore::State::remove_all(std::vector<std::string> paths) {
    std::vector<coord::Op> ops;
    for (const auto& path : paths) ops.emplace_back(coord::RemoveOp{path});
    const auto removed = co_await client.multi(std::move(ops));
    if (!removed) co_return removed.error();
    if (removed->first_error() == Errc::ok) co_return Result<void>();
    // One of them was gone already, so none was removed: one by one.
    for (const auto& path : paths) {
        const auto one = co_await client.remove(path);
        if (!one && one.error() != Errc::no_node) co_return one.error();
    }
    co_return Result<void>();
}

// ---- the face

KvStore::KvStore(coord::Client& client) : state_(std::make_shared<State>(client)) {}
KvStore::~KvStore() { stop(); }

void KvStore::subscribe(KvSubscriber subscriber) {
    state_->subscribers.push_back(std::move(subscriber));
}
void KvStore::start() { state_->cache.start(); }
void KvStore::stop() { state_->cache.stop(); }

coord::Task<Result<bool>> KvStore::put(std::string key,
                                       std::string value,
                                       std::uint64_t flags,
                                       std::optional<std::uint64_t> cas) {
    const auto state = state_;
    assert(state->owner.here());
    if (!is_valid_key(key) || value.size() > kv_value_bytes_max) co_return Errc::bad_arguments;
    KvEntry entry;
    entry.value = std::move(value);
    entry.flags = flags;
    if (!cas) {
        const auto written = co_await state->write(key, std::move(entry));
        if (!written) co_return failed(written.error());
        co_return co_await state->seen(*written);
    }
    if (*cas == 0) {
        const auto made = co_await state->create(key, encode(entry));
        if (!made && made.error() == Errc::node_exists) co_return false;
        if (!made) co_return failed(made.error());
        co_return co_await state->seen(*made);
    }
    const auto version = co_await state->version_at(key, *cas);
    if (!version) co_return failed(version.error());
    if (!*version) co_return false;
    if (const auto* held = state->find(key)) {
        entry.lock_index = held->entry->lock_index;
        entry.session = held->entry->session;
    }
    const auto set = co_await state->client.set_data(path_of(key), encode(entry), **version);
    if (!set && (set.error() == Errc::bad_version || set.error() == Errc::no_node)) co_return false;
    if (!set) co_return failed(set.error());
    co_return co_await state->seen(set->mzxid);
}

coord::Task<Result<bool>> KvStore::remove(std::string key, std::optional<std::uint64_t> cas) {
    const auto state = state_;
    assert(state->owner.here());
    if (!is_valid_key(key)) co_return Errc::bad_arguments;
    std::int32_t version = -1;
    if (cas) {
        if (*cas == 0) co_return false;
        const auto at = co_await state->version_at(key, *cas);
        if (!at) co_return failed(at.error());
        if (!*at) co_return false;
        version = **at;
    }
    const auto removed = co_await state->client.remove(path_of(key), version);
    if (!removed && removed.error() == Errc::bad_version) co_return false;
    if (!removed && removed.error() == Errc::no_node) co_return !cas.has_value();
    if (!removed) co_return failed(removed.error());
    co_return co_await state->seen(state->client.last_zxid());
}

coord::Task<Result<bool>> KvStore::remove_prefix(std::string prefix) {
    const auto state = state_;
    assert(state->owner.here());
    if (prefix.size() > kv_key_bytes_max) co_return Errc::bad_arguments;
    if (const auto up_to_date = co_await sync(); !up_to_date) co_return failed(up_to_date.error());
    std::vector<std::string> paths;
    for (auto at = state->entries.lower_bound(prefix);
         at != state->entries.end() && at->first.starts_with(prefix);
         ++at) {
        paths.push_back(path_of(at->first));
    }
    for (auto first = paths.begin(); first != paths.end();) {
        const auto size = std::min<std::ptrdiff_t>(removed_at_once, paths.end() - first);
        std::vector<std::string> batch(first, first + size);
        const auto removed = co_await state->remove_all(std::move(batch));
        if (!removed) co_return failed(removed.error());
        first += size;
    }
    if (paths.empty()) co_return true;
    co_return co_await state->seen(state->client.last_zxid());
}

coord::Task<Result<void>> KvStore::sync() {
    const auto state = state_;
    const auto up_to_date = co_await state->client.sync(std::string(kv_root));
    if (!up_to_date) co_return up_to_date.error();
    co_return co_await state->cache.reached(state->client.last_zxid(), view_patience);
}

std::shared_ptr<const KvEntry> KvStore::find(const std::string& key) const {
    const auto* held = state_->find(key);
    return held == nullptr ? nullptr : held->entry;
}

std::vector<coord::Metric> KvStore::metrics() const {
    using enum coord::MetricKind;
    return {{gauge,
             "roster_kv_entries",
             "Keys in the key-value store.",
             static_cast<double>(state_->size.load())},
            {counter,
             "roster_kv_malformed_total",
             "Znodes below the key-value store that are no entries.",
             static_cast<double>(state_->malformed.value())}};
}

}  // namespace agent
