#pragma once
// Could what clients saw of one znode have happened at single moments, one after the other?
//
// Fed by:  RegisterCalls, with every write of a znode and every read behind a sync; its own test.
// Thread:  the test's. Pure.
// Holds:   Herlihy and Wing's definition, by Wing and Gong's search with Lowe's memory of where it has
//          been. A call that never returned may have happened at any moment after it began, or not.

#include "coord/proto/error.hpp"
#include "tests/support/simulated_world.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace coord {

struct RegisterState {
    bool exists = false;
    std::int32_t version = 0;
    std::uint64_t value = 0;

    bool operator==(const RegisterState&) const = default;
};

struct RegisterCall {
    enum class Kind { create, set, remove, check, read };

    Kind kind{};
    std::uint64_t value = 0;     // written, or read
    std::int32_t expected = -1;  // the version that it asked for; -1: any
    std::int32_t version = 0;    // that a set made, or that was read
    Errc outcome{};              // if it has returned
    SimulatedTime invoked{};
    std::optional<SimulatedTime> returned = {};
};

// The state after the call; nothing if a call in this state cannot have this outcome.
std::optional<RegisterState> after(const RegisterState& before, const RegisterCall& call);

enum class Linearizability { holds, broken, undecided };

// Undecided: it would take more than so many steps.
Linearizability judge_register(std::vector<RegisterCall> calls, std::size_t steps_max = 400'000);

}  // namespace coord
