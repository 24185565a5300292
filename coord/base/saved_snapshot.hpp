#pragma once
// A snapshot of the core as a file to be kept elsewhere.
//
// Fed by:  the embedded core.
// Read by: whoever hands it to an operator: the HTTP face.
// Thread:  any; the file is whole, never changes, and lives as long as this does.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace coord {

struct SavedSnapshot {
    std::uint64_t index = 0;  // of the last entry in it
    std::uint64_t bytes = 0;
    // Throws std::system_error if the disk fails.
    std::function<std::string(std::uint64_t offset, std::size_t count)> read;
};

}  // namespace coord
