#include "coord/raft/peer_counters.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>

namespace coord {
namespace {

TEST(PeerCounters, every_refusal_is_counted_under_its_reason) {
    PeerCounters counters;
    counters.of(PeerRefusal::late).add(3);

    const auto metrics = counters.metrics();

    const auto late = std::find_if(metrics.begin(), metrics.end(), [](const Metric& metric) {
        return !metric.labels.empty() && metric.labels[0].second == "late";
    });
    ASSERT_NE(late, metrics.end());
    EXPECT_EQ(late->name, "roster_raft_peer_refused_total");
    EXPECT_EQ(late->value, 3);
    const auto reasons = std::count_if(metrics.begin(), metrics.end(), [](const Metric& metric) {
        return metric.name == "roster_raft_peer_refused_total";
    });
    EXPECT_EQ(static_cast<std::size_t>(reasons), peer_refusal_names.size());
}

TEST(PeerCounters, what_counts_ends_in_total) {
    for (const auto& metric : PeerCounters().metrics()) {
        EXPECT_EQ(metric.kind == MetricKind::counter, metric.name.ends_with("_total"))
            << metric.name;
    }
}

}  // namespace
}  // namespace coord
