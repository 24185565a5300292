#include "coord/raft/peer_counters.hpp"

#include <string>

namespace coord {

std::vector<Metric> PeerCounters::metrics() const {
    std::vector<Metric> metrics;
    const auto add = [&](MetricKind kind, const char* name, const char* help, auto value) {
        metrics.push_back(
            {kind, std::string("roster_raft_peer_") + name, help, static_cast<double>(value)});
    };
    using enum MetricKind;
    add(gauge, "links", "Peers to which there is a link.", links.load());
    add(gauge, "forming", "1 while this server is not yet a member of a cluster.", forming.load());
    add(gauge, "waiting", "Servers without a cluster that asked this member.", waiting.load());
    add(counter, "connects_total", "Links that came up.", connected.value());
    add(counter, "disconnects_total", "Links that ended.", disconnected.value());
    add(counter, "dials_total", "Connections tried.", dialled.value());
    add(counter,
        "dial_failures_total",
        "Connections that could not be had.",
        dial_failures.value());
    add(counter, "frames_sent_total", "Frames sent over links.", frames_sent.value());
    add(counter, "frames_received_total", "Frames received over links.", frames_received.value());
    add(counter, "bytes_sent_total", "Bytes sent over links.", bytes_sent.value());
    add(counter, "bytes_received_total", "Bytes received over links.", bytes_received.value());
    add(counter, "writes_total", "Gathered writes, one a turn.", writes.value());
    add(counter, "queue_overflows_total", "Links given up, too full.", queue_overflows.value());
    add(counter, "unsent_messages_total", "Messages without a link.", unsent_messages.value());
    add(counter, "refused_letters_total", "Letters not taken to be sent.", refused_letters.value());
    add(counter,
        "snapshot_bytes_sent_total",
        "Bytes of snapshots sent.",
        snapshot_bytes_sent.value());
    add(counter,
        "snapshot_bytes_received_total",
        "Bytes of snapshots received.",
        snapshot_bytes_received.value());
    for (std::size_t i = 0; i < refused.size(); ++i) {
        metrics.push_back({counter,
                           "roster_raft_peer_refused_total",
                           "Connections refused, by reason.",
                           static_cast<double>(refused.at(i).value()),
                           {{"reason", std::string(peer_refusal_names.at(i))}}});
    }
    return metrics;
}

}  // namespace coord
