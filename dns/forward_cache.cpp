#include "dns/forward_cache.hpp"

#include "dns/name.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace dns {

namespace {

constexpr std::size_t entry_overhead_bytes = 256;  // the nodes of list and index
constexpr std::uint32_t popular_hits = 3;
constexpr std::chrono::seconds prefetch_ttl_min{10};
constexpr int prefetch_share = 10;           // in the last tenth of its time
constexpr std::size_t probation_share = 10;  // of the octets there may be

std::chrono::seconds whole_seconds(Time::duration duration) {
    return std::chrono::duration_cast<std::chrono::seconds>(duration);
}

bool is_failure(const ForwardAnswer& answer) {
    return answer.rcode != Rcode::no_error && answer.rcode != Rcode::name_error;
}

}  // namespace

std::size_t ForwardCache::Hash::operator()(const std::string& key) const {
    return hash_octets(octets(key), seed);
}

std::size_t ForwardCache::Entry::bytes() const {
    return entry_overhead_bytes + 2 * key.size() + answer->bytes();
}

ForwardCache::ForwardCache(ForwardCacheLimits limits)
    : limits_(limits), index_(0, Hash{limits.seed}) {}

// A failure is forgotten when its time is over.
std::chrono::seconds ForwardCache::stale_max(const Entry& entry) const {
    return is_failure(*entry.answer) ? std::chrono::seconds(0) : limits_.stale_max;
}

std::optional<ForwardCache::Found> ForwardCache::find(const std::string& key, Time now) {
    const auto found = index_.find(key);
    if (found == index_.end()) return std::nullopt;
    const auto place = found->second;
    Entry& entry = *place;
    if (now >= entry.end() + stale_max(entry)) {
        remove(place);
        return std::nullopt;
    }
    use(place);
    Found result{entry.answer, whole_seconds(now - entry.since)};
    result.stale = now >= entry.end();
    result.deferred = result.stale && now < entry.deferred_until;
    if (!result.stale && limits_.prefetch && !entry.refreshing && !is_failure(*entry.answer)) {
        const auto ttl = entry.answer->ttl;
        result.wants_refresh = ttl >= prefetch_ttl_min && entry.hits >= popular_hits &&
                               entry.end() - now <= ttl / prefetch_share;
        entry.refreshing = result.wants_refresh;
    }
    return result;
}

void ForwardCache::use(Place place) {
    ++place->hits;
    auto& from = queue_of(*place);
    if (!place->kept) {
        from.bytes -= place->bytes();
        kept_.bytes += place->bytes();
        place->kept = true;
    }
    kept_.entries.splice(kept_.entries.end(), from.entries, place);
}

void ForwardCache::put(const std::string& key,
                       std::shared_ptr<const ForwardAnswer> answer,
                       Time now) {
    if (answer->ttl <= std::chrono::seconds(0)) return;
    const auto found = index_.find(key);
    if (found != index_.end()) {
        Entry& entry = *found->second;
        if (is_failure(*answer) && !is_failure(*entry.answer)) return;
        auto& queue = queue_of(entry);
        queue.bytes -= entry.bytes();
        entry.answer = std::move(answer);
        entry.since = now;
        entry.deferred_until = {};
        entry.hits = 0;
        entry.refreshing = false;
        queue.bytes += entry.bytes();
    } else {
        probation_.entries.push_back({key, std::move(answer), now});
        const auto place = std::prev(probation_.entries.end());
        probation_.bytes += place->bytes();
        index_.emplace(key, place);
    }
    make_room();
}

void ForwardCache::defer(const std::string& key, Time until) {
    const auto found = index_.find(key);
    if (found != index_.end()) found->second->deferred_until = until;
}

void ForwardCache::remove(Place place) {
    auto& queue = queue_of(*place);
    queue.bytes -= place->bytes();
    index_.erase(place->key);
    queue.entries.erase(place);
}

// Those on probation go first, as long as they have more than their share.
void ForwardCache::make_room() {
    while (index_.size() > limits_.entries_max || bytes() > limits_.bytes_max) {
        const bool is_crowded = probation_.bytes > limits_.bytes_max / probation_share ||
                                probation_.entries.size() > limits_.entries_max / probation_share;
        auto& queue = is_crowded || kept_.entries.empty() ? probation_ : kept_;
        assert(!queue.entries.empty());
        remove(queue.entries.begin());
        ++evicted_;
    }
}

}  // namespace dns
