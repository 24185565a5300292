#include "coord/server/server_counters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace coord {
namespace {

TEST(ServerCounters, every_figure_is_a_metric_of_the_house) {
    ServerCounters counters;
    counters.requests.add(3);
    counters.sessions.set(2);

    const auto metrics = counters.metrics();
    const auto value = [&](std::string_view name) {
        const auto at = std::find_if(metrics.begin(), metrics.end(), [&](const Metric& metric) {
            return metric.name == name;
        });
        return at == metrics.end() ? -1 : at->value;
    };

    EXPECT_EQ(value("roster_coord_requests_total"), 3);
    EXPECT_EQ(value("roster_coord_sessions"), 2);
    for (const auto& metric : metrics) {
        EXPECT_TRUE(metric.name.starts_with("roster_coord_")) << metric.name;
        const bool is_summary = metric.name.ends_with("_sum") || metric.name.ends_with("_count");
        EXPECT_EQ(metric.kind == MetricKind::counter, metric.name.ends_with("_total") || is_summary)
            << metric.name;
    }
}

TEST(ServerCounters, each_limit_has_its_reason_under_one_family) {
    ServerCounters counters;
    counters.dropped_output.add();
    std::set<std::string> reasons;
    for (const auto& metric : counters.metrics()) {
        if (metric.name != "roster_coord_connections_dropped_total") continue;
        ASSERT_EQ(metric.labels.size(), 1U);
        EXPECT_EQ(metric.value, metric.labels[0].second == "output_bytes_max" ? 1 : 0);
        reasons.insert(metric.labels[0].second);
    }
    EXPECT_EQ(reasons.size(), 5U);
}

}  // namespace
}  // namespace coord
