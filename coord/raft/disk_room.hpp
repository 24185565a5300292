#pragma once
// How much room the file system of the log still has, against the reserve that is kept free.
//
// Fed by:  whoever has written, or has waited: it calls look().
// Read by: Replica, which takes no more entries while there is none; metrics.
// Thread:  any; every value is an atomic.
// Holds:   what is taken is given back late: after there was no room, there is room again only with
//          a quarter of the reserve more than it. So it does not change with every write.

#include "coord/raft/disk.hpp"

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limits>

namespace coord {

class DiskRoom {
public:
    // Free bytes of the file system that a path is on. A test has its own.
    using Free = std::function<std::uint64_t(const std::filesystem::path&)>;
    static std::uint64_t free_bytes(const std::filesystem::path& path);

    DiskRoom(std::filesystem::path path, std::uint64_t reserve, Free free = free_bytes);

    // True: there is room now and was not, or the other way round.
    bool look();
    [[nodiscard]] Room room() const { return room_; }
    [[nodiscard]] std::uint64_t free() const { return free_; }
    [[nodiscard]] std::uint64_t reserve() const { return reserve_; }

private:
    const std::filesystem::path path_;
    const std::uint64_t reserve_;
    const Free ask_;
    std::atomic<std::uint64_t> free_{std::numeric_limits<std::uint64_t>::max()};
    std::atomic<Room> room_{Room::plenty};
};

}  // namespace coord
