#include "dns/selection.hpp"

#include "tests/support/publications.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using agent::Health;
using support::Instance;
using support::make_node;
using support::make_service;

// "id priority weight first" of each that is selected.
std::vector<std::string> selected(const std::vector<Instance>& instances,
                                  const SelectionOptions& options = {}) {
    const auto view = make_service("s", instances);
    std::vector<Candidate> candidates;
    for (const auto& instance : view->instances) candidates.emplace_back(instance);
    std::vector<const Candidate*> all;
    for (const auto& candidate : candidates) all.push_back(&candidate);
    std::vector<std::string> lines;
    for (const auto& one : select(all, options).instances) {
        lines.push_back(std::string(one.instance->record.id()) + " " +
                        std::to_string(one.priority) + " " + std::to_string(one.weight) +
                        (one.first ? " first" : ""));
    }
    return lines;
}

using Lines = std::vector<std::string>;

const auto host = make_node("host", "10.0.0.1");

Candidate candidate(const std::map<std::string, std::string>& meta) {
    static std::vector<std::shared_ptr<const agent::ServiceView>> kept;
    kept.push_back(make_service("s", {{.node = host, .meta = meta}}));
    return Candidate(kept.back()->instances[0]);
}

TEST(Selection, weighs_an_instance_by_its_health) {
    EXPECT_EQ(selected({{.node = host, .weights = {7, 2}},
                        {.node = host, .health = Health::warning, .weights = {7, 2}},
                        {.node = host, .health = Health::critical}}),
              (Lines{"s-1 1 7 first", "s-2 1 2 first"}));
}

TEST(Selection, of_nobody_healthy_is_nobody_unless_one_says_all_and_never_has_maintained_ones) {
    const Instance down{.node = host, .health = Health::critical};
    const Instance open{
        .node = host, .health = Health::critical, .meta = {{"dns-none-healthy", "all"}}};
    const Instance maintained{.node = host, .maintenance = true};

    EXPECT_EQ(selected({down, maintained}), Lines{});
    EXPECT_EQ(selected({down, open, maintained}), (Lines{"s-1 1 1 first", "s-2 1 1 first"}));
    EXPECT_EQ(selected({down, open, {host}}), (Lines{"s-3 1 1 first"}));
}

TEST(Selection, has_priority_before_zone) {
    const std::map<std::string, std::string> spare = {{"dns-priority", "2"}};

    EXPECT_EQ(selected({{.node = host, .zone = "b"},
                        {.node = host, .meta = spare, .zone = "a"},
                        {.node = host, .meta = spare, .zone = "b"}},
                       {.zone = "a"}),
              (Lines{"s-1 2 1 first", "s-2 3 1", "s-3 4 1"}));
}

TEST(Selection, ignores_zones_where_the_own_one_has_nobody_or_too_few_healthy) {
    const Instance here{.node = host, .zone = "a"};
    const Instance here_down{.node = host, .health = Health::critical, .zone = "a"};
    const Instance there{.node = host, .zone = "b"};

    EXPECT_EQ(selected({here, here_down, there}, {.zone = "a"}),
              (Lines{"s-1 1 1 first", "s-3 2 1"}));
    EXPECT_EQ(selected({here, here_down, there}, {.zone = "a", .zone_healthy_percent_min = 51}),
              (Lines{"s-1 1 1 first", "s-3 1 1 first"}));
    EXPECT_EQ(selected({here_down, there}, {.zone = "a", .zone_healthy_percent_min = 0}),
              (Lines{"s-2 1 1 first"}));
    EXPECT_EQ(selected({here, there}, {.zone = ""}), (Lines{"s-1 1 1 first", "s-2 1 1 first"}));
}

TEST(Candidate, reads_the_settings_of_an_instance) {
    const auto read = candidate(
        {{"dns-ttl", "90s"}, {"dns-priority", "32767"}, {"dns-none-healthy", "all"}, {"x", "y"}});

    EXPECT_EQ(read.ttl, std::chrono::seconds(90));
    EXPECT_EQ(read.priority, 32'767);
    EXPECT_TRUE(read.fail_open);
    EXPECT_EQ(read.faults, 0U);
}

TEST(Candidate, passes_over_what_it_cannot_read) {
    for (const auto* ttl : {"", "x", "-1s", "200h", "10"}) {
        EXPECT_EQ(candidate({{"dns-ttl", ttl}}).faults, 1U) << ttl;
        EXPECT_FALSE(candidate({{"dns-ttl", ttl}}).ttl) << ttl;
    }
    for (const auto* priority : {"", "0", "32768", "-1", "1x", "99999999999"}) {
        EXPECT_EQ(candidate({{"dns-priority", priority}}).faults, 1U) << priority;
        EXPECT_EQ(candidate({{"dns-priority", priority}}).priority, 1) << priority;
    }
    EXPECT_EQ(candidate({{"dns-none-healthy", "some"}}).faults, 1U);
    EXPECT_EQ(candidate({{"dns-none-healthy", "none"}}).faults, 0U);
}

}  // namespace
}  // namespace dns
