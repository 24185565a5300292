#pragma once
// What can be set of the embedded core, with ZooKeeper's defaults where it has one.
//
// Fed by:  agent/main, from the configuration; tests.
// Read by: Server and its parts.
// Thread:  any; a value.

#include "coord/base/tls_context.hpp"
#include "coord/raft/peer_links.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace coord {

struct ServerOptions {
    std::vector<std::string> listen{"127.0.0.1:2181"};  // "host:port"; port 0 takes a free one
    std::vector<std::string> tls_listen;                // likewise, for connections over TLS
    TlsOptions tls;                                     // of tls_listen
    // Links to the other servers. Nothing: a cluster of one, which nobody can join.
    std::optional<PeerLinksOptions> peers;
    // Those that found a cluster together, this one included. None: it founds one alone.
    std::vector<std::string> servers;
    std::filesystem::path data_dir;
    std::chrono::milliseconds tick{2000};
    std::chrono::milliseconds session_timeout_min{4000};   // ZooKeeper's: 2 ticks
    std::chrono::milliseconds session_timeout_max{40000};  // 20 ticks
    std::chrono::milliseconds handshake_timeout{10000};
    std::chrono::milliseconds reap_interval{60000};  // of containers and TTL znodes
    std::size_t reaped_per_interval_max = 10000;
    std::size_t frame_bytes_max = 1048575;  // jute.maxbuffer
    std::size_t connections_max = 20000;
    std::size_t connections_per_address_max = 0;  // 0: no limit
    std::size_t outstanding_per_connection_max = 1000;
    // Beyond either, a connection that has something outstanding is not read for a while.
    std::size_t outstanding_max = 100'000;
    std::size_t queued_bytes_max = std::size_t{64} << 20U;
    std::size_t output_pause_bytes = std::size_t{1} << 20U;  // then no more requests are taken
    std::size_t output_bytes_max = std::size_t{64} << 20U;   // per connection, then it is dropped
    // How long one thing may keep the event loop: a connection's requests, a change told to many.
    std::chrono::milliseconds turn_max{5};
    std::size_t watches_per_connection_max = 1'000'000;
    std::size_t auth_bytes_max = std::size_t{16} << 10U;  // of all ids that a connection has proven
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;
    std::vector<std::string> four_letter_words;  // those that are answered; empty: all
    std::string super_digest;                    // "super:<base64>"; empty: nobody is super
    std::string super_subject;  // of a client's certificate, in RFC 2253's form; empty: nobody's
    // Milliseconds since 1970, for ctime and mtime. Empty: the machine's clock.
    std::function<std::int64_t()> wall_clock_ms;
};

}  // namespace coord
