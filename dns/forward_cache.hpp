#pragma once
// What upstreams said, for as long as they said it is true, and a while longer for when they say
// nothing.
//
// Fed by:  InquiryTable.
// Read by: InquiryTable; Forwarder (how much there is).
// Thread:  forward. Pure: the time is an argument.
// Holds:   never more entries and octets than the limits. A new entry is on probation, and goes
//          first: a flood of names that are asked for once does not drive out those that are used.

#include "dns/forward_answer.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

namespace dns {

using Time = std::chrono::steady_clock::time_point;

struct ForwardCacheLimits {
    std::size_t entries_max = 50'000;
    std::size_t bytes_max = std::size_t{16} << 20U;
    std::chrono::seconds stale_max{86'400};  // after its time, an answer is kept for so long
    bool prefetch = true;
    std::uint64_t seed = 0;
};

class ForwardCache {
public:
    explicit ForwardCache(ForwardCacheLimits limits);

    struct Found {
        std::shared_ptr<const ForwardAnswer> answer = {};
        std::chrono::seconds age{0};
        bool stale = false;
        bool deferred = false;       // stale, and not to be asked for again yet
        bool wants_refresh = false;  // popular, and nearly over: said once
    };
    std::optional<Found> find(const std::string& key, Time now);

    // Nothing is kept whose TTL is 0, and no failure in place of an answer.
    void put(const std::string& key, std::shared_ptr<const ForwardAnswer> answer, Time now);
    // Its upstreams failed: a stale answer will do until then (RFC 8767 §5).
    void defer(const std::string& key, Time until);

    [[nodiscard]] std::size_t entries() const { return index_.size(); }
    [[nodiscard]] std::size_t bytes() const { return probation_.bytes + kept_.bytes; }
    [[nodiscard]] std::uint64_t evicted() const { return evicted_; }

private:
    struct Entry {
        std::string key = {};
        std::shared_ptr<const ForwardAnswer> answer = {};
        Time since = {};
        Time deferred_until = {};
        std::uint32_t hits = 0;
        bool refreshing = false;
        bool kept = false;  // on which list

        [[nodiscard]] std::size_t bytes() const;
        [[nodiscard]] Time end() const { return since + answer->ttl; }
    };
    struct Queue {  // the least recently used first
        std::list<Entry> entries;
        std::size_t bytes = 0;
    };
    struct Hash {
        std::uint64_t seed;
        std::size_t operator()(const std::string& key) const;
    };
    using Place = std::list<Entry>::iterator;

    Queue& queue_of(const Entry& entry) { return entry.kept ? kept_ : probation_; }
    [[nodiscard]] std::chrono::seconds stale_max(const Entry& entry) const;
    void use(Place place);
    void remove(Place place);
    void make_room();

    ForwardCacheLimits limits_;
    Queue probation_;
    Queue kept_;
    std::unordered_map<std::string, Place, Hash> index_;
    std::uint64_t evicted_ = 0;
};

}  // namespace dns
