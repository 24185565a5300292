#include "coord/raft/directory_lock.hpp"

#include <fmt/format.h>

#include <cerrno>
#include <stdexcept>
#include <string>
#include <sys/file.h>
#include <system_error>
#include <unistd.h>

namespace coord {

DirectoryLock::DirectoryLock(const std::filesystem::path& data_dir,
                             const std::filesystem::path& file)
    : file_(file, File::Mode::update) {
    if (::flock(file_.descriptor(), LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK) {
            throw std::system_error(errno, std::generic_category(), "cannot lock " + file.string());
        }
        const auto line = file_.read(0, 32);
        throw std::runtime_error(fmt::format("data directory {} is in use by pid {}",
                                             data_dir.string(),
                                             line.substr(0, line.find('\n'))));
    }
    if (::ftruncate(file_.descriptor(), 0) != 0) {
        throw std::system_error(errno, std::generic_category(), "cannot write " + file.string());
    }
    file_.write_at(0, std::to_string(::getpid()) + "\n");
}

}  // namespace coord
