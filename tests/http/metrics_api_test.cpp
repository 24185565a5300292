#include "http/metrics_api.hpp"

#include "tests/http/face.hpp"

#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <limits>

namespace http {
namespace {

using coord::Metric;
using coord::MetricKind;

TEST(Prometheus, has_one_help_and_type_for_a_family_from_several_rooms) {
    const auto text = format_prometheus({
        {MetricKind::counter, "roster_a_total", "Of a.", 1, {{"room", "x"}}},
        {MetricKind::gauge, "roster_b", "Of b.", 0.5, {}},
        {MetricKind::counter, "roster_a_total", "Of a.", 2, {{"room", "y"}}},
    });

    EXPECT_EQ(text,
              "# HELP roster_a_total Of a.\n# TYPE roster_a_total counter\n"
              "roster_a_total{room=\"x\"} 1\nroster_a_total{room=\"y\"} 2\n"
              "# HELP roster_b Of b.\n# TYPE roster_b gauge\nroster_b 0.5\n");
}

TEST(Prometheus, escapes_labels_and_help) {
    const auto text = format_prometheus(
        {{MetricKind::gauge, "roster_x", "A \\ and\nmore.", 1, {{"path", "a\"b\\c\nd"}}}});

    EXPECT_EQ(text,
              "# HELP roster_x A \\\\ and\\nmore.\n# TYPE roster_x gauge\n"
              "roster_x{path=\"a\\\"b\\\\c\\nd\"} 1\n");
}

TEST(Prometheus, prints_large_and_special_numbers) {
    const auto text = format_prometheus(
        {{MetricKind::gauge, "roster_x", "X.", 1234567890123456.0, {}},
         {MetricKind::gauge, "roster_y", "Y.", std::numeric_limits<double>::infinity(), {}}});

    EXPECT_NE(text.find("roster_x 1234567890123456"), std::string::npos) << text;
    EXPECT_NE(text.find("roster_y +Inf"), std::string::npos);
}

TEST(MetricsApi, passes_promtool) {
    if (std::system("command -v promtool >/dev/null 2>&1") != 0) GTEST_SKIP() << "no promtool";
    Face face;
    face.publish(web_publication(10));
    face.get("/v1/catalog/nodes");
    face.get("/nowhere");

    const auto reply = face.get("/metrics");
    EXPECT_EQ(reply.find("content-type"), "text/plain; version=0.0.4");
    const auto file = testing::TempDir() + "metrics.prom";
    std::ofstream(file) << reply.body;

    EXPECT_EQ(std::system(("promtool check metrics < " + file).c_str()), 0) << reply.body;
    std::remove(file.c_str());
}

TEST(MetricsApi, adds_the_samples_of_the_other_rooms) {
    ServerOptions options;
    options.metrics.push_back([] {
        return std::vector<Metric>{{MetricKind::gauge, "roster_elsewhere", "There.", 4, {}}};
    });
    const Face face(std::move(options));

    EXPECT_NE(face.get("/metrics").body.find("roster_elsewhere 4\n"), std::string::npos);
    EXPECT_EQ(face.get("/v1/agent/metrics?format=prometheus").find("content-type"),
              "text/plain; version=0.0.4");
    const auto json = boost::json::parse(face.get("/v1/agent/metrics").body);
    EXPECT_FALSE(json.at("Gauges").as_array().empty());
    EXPECT_FALSE(json.at("Counters").as_array().empty());
    EXPECT_EQ(json.at("Timestamp").as_string(), "1970-01-01 00:00:00 +0000 UTC");
}

}  // namespace
}  // namespace http
