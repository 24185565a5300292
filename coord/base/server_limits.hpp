#pragma once
// How much the embedded core lets its clients have, with ZooKeeper's defaults where it has one.
//
// Fed by:  agent/config, from [coord.limits]; tests.
// Read by: coord/server, which counts each time that one of them is met; see coord/README.md.
// Thread:  any; a value.

#include <chrono>
#include <cstddef>

namespace coord {

struct ServerLimits {
    std::chrono::milliseconds tick{2000};  // sessions expire at multiples of it
    std::chrono::milliseconds session_timeout_min{4000};
    std::chrono::milliseconds session_timeout_max{40000};
    std::chrono::milliseconds handshake_timeout{10000};

    std::size_t frame_bytes_max = 1048575;  // jute.maxbuffer
    std::size_t connections_max = 20000;
    std::size_t connections_per_address_max = 0;          // 0: no limit
    std::size_t auth_bytes_max = std::size_t{16} << 10U;  // of all ids that a connection proved
    std::size_t outstanding_per_connection_max = 1000;
    // Beyond either, a connection that has something outstanding is not read for a while.
    std::size_t outstanding_max = 100'000;
    std::size_t queued_bytes_max = std::size_t{64} << 20U;
    std::size_t output_pause_bytes = std::size_t{1} << 20U;  // then no more requests are taken
    std::size_t output_bytes_max = std::size_t{64} << 20U;   // per connection, then it is dropped
    // How long one thing may keep the event loop: a connection's requests, a change told to many.
    std::chrono::milliseconds turn_max{5};

    std::size_t reply_children_max = 1'000'000;
    std::size_t reply_bytes_max = std::size_t{16} << 20U;  // of a list of children, of a multiRead
    std::size_t watches_max = 10'000'000;
    std::size_t watches_per_connection_max = 1'000'000;
    std::size_t watch_bytes_per_connection_max = std::size_t{64} << 20U;  // of their paths

    std::chrono::milliseconds reap_interval{60000};  // of containers and TTL znodes
    std::size_t reaped_per_interval_max = 10000;
};

// visit(key, value, least, most), for each of them: the one table that configuration, `conf` and
// tests go by. `Limits` is ServerLimits, const or not.
template <class Limits, class Visit>
void each_limit(Limits& limits, Visit visit) {
    using std::chrono::milliseconds;
    constexpr std::size_t mib = std::size_t{1} << 20U;
    constexpr std::size_t gib = mib << 10U;
    constexpr std::size_t many = 100'000'000;
    visit("tick", limits.tick, milliseconds(50), milliseconds(60'000));
    visit("session_timeout_min",
          limits.session_timeout_min,
          milliseconds(100),
          milliseconds(3'600'000));
    visit("session_timeout_max",
          limits.session_timeout_max,
          milliseconds(1'000),
          milliseconds(86'400'000));
    visit("handshake_timeout", limits.handshake_timeout, milliseconds(100), milliseconds(600'000));
    // Every command must fit into a log entry, and into a letter between servers, ids and all.
    visit("frame_bytes_max", limits.frame_bytes_max, std::size_t{1024}, 3 * mib);
    visit("connections_max", limits.connections_max, std::size_t{1}, std::size_t{1'000'000});
    visit("connections_per_address_max",
          limits.connections_per_address_max,
          std::size_t{0},
          std::size_t{1'000'000});
    visit("auth_bytes_max", limits.auth_bytes_max, std::size_t{64}, mib);
    visit("outstanding_per_connection_max",
          limits.outstanding_per_connection_max,
          std::size_t{1},
          std::size_t{1'000'000});
    visit("outstanding_max", limits.outstanding_max, std::size_t{1}, many);
    visit("queued_bytes_max", limits.queued_bytes_max, 8 * mib, 4 * gib);
    visit("output_pause_bytes", limits.output_pause_bytes, std::size_t{4096}, gib);
    visit("output_bytes_max", limits.output_bytes_max, mib, 4 * gib);
    visit("turn_max", limits.turn_max, milliseconds(1), milliseconds(1'000));
    visit("reply_children_max", limits.reply_children_max, std::size_t{1}, many);
    visit("reply_bytes_max", limits.reply_bytes_max, std::size_t{65536}, gib);
    visit("watches_max", limits.watches_max, std::size_t{0}, many);
    visit("watches_per_connection_max", limits.watches_per_connection_max, std::size_t{0}, many);
    visit("watch_bytes_per_connection_max",
          limits.watch_bytes_per_connection_max,
          std::size_t{0},
          4 * gib);
    visit("reap_interval", limits.reap_interval, milliseconds(100), milliseconds(86'400'000));
    visit("reaped_per_interval_max", limits.reaped_per_interval_max, std::size_t{1}, many);
}

}  // namespace coord
