#pragma once
// What the server has done and how full it is, as figures that any thread may read.
//
// Fed by:  Server, RequestProcessor and Connection; gauges are set once per turn.
// Read by: Server::metrics(); the four-letter words.
// Thread:  written on coord, read on any.

#include "coord/base/metrics.hpp"
#include "coord/server/quota_figures.hpp"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <vector>

namespace coord {

class Gauge {
public:
    void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
    void add(std::int64_t n) { set(value() + n); }
    [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::int64_t> value_{0};
};

struct LatencyCounters {
    Counter count;
    Counter sum_ms;
    Gauge min_ms;
    Gauge max_ms;

    void note(std::int64_t ms) {
        min_ms.set(count.value() == 0 ? ms : std::min(min_ms.value(), ms));
        max_ms.set(std::max(max_ms.value(), ms));
        count.add();
        sum_ms.add(static_cast<std::uint64_t>(ms));
    }
};

struct ServerCounters {
    Counter requests;
    Counter replies;
    Counter notifications;
    Counter bytes_received;
    Counter bytes_sent;
    Counter commands;  // applied, of whichever member
    Counter entries;   // of the log that held them

    LatencyCounters read_latency;    // from the frame to the reply, pings left out
    LatencyCounters update_latency;  // and what went through the log

    Counter connections;
    Counter refused_total;          // more connections than connections_max
    Counter refused_address;        // more from one address than connections_per_address_max
    Counter refused_zxid;           // the client has seen more than we
    Counter dropped_frame;          // a frame longer than frame_bytes_max, or of negative length
    Counter dropped_malformed;      // a first frame that is no ConnectRequest, a header cut short
    Counter dropped_output;         // output_bytes_max: it does not read what it asked for
    Counter dropped_handshake;      // no ConnectRequest within handshake_timeout
    Counter dropped_unknown_fate;   // leadership lost with its writes under way
    Counter paused;                 // reading stopped: too many requests outstanding
    Counter yielded;                // turns cut short, so that others have theirs
    Counter accept_failures;        // out of file descriptors, mostly
    Counter watches_refused_total;  // watches_max
    Counter watches_refused_connection;  // watches_per_connection_max
    Counter watches_refused_bytes;       // watch_bytes_per_connection_max
    Counter reads_refused;               // reply_children_max, reply_bytes_max
    Counter writes_refused;              // a disk is almost full
    Counter auth_failures;               // auth_bytes_max among them
    Counter events_withheld;             // the watcher may not read the znode

    Counter tls_handshakes;  // that succeeded
    Counter tls_not_tls;     // those that failed, by TlsFailure
    Counter tls_cut;
    Counter tls_unsupported;
    Counter tls_no_certificate;
    Counter tls_certificate_refused;
    Counter tls_refused_by_client;
    Counter tls_malformed;
    Counter tls_timeout;  // not done within handshake_timeout

    Counter refused_leaderless;  // nobody leads, and read-only was not asked for
    Counter forwarded;           // entries of other members for the log
    Counter forwarded_dropped;   // of another term, not the sender's own, or too many
    Counter letters_malformed;   // of other members
    Counter entries_repeated;    // that were sent more than once, and passed over
    Counter sent_again;          // times that everything under way was sent to another leader
    Counter sessions_moved;      // away from this server

    Counter sessions_opened;
    Counter timeouts_clamped;  // session_timeout_min, session_timeout_max
    Counter sessions_attached;
    Counter sessions_refused;  // unknown, expired, or a wrong password
    Counter sessions_closed;
    Counter sessions_expired;
    Counter znodes_reaped;  // containers and TTL znodes proposed for removal

    Gauge serving;
    Gauge read_only;
    Gauge open_connections;
    Gauge tls_outstanding;  // handshakes begun and not done
    Gauge sessions;
    Gauge outstanding;
    Gauge znodes;
    Gauge ephemerals;
    Gauge data_bytes;
    Gauge watches;
    Gauge last_zxid;

    QuotaFigures quotas;

    [[nodiscard]] std::uint64_t tls_failures() const;
    [[nodiscard]] std::vector<Metric> metrics() const;
};

}  // namespace coord
