#include "coord/server/live_figures.hpp"

#include "coord/server/connection.hpp"
#include "coord/server/membership.hpp"

#include <chrono>
#include <filesystem>
#include <iterator>
#include <optional>
#include <sys/resource.h>
#include <system_error>
#include <utility>

namespace coord {

namespace fs = std::filesystem;

namespace {

std::uint64_t bytes_below(const fs::path& folder) {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end;
         at.increment(error)) {
        const auto size = at->is_regular_file(error) ? at->file_size(error) : 0;
        if (!error) bytes += size;
    }
    return bytes;
}

std::size_t open_file_count() {
    std::error_code error;
    const fs::directory_iterator files("/proc/self/fd", error);
    return error ? 0 : static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

std::size_t open_file_max() {
    rlimit limit{};
    getrlimit(RLIMIT_NOFILE, &limit);
    return limit.rlim_cur;
}

Timing timing(const LatencyCounters& latency) {
    return {latency.min_ms.value(),
            latency.max_ms.value(),
            latency.count.value(),
            latency.sum_ms.value()};
}

}  // namespace

LiveFigures::LiveFigures(Of of, std::function<Time()> now)
    : of_(of), now_(std::move(now)), started_(now_()) {}

FigureSources LiveFigures::sources(const Connection& asking) {
    return {[this] { return of_.processor.is_serving() || of_.processor.is_read_only(); },
            [this] { return server_figures(); },
            [this] { return process_figures(); },
            [this] { return settings(); },
            [this, &asking] { return connection_lines(asking); },
            [this] { return session_sets(); },
            [this] { return of_.processor.state().ephemerals(); },
            [this] { return data_watches(); },
            [this] {
                received_before_ = of_.counters.requests.value();
                sent_before_ = of_.counters.replies.value() + of_.counters.notifications.value();
                of_.processor.reset_figures();
            },
            [this](std::optional<std::int64_t> mask) {
                return trace_mask_ = mask.value_or(trace_mask_);
            },
            [this] {
                for (const auto& [connection, owned] : of_.connections) {
                    const auto established = connection->figures.established_ms;
                    connection->figures = {};
                    connection->figures.established_ms = established;
                }
            }};
}

ServerFigures LiveFigures::server_figures() const {
    const auto& state = of_.processor.state();
    ServerFigures figures;
    if (of_.processor.is_read_only()) {
        figures.mode = "read-only";
    } else if (of_.options.has_peers()) {
        figures.mode = of_.processor.is_leading() ? "leader" : "follower";
        if (of_.processor.is_leading()) figures.leader = leader_figures();
    }
    figures.latency = of_.processor.latency();
    figures.received = of_.counters.requests.value() - received_before_;
    figures.sent = of_.counters.replies.value() + of_.counters.notifications.value() - sent_before_;
    figures.connections = of_.connections.size();
    figures.outstanding = of_.processor.outstanding();
    figures.zxid = state.last_zxid();
    figures.znodes = state.znode_count();
    figures.ephemerals = state.ephemeral_count();
    figures.data_bytes = state.data_bytes();
    figures.sessions = of_.processor.tracker().size();
    figures.watches = of_.processor.watches().watch_count();
    const auto& sizes = of_.processor.response_sizes();
    figures.response_bytes_last = sizes.last;
    figures.response_bytes_min = sizes.min;
    figures.response_bytes_max = sizes.max;
    return figures;
}

ProcessFigures LiveFigures::process_figures() const {
    const auto uptime = now_() - started_;
    return {open_file_count(),
            open_file_max(),
            std::chrono::duration_cast<std::chrono::milliseconds>(uptime),
            counter_figures(),
            {{"readlatency", timing(of_.counters.read_latency)},
             {"updatelatency", timing(of_.counters.update_latency)}}};
}

LeaderFigures LiveFigures::leader_figures() const {
    LeaderFigures figures;
    for (const auto& [member, connected, match] : of_.node.members()) {
        const bool votes = member.role == MemberRole::voter;
        figures.quorum_size += votes ? 1 : 0;
        if (!connected || member.id == of_.node.id()) continue;
        ++figures.followers;
        ++(votes ? figures.synced_followers : figures.synced_observers);
    }
    return figures;
}

// By ZooKeeper's names where it counts the same thing.
std::vector<std::pair<std::string, std::int64_t>> LiveFigures::counter_figures() const {
    const auto value = [](const Counter& counter) {
        return static_cast<std::int64_t>(counter.value());
    };
    const auto watches_refused = value(of_.counters.watches_refused_total) +
                                 value(of_.counters.watches_refused_connection) +
                                 value(of_.counters.watches_refused_bytes);
    auto figures = of_.counters.quotas.mntr();
    figures.insert(figures.begin(),
                   {{"auth_failed_count", value(of_.counters.auth_failures)},
                    {"connection_rejected",
                     value(of_.counters.refused_total) + value(of_.counters.refused_address)},
                    {"connection_request_count", value(of_.counters.connections)},
                    {"connection_revalidate_count", value(of_.counters.sessions_attached)},
                    {"large_requests_rejected", value(of_.counters.dropped_frame)},
                    {"sessionless_connections_expired", value(of_.counters.dropped_handshake)},
                    {"request_throttle_wait_count", value(of_.counters.paused)},
                    {"stale_sessions_expired", value(of_.counters.sessions_expired)},
                    {"bytes_received_count", value(of_.counters.bytes_received)},
                    {"response_bytes", value(of_.counters.bytes_sent)},
                    {"commit_count", value(of_.counters.commands)},
                    {"throttled_ops", watches_refused + value(of_.counters.reads_refused)},
                    {"proposal_count", value(of_.counters.entries)}});
    return figures;
}

ServerSettings LiveFigures::settings() const {
    const auto plain = of_.options.listen.size();
    return {plain == 0 ? -1 : static_cast<int>(of_.ports.front()),
            of_.ports.size() > plain ? static_cast<int>(of_.ports.at(plain)) : -1,
            of_.options.data_dir.string(),
            bytes_below(of_.options.data_dir),
            of_.options,
            of_.options.enforce_quota,
            of_.options.has_peers() ? "membership: \n" + membership() + "\n" : ""};
}

std::string LiveFigures::membership() const {
    std::vector<Member> members;
    for (const auto& one : of_.node.members()) members.push_back(one.member);
    return format_membership(members);
}

std::vector<ConnectionLine> LiveFigures::connection_lines(const Connection& asking) const {
    std::vector<ConnectionLine> lines;
    lines.reserve(of_.connections.size());
    for (const auto& [connection, owned] : of_.connections) {
        lines.push_back({connection->address,
                         connection == &asking,
                         connection->requests.size(),
                         connection->command.session,
                         connection->timeout,
                         connection->figures});
    }
    return lines;
}

std::vector<SessionSet> LiveFigures::session_sets() const {
    const auto now = now_();
    const auto wall_ms = of_.options.wall_clock_ms();
    std::vector<SessionSet> sets;
    for (auto& [expiry, sessions] : of_.processor.tracker().sets()) {
        const auto in = std::chrono::duration_cast<std::chrono::milliseconds>(expiry - now);
        sets.push_back({wall_ms + in.count(), std::move(sessions)});
    }
    return sets;
}

std::vector<PathsOfSession> LiveFigures::data_watches() const {
    std::vector<PathsOfSession> all;
    for (auto& [watcher, paths] : of_.processor.watches().data_watches()) {
        all.emplace_back(watcher->command.session, std::move(paths));
    }
    return all;
}

}  // namespace coord
