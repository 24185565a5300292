#pragma once
// What can be set of the embedded core, with ZooKeeper's defaults where it has one.
//
// Fed by:  agent/main, from the configuration; tests.
// Read by: Server and its parts.
// Thread:  any; a value.

#include "coord/base/server_limits.hpp"
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

class PeerTransport;

struct ServerOptions : ServerLimits {
    std::vector<std::string> listen{"127.0.0.1:2181"};  // "host:port"; port 0 takes a free one
    std::vector<std::string> tls_listen;                // likewise, for connections over TLS
    TlsOptions tls;                                     // of tls_listen
    // Links to the other servers. Nothing: a cluster of one, which nobody can join.
    std::optional<PeerLinksOptions> peers;
    // Those that found a cluster together, this one included. None: it founds one alone.
    std::vector<std::string> servers;
    std::filesystem::path data_dir;
    // Another wire to the other servers than that of `peers`; it must outlive this one.
    PeerTransport* transport = nullptr;
    std::string peer_address = "local";  // this server's, as the others reach it
    std::chrono::milliseconds heartbeat{50};
    std::chrono::milliseconds election_timeout{300};
    // So long clients stay connected, and their writes wait, while nobody leads.
    std::chrono::milliseconds leaderless_max{5000};
    bool read_only_mode = false;  // readonlymode.enabled: then serve those who asked for it
    std::size_t forwarded_bytes_max = std::size_t{16} << 20U;  // of one member, waiting for the log
    std::size_t trailing_entries = 20'000;  // of the log, kept for servers that lag
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;
    std::vector<std::string> four_letter_words{"*"};  // those that are answered; "*": all
    bool enforce_quota = false;  // false, as ZooKeeper: a hard quota is told of and not enforced
    std::string super_digest;    // "super:<base64>"; empty: nobody is super
    std::string super_subject;   // of a client's certificate, in RFC 2253's form; empty: nobody's
    // Milliseconds since 1970, for ctime and mtime. Empty: the machine's clock.
    std::function<std::int64_t()> wall_clock_ms;

    // Else it stands alone.
    [[nodiscard]] bool has_peers() const { return peers.has_value() || transport != nullptr; }
};

}  // namespace coord
