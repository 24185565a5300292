#pragma once
// Many histories, each from its seed, on all processors, for a given time.
//
// Fed by:  a test, with what a history does.
// Thread:  the test's; it forks a process per processor, so that whatever ends one names its seed.
// Holds:   a history that fails prints its seed, its step and the last that happened.

#include "tests/support/simulated_world.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace coord {

struct SeedRun {
    std::uint64_t first = 1;
    std::uint64_t seeds_min = 1;  // also when that takes longer
    std::uint64_t seeds_max = 1;
    std::chrono::seconds time{60};
};

struct SeedRunResult {
    std::uint64_t seeds = 0;
    std::vector<std::uint64_t> failed;
    std::map<std::string, std::uint64_t> tally;
};

using History = std::function<void(SimulatedWorld&)>;

SeedRunResult run_seeds(const SeedRun& run, const History& history);
// In this process. False if it broke a promise, which it prints. `loud`: every step.
bool run_seed(std::uint64_t seed, const History& history, SimulatedWorld& world, bool loud = false);

}  // namespace coord
