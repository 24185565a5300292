#pragma once
// Response rate limiting: what strangers are sent, counted by network and by what they ask about, so
// that nobody's forged address is flooded through us.
//
// Fed by:  UdpWorker, with each reply to a client whose address is not verified.
// Thread:  its worker's. Each worker has its own, and its share of the rate.
// Holds:   a fixed table; a network that was quiet for longest makes room for a new one. Of what is
//          above the rate every slip-th reply is cut short, which lets a true client come again
//          with a cookie or over TCP, and the others are dropped.
// Source:  Vixie and Schryver, "DNS Response Rate Limiting" (ISC-TN-2012-1).

#include "dns/reply_draft.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace dns {

struct RateLimit {
    std::uint32_t responses_per_second = 200;  // to a /24 or a /56, about one name; 0: no limit
    std::uint32_t slip = 2;                    // 0: all are dropped; 1: all are cut short
};

class RateLimiter {
public:
    enum class Verdict { send, cut_short, drop };

    RateLimiter(RateLimit limit, std::uint64_t seed);

    [[nodiscard]] bool is_on() const { return !buckets_.empty(); }
    // `now` in milliseconds, of any clock that does not go back.
    Verdict judge(const IpAddress& client, const Reply& reply, std::uint32_t now);

private:
    struct Bucket {
        std::uint64_t key = 0;  // 0: free
        std::uint32_t filled_at = 0;
        std::uint32_t credit = 0;  // in thousandths of a reply
    };
    Bucket& bucket_of(std::uint64_t key, std::uint32_t now);

    RateLimit limit_;
    std::uint64_t seed_;
    std::uint32_t over_ = 0;  // replies above the rate so far
    std::vector<Bucket> buckets_;
};

}  // namespace dns
