#include "coord/server/server_counters.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace coord {
namespace {

class Sheet {
public:
    void counter(const char* name, const char* help, const Counter& value) {
        add(MetricKind::counter, name, help, static_cast<double>(value.value()));
    }
    // One family, told apart by the label `reason`.
    void reasons(const char* name,
                 const char* help,
                 const std::vector<std::pair<const char*, const Counter*>>& reasons) {
        for (const auto& [reason, value] : reasons) {
            add(MetricKind::counter, name, help, static_cast<double>(value->value()));
            metrics_.back().labels = {{"reason", reason}};
        }
    }
    void gauge(const char* name, const char* help, const Gauge& value) {
        add(MetricKind::gauge, name, help, static_cast<double>(value.value()));
    }
    // `kind` names the requests: "read" has "reads_total" and "read_latency_seconds_total".
    void latency(const std::string& kind, const std::string& what, const LatencyCounters& of) {
        const auto seconds = [](auto ms) { return static_cast<double>(ms) / 1e3; };
        const auto count = static_cast<double>(of.count.value());
        add(MetricKind::counter, kind + "s_total", what + " answered.", count);
        add(MetricKind::counter,
            kind + "_latency_seconds_total",
            "Time from their frame to their reply.",
            seconds(of.sum_ms.value()));
        add(MetricKind::gauge,
            kind + "_latency_max_seconds",
            "The longest of them.",
            seconds(of.max_ms.value()));
    }
    std::vector<Metric> take() { return std::move(metrics_); }

private:
    void add(MetricKind kind, const std::string& name, const std::string& help, double value) {
        metrics_.push_back({kind, "roster_coord_" + name, help, value, {}});
    }
    std::vector<Metric> metrics_;
};

}  // namespace

std::uint64_t ServerCounters::tls_failures() const {
    std::uint64_t sum = 0;
    for (const auto* counter : {&tls_not_tls,
                                &tls_cut,
                                &tls_unsupported,
                                &tls_no_certificate,
                                &tls_certificate_refused,
                                &tls_refused_by_client,
                                &tls_malformed,
                                &tls_timeout}) {
        sum += counter->value();
    }
    return sum;
}

