#pragma once
// One process per data directory.
//
// Fed by:  Node, before it reads anything.
// Thread:  coord.
// Holds:   the lock lasts as long as this object, and ends with the process however it ends.
// Fails:   throws std::runtime_error "data directory /x is in use by pid N".

#include "coord/raft/file.hpp"

#include <filesystem>

namespace coord {

class DirectoryLock {
public:
    // `data_dir` is what the message calls it by; `file` holds the lock and the pid.
    DirectoryLock(const std::filesystem::path& data_dir, const std::filesystem::path& file);

private:
    File file_;
};

}  // namespace coord
