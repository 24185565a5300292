#include "coord/raft/directory_lock.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <optional>
#include <stdexcept>
#include <string>
#include <unistd.h>

namespace coord {
namespace {

TEST(DirectoryLock, a_second_holder_is_told_who_is_the_first) {
    const TemporaryDirectory directory;
    const DirectoryLock first("/srv/roster", directory / "lock");
    try {
        const DirectoryLock second("/srv/roster", directory / "lock");
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "data directory /srv/roster is in use by pid " + std::to_string(::getpid()));
    }
}

TEST(DirectoryLock, ends_with_its_holder) {
    const TemporaryDirectory directory;
    std::optional<DirectoryLock> lock(std::in_place, directory.path(), directory / "lock");
    lock.reset();

    EXPECT_NO_THROW(lock.emplace(directory.path(), directory / "lock"));
}

}  // namespace
}  // namespace coord