std::vector<Metric> ServerCounters::metrics() const {
    Sheet sheet;
    sheet.counter("requests_total", "Frames received from clients.", requests);
    sheet.counter("replies_total", "Replies sent to clients.", replies);
    sheet.counter("notifications_total", "Watch events sent to clients.", notifications);
    sheet.counter("received_bytes_total", "Bytes received from clients.", bytes_received);
    sheet.counter("sent_bytes_total", "Bytes sent to clients.", bytes_sent);
    sheet.counter("commands_applied_total", "Commands applied from the log.", commands);
    sheet.counter("entries_applied_total", "Log entries applied.", entries);
    sheet.latency("read", "Reads", read_latency);
    sheet.latency("update", "Requests that went through the log,", update_latency);
    sheet.counter("connections_total", "Connections accepted.", connections);
    sheet.reasons("connections_refused_total",
                  "Connections closed as soon as they were accepted or had asked for a session.",
                  {{"connections_max", &refused_total},
                   {"connections_per_address_max", &refused_address},
                   {"client_ahead", &refused_zxid},
                   {"leaderless", &refused_leaderless}});
    sheet.reasons("connections_dropped_total",
                  "Connections the server closed because of what they did or did not do.",
                  {{"frame_bytes_max", &dropped_frame},
                   {"malformed", &dropped_malformed},
                   {"output_bytes_max", &dropped_output},
                   {"handshake_timeout", &dropped_handshake},
                   {"unknown_fate", &dropped_unknown_fate}});
    sheet.counter("reading_paused_total",
                  "Times a connection was not read because too much was outstanding.",
                  paused);
    sheet.counter("turns_yielded_total",
                  "Times a connection's requests were left for the next turn of the event loop.",
                  yielded);
    sheet.counter("accept_failures_total", "Failed accepts.", accept_failures);
    sheet.reasons("watches_refused_total",
                  "Requests for watches that were refused because there were so many already.",
                  {{"watches_max", &watches_refused_total},
                   {"watches_per_connection_max", &watches_refused_connection},
                   {"watch_bytes_per_connection_max", &watches_refused_bytes}});
    sheet.counter("reads_refused_total",
                  "Reads refused because their reply would have been too large.",
                  reads_refused);
    sheet.counter("writes_refused_total",
                  "Writes refused with SystemError because a disk is almost full.",
                  writes_refused);
    sheet.counter("auth_failures_total", "Auth packets rejected.", auth_failures);
    sheet.counter("events_withheld_total",
                  "Watch events not sent because the watcher may not read the znode.",
                  events_withheld);
    sheet.counter("tls_handshakes_total", "TLS handshakes that succeeded.", tls_handshakes);
    sheet.reasons("tls_handshake_failures_total",
                  "TLS handshakes that failed.",
                  {{"not_tls", &tls_not_tls},
                   {"cut", &tls_cut},
                   {"unsupported", &tls_unsupported},
                   {"no_certificate", &tls_no_certificate},
                   {"certificate_refused", &tls_certificate_refused},
                   {"refused_by_client", &tls_refused_by_client},
                   {"malformed", &tls_malformed},
                   {"timeout", &tls_timeout}});
    sheet.counter("forwarded_total", "Log entries that other servers sent to this one.", forwarded);
    sheet.counter("forwarded_dropped_total",
                  "Log entries of other servers dropped: of another term, or too many.",
                  forwarded_dropped);
    sheet.counter("letters_malformed_total",
                  "Messages of other servers that could not be read.",
                  letters_malformed);
    sheet.counter("entries_repeated_total",
                  "Log entries passed over because they had been applied before.",
                  entries_repeated);
    sheet.counter("sent_again_total",
                  "Times that the writes under way were sent to another leader.",
                  sent_again);
    sheet.counter(
        "sessions_moved_total", "Sessions that went over to another server.", sessions_moved);
    sheet.counter("sessions_opened_total", "Sessions created.", sessions_opened);
    sheet.counter("session_timeouts_clamped_total",
                  "Session timeouts granted that were not what was asked for.",
                  timeouts_clamped);
    sheet.counter("sessions_attached_total", "Sessions re-attached to.", sessions_attached);
    sheet.counter("sessions_refused_total",
                  "Attempts to re-attach with a wrong password or to no open session.",
                  sessions_refused);
    sheet.counter("sessions_closed_total", "Sessions ended, by whatever cause.", sessions_closed);
    sheet.counter("sessions_expired_total", "Sessions whose time ran out here.", sessions_expired);
    sheet.counter(
        "znodes_reaped_total", "Container and TTL znodes proposed for removal.", znodes_reaped);
    sheet.gauge("serving", "1 while clients are served.", serving);
    sheet.gauge("read_only", "1 while only read-only clients are served.", read_only);
    sheet.gauge("connections", "Open connections.", open_connections);
    sheet.gauge("tls_handshakes", "TLS handshakes under way.", tls_outstanding);
    sheet.gauge("sessions", "Open sessions.", sessions);
    sheet.gauge("outstanding_requests", "Requests not answered yet.", outstanding);
    sheet.gauge("znodes", "Znodes in the tree.", znodes);
    sheet.gauge("ephemerals", "Ephemeral znodes in the tree.", ephemerals);
    sheet.gauge("data_bytes", "Approximate size of paths and data.", data_bytes);
    sheet.gauge("watches", "Watches set by connections of this server.", watches);
    sheet.gauge("last_zxid", "Newest transaction applied.", last_zxid);
    auto metrics = sheet.take();
    auto of_quotas = quotas.metrics();
    std::move(of_quotas.begin(), of_quotas.end(), std::back_inserter(metrics));
    return metrics;
}

}  // namespace coord
