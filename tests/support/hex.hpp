#pragma once
// Captured octets, as their hexadecimal digits.
//
// Fed by:  tests with golden bytes.
// Thread:  any.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline std::vector<std::uint8_t> from_hex(std::string_view digits) {
    std::vector<std::uint8_t> octets;
    for (std::size_t i = 0; i + 1 < digits.size(); i += 2) {
        octets.push_back(
            static_cast<std::uint8_t>(std::stoi(std::string(digits.substr(i, 2)), nullptr, 16)));
    }
    return octets;
}

}  // namespace support
