#pragma once
// What happens on the links to peers, counted.
//
// Fed by:  PeerLinks and its parts.
// Read by: PeerLinks::metrics.
// Thread:  coord writes, any thread reads.

#include "coord/base/metrics.hpp"

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace coord {

// Why a connection was not taken as a peer's, or lost the right to be one.
enum class PeerRefusal {
    malformed,      // bytes that no member sends
    version,        // of the protocol
    certificate,    // TLS failed, or the certificate is for another host
    other_cluster,  // it belongs to one, but not to this one
    same_id,        // as this member's
    removed,        // it is no longer a member
    late,           // it did not say who it is in time
    too_many,       // have not said yet who they are
};
inline constexpr std::array<std::string_view, 8> peer_refusal_names{"malformed",
                                                                    "version",
                                                                    "certificate",
                                                                    "other_cluster",
                                                                    "same_id",
                                                                    "removed",
                                                                    "late",
                                                                    "too_many"};

struct PeerCounters {
    std::array<Counter, peer_refusal_names.size()> refused;
    Counter dialled;
    Counter dial_failures;
    Counter connected;
    Counter disconnected;
    Counter queue_overflows;
    Counter refused_letters;
    Counter unsent_messages;
    Counter frames_sent;
    Counter frames_received;
    Counter bytes_sent;
    Counter bytes_received;
    Counter writes;
    Counter snapshot_bytes_sent;
    Counter snapshot_bytes_received;
    std::atomic<std::uint64_t> links{0};
    std::atomic<std::uint64_t> waiting{0};
    std::atomic<bool> forming{false};

    Counter& of(PeerRefusal why) { return refused.at(static_cast<std::size_t>(why)); }
    [[nodiscard]] std::vector<Metric> metrics() const;
};

}  // namespace coord
