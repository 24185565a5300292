#pragma once
// What a simulated client asks next, by chance.
//
// Fed by:  the simulation's dice; the tree as it is, for paths and versions that make sense.
// Read by: SimulatedClient.
// Thread:  the test's.

#include "tests/coord/simulation/tree_model.hpp"
#include "tests/support/simulated_world.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace coord {

struct Wish {
    OpCode op{};
    std::string body;
    bool behind_sync = false;
};

class Workload {
public:
    Workload(SimulatedWorld& world, const TreeModel& model, std::uint64_t client);

    // Who begins makes the znodes that the others are below.
    [[nodiscard]] std::vector<Wish> first();
    [[nodiscard]] Wish next();
    // Everything there is, and what may have been.
    [[nodiscard]] std::vector<Wish> all() const;

private:
    using Draw = Wish (Workload::*)();

    Wish set_register();
    Wish create_register();
    Wish remove_register();
    Wish read_register();
    Wish read_register_behind_sync();
    Wish create_ephemeral();
    Wish remove_ephemeral();
    Wish look_at_ephemeral();
    Wish add_item();
    Wish remove_item();
    Wish list_children();
    Wish several();
    Wish watch_on();

    [[nodiscard]] std::string data();
    [[nodiscard]] std::string a_register();
    [[nodiscard]] std::string an_ephemeral();
    [[nodiscard]] std::string an_item();
    [[nodiscard]] std::int32_t a_version(const std::string& path);

    SimulatedWorld& world_;
    Dice& dice_;
    const TreeModel& model_;
    const std::uint64_t client_;
    std::uint64_t count_ = 0;
    std::vector<Draw> mix_;
};

}  // namespace coord
