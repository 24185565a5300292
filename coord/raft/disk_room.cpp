#include "coord/raft/disk_room.hpp"

#include "coord/base/log.hpp"

#include <sys/statvfs.h>
#include <utility>

namespace coord {

namespace {

spdlog::logger& log() { return logger("coord.raft"); }

}  // namespace

// What only root may have counts for nothing. Whoever cannot be asked has room: a write will tell.
std::uint64_t DiskRoom::free_bytes(const std::filesystem::path& path) {
    struct statvfs found {};
    if (::statvfs(path.c_str(), &found) != 0) return std::numeric_limits<std::uint64_t>::max();
    return std::uint64_t{found.f_bavail} * found.f_frsize;
}

DiskRoom::DiskRoom(std::filesystem::path path, std::uint64_t reserve, Free free)
    : path_(std::move(path)), reserve_(reserve), ask_(std::move(free)) {}

bool DiskRoom::look() {
    const auto free = ask_(path_);
    free_ = free;
    const auto before = room_.load();
    auto now = Room::plenty;
    if (free < reserve_ / 2) {
        now = Room::none;
    } else if (free < reserve_ || (before != Room::plenty && free < reserve_ + reserve_ / 4)) {
        now = Room::reserve;
    }
    // Of two threads that look at once, one tells.
    if (room_.exchange(now) == now) return false;
    if ((before == Room::plenty) == (now == Room::plenty)) return false;
    if (now == Room::plenty) {
        log().info("room on the disk again free_bytes={}", free);
    } else {
        log().error("disk almost full, writes are refused directory={} free_bytes={} reserve={}",
                    path_.string(),
                    free,
                    reserve_);
    }
    return true;
}

}  // namespace coord
