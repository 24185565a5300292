// Whole clusters on simulated machines: real code above a simulated clock, network and disk.
//
//   simulation_test                            what every run of the tests does
//   simulation_test --gtest_filter=*clients    only whole servers with their clients; *raft: only replicas
//   SEED=4711 simulation_test                  one history again
//   SEED=4711 TRACE=1 simulation_test          and every step of it
//   simulation_test --start 100000 --minutes 30    other seeds, for as long as you like
//   simulation_test --seeds 5000                   or as many
#include "coord/base/log.hpp"
#include "tests/coord/simulation/server_history.hpp"
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

constexpr SeedRun replicas_by_default{
    .first = 1, .seeds_min = 500, .seeds_max = 3000, .time = std::chrono::seconds(60)};
constexpr SeedRun servers_by_default{
    .first = 1, .seeds_min = 300, .seeds_max = 2000, .time = std::chrono::seconds(45)};

struct Wishes {
    std::optional<std::uint64_t> seed;
    bool trace = false;
    std::optional<SeedRun> run;
} wishes;

void opaque(SimulatedWorld& world) { OpaqueHistory(world).run(); }
void servers(SimulatedWorld& world) { ServerHistory(world).run(); }

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
                             "lost disk replaced",
                             "handed over",
                             "term led",
                             "entry applied"}) {
        names.push_back(name);
    }
    return names;
}

std::vector<std::string_view> expected_of_servers() {
    auto names = SimulatedFaults::kinds();
    for (const auto* name : {"kill",
                             "killed within an event",
                             "ended by a full disk",
                             "snapshot",
                             "install",
                             "lost disk replaced",
                             "handed over",
                             "client closes",
                             "client drops",
                             "client falls silent",
                             "client stalls",
                             "client vanishes",
                             "client ahead of its server",
                             "session attached again",
                             "session moved",
                             "session closed",
                             "session expired",
                             "session expired for its client",
                             "void expiry",
                             "watches set again",
                             "event told",
                             "write refused without room",
                             "entry forwarded",
                             "forwarded entry dropped",
                             "entry repeated",
                             "writes sent again",
                             "write of unknown fate",
                             "request of unknown fate",
                             "register judged",
                             "snapshots compared"}) {
        names.push_back(name);
    }
    return names;
}

void run(const History& history,
         const SeedRun& by_default,
         const std::vector<std::string_view>& expected) {
    if (wishes.seed) {
        SimulatedWorld world(*wishes.seed);
        EXPECT_TRUE(run_seed(*wishes.seed, history, world, wishes.trace));
        return;
    }
    const auto result = run_seeds(wishes.run.value_or(by_default), history);
    std::cout << result.seeds << " histories\n";
    for (const auto& [name, count] : result.tally) {
        std::cout << std::setw(12) << count << "  " << name << '\n';
    }
    for (const auto seed : result.failed) ADD_FAILURE() << "SEED=" << seed;
    if (!result.failed.empty() || wishes.run) return;
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

TEST(Simulation, one_seed_gives_one_history_of_servers) { expect_equal_histories(servers); }

TEST(Simulation, no_fault_makes_servers_break_a_promise_to_their_clients) {
    run(servers, servers_by_default, expected_of_servers());
}

TEST(Simulation, no_fault_makes_replicas_break_a_promise_of_raft) {
    run(opaque, replicas_by_default, expected_of_raft());
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
        if (!wishes.run) wishes.run = coord::replicas_by_default;
        if (name == "--start") wishes.run->first = value;
        if (name == "--seeds") wishes.run->seeds_min = wishes.run->seeds_max = value;
        if (name == "--minutes") {
            wishes.run->seeds_min = 1;
            wishes.run->seeds_max = UINT64_MAX;
            wishes.run->time = std::chrono::minutes(value);
        }
    }
    return RUN_ALL_TESTS();
}
