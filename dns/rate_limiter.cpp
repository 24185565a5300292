#include "dns/rate_limiter.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace dns {

namespace {

constexpr std::size_t ways = 4;  // A key has that many places to be.
constexpr std::size_t sets = 4096;
constexpr std::size_t v4_network_bytes = 3;
constexpr std::size_t v6_network_bytes = 7;
constexpr std::uint32_t one_reply = 1000;
constexpr std::uint32_t window_ms = 1000;  // For how long unused credit is kept.

}  // namespace

RateLimiter::RateLimiter(RateLimit limit, std::uint64_t seed)
    : limit_(limit), seed_(seed), buckets_(limit.responses_per_second > 0 ? ways * sets : 0) {}

RateLimiter::Bucket& RateLimiter::bucket_of(std::uint64_t key, std::uint32_t now) {
    Bucket* const set = &buckets_[key % sets * ways];
    Bucket* oldest = set;
    for (Bucket* bucket = set; bucket != set + ways; ++bucket) {
        if (bucket->key == key) return *bucket;
        if (bucket->key == 0) oldest = bucket;
        if (oldest->key != 0 && now - bucket->filled_at > now - oldest->filled_at) oldest = bucket;
    }
    *oldest = {key, now, limit_.responses_per_second * one_reply};
    return *oldest;
}

RateLimiter::Verdict
RateLimiter::judge(const IpAddress& client, const Reply& reply, std::uint32_t now) {
    if (!is_on()) return Verdict::send;
    std::array<std::uint8_t, 16> key{};
    const std::size_t network = client.is_v4() ? v4_network_bytes : v6_network_bytes;
    std::copy_n(client.bytes.begin(), network, key.begin());
    std::memcpy(&key[8], &reply.subject, sizeof reply.subject);
    auto& bucket = bucket_of(hash_octets(key, seed_) | 1U, now);
    // What a millisecond is worth in thousandths is the rate itself.
    const std::uint32_t quiet = std::min(now - bucket.filled_at, window_ms);
    const std::uint32_t full = limit_.responses_per_second * one_reply;
    bucket.credit = std::min(full, bucket.credit + quiet * limit_.responses_per_second);
    bucket.filled_at = now;
    if (bucket.credit >= one_reply) {
        bucket.credit -= one_reply;
        return Verdict::send;
    }
    if (limit_.slip == 0) return Verdict::drop;
    return ++over_ % limit_.slip == 0 ? Verdict::cut_short : Verdict::drop;
}

}  // namespace dns
