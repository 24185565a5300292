#pragma once
// CRC-32C (Castagnoli, RFC 3720 appendix B.4), by the processor where it can.
//
// Fed by:  the formats of the log, the metadata and the snapshots.
// Thread:  any; it is a function.

#include <cstdint>
#include <string_view>

namespace coord {

// `before` is the result for the bytes before these, to go on from; 0 to begin.
std::uint32_t crc32c(std::string_view bytes, std::uint32_t before = 0);
// The same without the processor's instruction; the tests compare the two.
std::uint32_t crc32c_portable(std::string_view bytes, std::uint32_t before = 0);

}  // namespace coord
