#include "coord/server/quota_figures.hpp"

#include "coord/base/log.hpp"

#include <algorithm>

namespace coord {
namespace {

spdlog::logger& log() { return logger("coord.quota"); }

constexpr std::chrono::seconds between_lines{1};

std::string top_namespace(const std::string& path) {
    return path.substr(1, std::min(path.find('/', 1), path.size()) - 1);
}

template <class Value>
Value& entry_of(std::map<std::string, Value>& entries, const std::string& path) {
    auto name = top_namespace(path);
    if (entries.size() >= QuotaFigures::namespaces_max && !entries.contains(name)) name = "other";
    return entries[name];
}

}  // namespace

void QuotaFigures::note(const QuotaExcess& excess, bool is_refused, Time now) {
    {
        const std::lock_guard lock(mutex_);
        auto& excesses = entry_of(excesses_, excess.path);
        ++(excess.is_hard ? excesses.hard : excesses.soft);
    }
    if (now < next_line_) {
        ++unlogged_;
        return;
    }
    next_line_ = now + between_lines;
    log().warn("quota exceeded path={} {}={} limit={} kind={} refused={} unlogged={}",
               excess.path,
               excess.what,
               excess.would_be,
               excess.limit,
               excess.is_hard ? "hard" : "soft",
               is_refused,
               std::exchange(unlogged_, 0));
}

void QuotaFigures::set(const std::vector<QuotaView>& quotas) {
    const std::lock_guard lock(mutex_);
    uses_.clear();
    for (const auto& quota : quotas) {
        auto& use = entry_of(uses_, quota.path);
        use.count_limit += quota.count_limit;
        use.byte_limit += quota.byte_limit;
        use.count += quota.count;
        use.bytes += quota.bytes;
    }
}

std::vector<Metric> QuotaFigures::metrics() const {
    const std::lock_guard lock(mutex_);
    std::vector<Metric> metrics;
    for (const auto& [name, excesses] : excesses_) {
        for (const auto& [kind, count] :
             {std::pair("hard", excesses.hard), {"soft", excesses.soft}}) {
            metrics.push_back({MetricKind::counter,
                               "roster_coord_quota_exceeded_total",
                               "Writes of this server's clients that went beyond a quota's limit.",
                               static_cast<double>(count),
                               {{"namespace", name}, {"limit", kind}}});
        }
    }
    const auto gauges = [&](const char* name, const char* help, std::int64_t Use::*figure) {
        for (const auto& [of, use] : uses_) {
            metrics.push_back({MetricKind::gauge,
                               name,
                               help,
                               static_cast<double>(use.*figure),
                               {{"namespace", of}}});
        }
    };
    gauges("roster_coord_quota_znodes", "Znodes below quota'd paths.", &Use::count);
    gauges("roster_coord_quota_znodes_limit", "Quotas of znodes; -1: none.", &Use::count_limit);
    gauges("roster_coord_quota_bytes", "Bytes of data below quota'd paths.", &Use::bytes);
    gauges("roster_coord_quota_bytes_limit", "Quotas of bytes; -1: none.", &Use::byte_limit);
    return metrics;
}

std::vector<std::pair<std::string, std::int64_t>> QuotaFigures::mntr() const {
    const std::lock_guard lock(mutex_);
    std::vector<std::pair<std::string, std::int64_t>> lines;
    for (const auto& [name, use] : uses_) {
        lines.emplace_back(name + "_quota_count_limit_per_namespace", use.count_limit);
        lines.emplace_back(name + "_quota_bytes_limit_per_namespace", use.byte_limit);
        lines.emplace_back(name + "_quota_count_usage_per_namespace", use.count);
        lines.emplace_back(name + "_quota_bytes_usage_per_namespace", use.bytes);
    }
    for (const auto& [name, excesses] : excesses_) {
        if (excesses.hard == 0) continue;
        lines.emplace_back(name + "_quota_exceeded_error_per_namespace",
                           static_cast<std::int64_t>(excesses.hard));
    }
    return lines;
}

}  // namespace coord
