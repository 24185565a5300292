#pragma once
// Random writes of every kind to a few paths, from a seed that is printed and can be given (SEED=…).
//
// Fed by:  the tests of snapshots and of rolling back.
// Thread:  the test's.

#include "tests/support/tree_machine.hpp"

#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace coord {

inline std::uint64_t seed_of_this_run() {
    const auto* given = std::getenv("SEED");
    return given != nullptr ? std::strtoull(given, nullptr, 10) : std::random_device{}();
}

class RandomWrites {
public:
    explicit RandomWrites(std::uint64_t seed) : random_(seed) {}

    std::size_t below(std::size_t limit) { return random_() % limit; }

    std::string path() {
        std::string path;
        const auto depth = 1 + below(3);
        for (std::size_t i = 0; i < depth; ++i) path += "/" + std::string(1, "abcde"[below(5)]);
        return path;
    }

    // One write, which may well fail. A closed session is opened again.
    void write(Machine& machine) {
        machine.now_ms += 1;
        machine.session = below(2) == 0 ? alice : bob;
        if (!machine.tree.find_session(machine.session)) machine.open(machine.session);
        switch (below(12)) {
            case 0: machine.close(machine.session); break;
            case 1: machine.set_acl(path(), random_acl()); break;
            case 2:
            case 3: machine.set(path(), random_data()); break;
            case 4:
            case 5:
            case 6: machine.remove(path()); break;
            case 7: machine.create_ttl(path(), 100); break;
            case 8: machine.apply(OpCode::multi, multi().done()); break;
            default: machine.create(path(), random_mode(), random_data(), random_acl());
        }
    }

    // Each operation likely to go through if those before it did.
    MultiBody multi() {
        MultiBody body;
        for (auto left = 1 + below(6); left > 0; --left) {
            switch (below(4)) {
                case 0: body.remove(path()); break;
                case 1: body.set(path(), random_data().value_or("")); break;
                default: body.create(path(), random_mode());
            }
        }
        return body;
    }

private:
    CreateMode random_mode() { return CreateMode{static_cast<std::int32_t>(below(4))}; }

    std::optional<std::string> random_data() {
        if (below(5) == 0) return std::nullopt;
        return std::string(below(40), static_cast<char>('0' + below(10)));
    }

    std::vector<Acl> random_acl() {
        if (below(3) != 0) return open_acl_unsafe;
        return {{perm::all, {"ip", "127.0.0.0/" + std::to_string(8 + below(4))}}};
    }

    std::mt19937_64 random_;
};

}  // namespace coord
