// Whole clusters on simulated machines: real code above a simulated clock, network and disk.
//
//   simulation_test                            what every run of the tests does
//   SEED=4711 simulation_test                  one history again
//   SEED=4711 TRACE=1 simulation_test          and every step of it
//   simulation_test --start 100000 --minutes 30    other seeds, for as long as you like
//   simulation_test --seeds 5000                   or as many
#include "coord/base/log.hpp"
#include "tests/support/opaque_history.hpp"
#include "tests/support/seed_run.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <iomanip>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {
namespace {

struct Wishes {
    std::optional<std::uint64_t> seed;
    bool trace = false;
    SeedRun run{.first = 1, .seeds_min = 500, .seeds_max = 3000, .time = std::chrono::seconds(60)};
    bool by_hand = false;
} wishes;

void opaque(SimulatedWorld& world) { OpaqueHistory(world).run(); }

// What must have happened in a run, or it has not tested what it says.
std::vector<std::string_view> expected_of_raft() {
    auto names = SimulatedFaults::kinds();
    for (const auto* name : {"kill",
                             "killed within an event",
                             "append lost",
                             "append torn",
                             "append kept, not told",
                             "unwritten appends lost",
                             "log truncated",
                             "ended by a full disk",
                             "read from the log",
                             "snapshot",
                             "failed snapshot",
                             "install",
                             "failed install",
                             "crash within an install",
                             "proposal refused",
                             "backlog dropped",
                             "leader suspected",
                             "message held by a cut",
                             "message lost with its link",
                             "cut healed in time",
                             "member added",
                             "member promoted",
                             "member demoted",
                             "member relocated",
                             "member removed",
                             "change failed",
                             "term led",
                             "entry applied"}) {
        names.push_back(name);
    }
    return names;
}

void run(const History& history, const std::vector<std::string_view>& expected) {
    if (wishes.seed) {
        SimulatedWorld world(*wishes.seed);
        EXPECT_TRUE(run_seed(*wishes.seed, history, world, wishes.trace));
        return;
    }
    const auto result = run_seeds(wishes.run, history);
    std::cout << result.seeds << " histories\n";
    for (const auto& [name, count] : result.tally) {
        std::cout << std::setw(12) << count << "  " << name << '\n';
    }
    for (const auto seed : result.failed) ADD_FAILURE() << "SEED=" << seed;
    if (!result.failed.empty() || wishes.by_hand) return;
    for (const auto name : expected) {
        EXPECT_TRUE(result.tally.contains(std::string(name))) << name << " never happened";
    }
}

void expect_equal_histories(const History& history) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        SimulatedWorld one(seed);
        SimulatedWorld other(seed);

        ASSERT_TRUE(run_seed(seed, history, one));
        ASSERT_TRUE(run_seed(seed, history, other));

        EXPECT_EQ(one.trace.hash(), other.trace.hash()) << "SEED=" << seed;
        EXPECT_EQ(one.clock.steps(), other.clock.steps()) << "SEED=" << seed;
    }
}

TEST(Simulation, one_seed_gives_one_history) { expect_equal_histories(opaque); }

TEST(Simulation, no_fault_makes_replicas_break_a_promise_of_raft) {
    run(opaque, expected_of_raft());
}

}  // namespace
}  // namespace coord

int main(int argc, char** argv) {
    testing::InitGoogleTest(&argc, argv);
    coord::set_log_levels("off", {});
    auto& wishes = coord::wishes;
    if (const auto* const seed = std::getenv("SEED")) wishes.seed = std::stoull(seed);
    wishes.trace = std::getenv("TRACE") != nullptr;
    if (wishes.trace) coord::set_log_levels("info", {});
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string_view name = argv[i];
        const auto value = std::stoull(argv[i + 1]);
        wishes.by_hand = true;
        if (name == "--start") wishes.run.first = value;
        if (name == "--seeds") wishes.run.seeds_min = wishes.run.seeds_max = value;
        if (name == "--minutes") {
            wishes.run.seeds_min = 1;
            wishes.run.seeds_max = UINT64_MAX;
            wishes.run.time = std::chrono::minutes(value);
        }
    }
    return RUN_ALL_TESTS();
}
