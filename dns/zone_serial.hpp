#pragma once
// The serial of our zones: a transaction of the core, as 32 bits that RFC 1982 can compare.
//
// Fed by:  AnswerCompiler and Transfers, with the index of an exact publication.
// Thread:  any; pure functions.
// Holds:   the same on every agent that knows the same. It grows with the index as long as
//          elections of an Apache ZooKeeper ensemble are less than 2^28 transactions apart, and no
//          secondary misses eight of them in a row; and over a restore of our own core's state, as
//          long as less than 2^30 transactions are lost by it.

#include "agent/catalog.hpp"

#include <cstdint>

namespace dns {

// The upper half of an index counts the elections of an Apache ZooKeeper, which begins the lower
// half again with each: a step of about 2^28 keeps the serial going up. Our own core's upper half
// goes up by 256 when its state is restored: that is a step of 2^30.
inline std::uint32_t serial_of(agent::CatalogIndex changed_at) {
    constexpr std::uint32_t step = (1U << 28U) + (1U << 22U);
    const auto index = static_cast<std::uint64_t>(changed_at);
    return static_cast<std::uint32_t>(index) + static_cast<std::uint32_t>(index >> 32U) * step;
}

// RFC 1982 §3.2.
inline bool is_later(std::uint32_t serial, std::uint32_t than) {
    return serial != than && serial - than < 0x8000'0000U;
}

}  // namespace dns
