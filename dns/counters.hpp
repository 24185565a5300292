#pragma once
// What one worker has seen, counted where it happens and added up when somebody asks.
//
// Fed by:  UdpWorker and TcpListener, one set each.
// Read by: Server::metrics.
// Thread:  one writer; collect() of any thread.
// Holds:   a set has cache lines of its own, so that counting disturbs no other worker.

#include "coord/base/metrics.hpp"
#include "dns/responder.hpp"

#include <array>
#include <cstddef>
#include <string_view>
#include <vector>

namespace dns {

inline constexpr std::size_t counted_types = 12;
inline constexpr std::size_t counted_rcodes = 14;

struct alignas(128) Counters {
    std::array<coord::Counter, counted_types> queries;
    std::array<coord::Counter, counted_rcodes> responses;
    coord::Counter truncated;
    coord::Counter stale;             // answered while the core was gone
    coord::Counter prohibited;        // refused: not from an allowed network
    coord::Counter cookies;           // queries with one
    coord::Counter cut_short;         // by the rate limit
    coord::Counter forwarded;         // handed over to the forwarder
    coord::Counter forward_full;      // could not be handed over
    coord::Counter dropped_short;     // less than a header
    coord::Counter dropped_response;  // QR=1
    coord::Counter dropped_source;    // UDP: from port 0, from ourselves, from a group
    coord::Counter dropped_oversize;  // UDP: more than the buffer takes
    coord::Counter dropped_rate;      // UDP: by the rate limit
    coord::Counter dropped_send;      // UDP: the kernel would not take the reply

    void count_query(const Reply& reply);
    void count_response(const Reply& reply);
};

struct Counted {
    std::string_view transport;  // "udp", "tcp", "tls"
    const Counters* counters = nullptr;
};

// The samples of all sets, families adjacent.
std::vector<coord::Metric> collect(const std::vector<Counted>& sets);

}  // namespace dns
