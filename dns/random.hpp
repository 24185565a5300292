#pragma once
// A small, fast generator for the order of answers. Nothing secret depends on it.
//
// Fed by:  a seed of its owner's: one per worker.
// Thread:  its owner's.
// Source:  PCG-XSH-RR 64/32 (O'Neill 2014).

#include <cstdint>

namespace dns {

class Random {
public:
    explicit Random(std::uint64_t seed) : state_(seed) { next(); }

    std::uint32_t next() {
        const std::uint64_t old = state_;
        state_ = old * 6364136223846793005U + 1442695040888963407U;
        const auto mixed = static_cast<std::uint32_t>((old >> 18U ^ old) >> 27U);
        const auto turn = static_cast<std::uint32_t>(old >> 59U);
        return mixed >> turn | mixed << (-turn & 31U);
    }

    // 0 … bound - 1, by multiplication (Lemire): no division.
    std::uint32_t below(std::uint32_t bound) {
        return static_cast<std::uint32_t>(std::uint64_t{next()} * bound >> 32U);
    }

private:
    std::uint64_t state_;
};

}  // namespace dns
