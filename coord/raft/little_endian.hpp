#pragma once
// Numbers as our files have them: least significant byte first, whatever the processor does.
//
// Fed by:  the formats of the log, the metadata and the snapshots.
// Thread:  any; they are functions.
// Holds:   get_number() is asked only for bytes that are there.

#include <array>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace coord {

template <std::unsigned_integral Number>
void put_number(std::string& out, Number value) {
    std::array<char, sizeof(Number)> bytes{};
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        bytes[i] = static_cast<char>((std::uint64_t{value} >> (8U * i)) & 0xFFU);
    }
    out.append(bytes.data(), bytes.size());
}

template <std::unsigned_integral Number>
Number get_number(std::string_view bytes, std::size_t offset) {
    assert(offset + sizeof(Number) <= bytes.size());
    Number value = 0;
    for (std::size_t i = 0; i < sizeof(Number); ++i) {
        const auto byte = static_cast<unsigned char>(bytes[offset + i]);
        value = static_cast<Number>(value | (Number{byte} << (8U * i)));
    }
    return value;
}

}  // namespace coord
