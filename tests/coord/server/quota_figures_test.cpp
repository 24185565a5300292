#include "coord/server/quota_figures.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

namespace coord {
namespace {

using Lines = std::vector<std::pair<std::string, std::int64_t>>;

TEST(QuotaFigures, quotas_of_one_namespace_add_up_under_zookeepers_names) {
    QuotaFigures figures;

    figures.set({{"/app/a", 5, -1, 2, 30}, {"/app/b", 7, 100, 1, 4}});

    EXPECT_EQ(figures.mntr(),
              (Lines{{"app_quota_count_limit_per_namespace", 12},
                     {"app_quota_bytes_limit_per_namespace", 99},
                     {"app_quota_count_usage_per_namespace", 3},
                     {"app_quota_bytes_usage_per_namespace", 34}}));
}

TEST(QuotaFigures, mntr_counts_hard_limits_only_as_zookeeper_does_and_metrics_both) {
    QuotaFigures figures;

    figures.note({"/app", "znodes", true, 6, 5}, true, {});
    figures.note({"/app", "znodes", false, 6, 5}, false, {});
    figures.note({"/app", "bytes", false, 6, 5}, false, {});
    figures.note({"/soft", "bytes", false, 6, 5}, false, {});

    EXPECT_EQ(figures.mntr(), (Lines{{"app_quota_exceeded_error_per_namespace", 1}}));
    const auto metrics = figures.metrics();
    ASSERT_EQ(metrics.size(), 4U);
    EXPECT_EQ(metrics[0].name, "roster_coord_quota_exceeded_total");
    EXPECT_EQ(metrics[0].value, 1);
    EXPECT_EQ(metrics[1].labels[1].second, "soft");
    EXPECT_EQ(metrics[1].value, 2);
}

TEST(QuotaFigures, a_quota_that_is_gone_is_gone_from_the_figures) {
    QuotaFigures figures;
    figures.set({{"/app", 5, -1, 2, 30}});

    figures.set({});

    EXPECT_TRUE(figures.mntr().empty());
    EXPECT_TRUE(figures.metrics().empty());
}

TEST(QuotaFigures, namespaces_beyond_the_limit_stand_together) {
    QuotaFigures figures;
    for (std::size_t i = 0; i < QuotaFigures::namespaces_max + 10; ++i) {
        figures.note({"/n" + std::to_string(i), "znodes", true, 6, 5}, true, {});
    }

    const auto lines = figures.mntr();

    EXPECT_EQ(lines.size(), QuotaFigures::namespaces_max + 1);
    EXPECT_TRUE(std::find(lines.begin(),
                          lines.end(),
                          std::pair<std::string, std::int64_t>(
                              "other_quota_exceeded_error_per_namespace", 10)) != lines.end());
}

}  // namespace
}  // namespace coord
