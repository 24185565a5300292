#include "coord/raft/file.hpp"

#include "tests/support/temporary_directory.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <system_error>
#include <utility>

namespace coord {
namespace {

using testing::HasSubstr;

TEST(File, has_what_was_written_and_zeros_between) {
    const TemporaryDirectory directory;
    File file(directory / "f", File::Mode::create);

    file.write_at(8, "abc");
    file.zero(9, 600'000);
    file.sync();

    EXPECT_EQ(file.size(), 600'000U);
    EXPECT_EQ(file.read(0, 12), std::string(8, '\0') + "a" + std::string(3, '\0'));
    EXPECT_EQ(file.read(599'999, 100), std::string(1, '\0'));
}

TEST(File, what_is_written_back_can_be_read_and_none_fails) {
    const TemporaryDirectory directory;
    File file(directory / "file", File::Mode::create);
    file.write_at(0, "there");
    file.write_back(0, 5);
    EXPECT_EQ(file.read(0, 5), "there");

    File none;
    EXPECT_THROW(none.write_back(0, 5), std::system_error);
}

TEST(File, create_refuses_a_file_that_exists) {
    const TemporaryDirectory directory;
    const File file(directory / "f", File::Mode::create);

    EXPECT_THROW(File(directory / "f", File::Mode::create), std::system_error);
}

TEST(File, an_error_names_the_file) {
    const TemporaryDirectory directory;
    try {
        const File file(directory / "none" / "f", File::Mode::update);
        FAIL();
    } catch (const std::system_error& error) {
        EXPECT_THAT(error.what(), HasSubstr((directory / "none/f").string()));
        EXPECT_THAT(error.what(), HasSubstr("No such file"));
    }
}

TEST(File, a_write_that_fails_throws) {
    const TemporaryDirectory directory;
    File(directory / "f", File::Mode::create);
    File file(directory / "f", File::Mode::read);

    EXPECT_THROW(file.write_at(0, "x"), std::system_error);
}

TEST(File, a_moved_file_is_open_in_one_place) {
    const TemporaryDirectory directory;
    File from(directory / "f", File::Mode::create);

    const File to = std::move(from);

    EXPECT_TRUE(to.is_open());
    EXPECT_EQ(to.path(), directory / "f");
}

TEST(File, directories_are_for_the_owner_only) {
    const TemporaryDirectory directory;

    make_directory(directory.path() / "a" / "b");

    EXPECT_EQ(std::filesystem::status(directory.path() / "a").permissions(),
              std::filesystem::perms::owner_all);
    EXPECT_EQ(std::filesystem::status(directory.path() / "a" / "b").permissions(),
              std::filesystem::perms::owner_all);
    EXPECT_NO_THROW(make_directory(directory.path() / "a" / "b"));
}

TEST(File, a_rename_replaces_the_target) {
    const TemporaryDirectory directory;
    File(directory / "a", File::Mode::create).write_at(0, "new");
    File(directory / "b", File::Mode::create).write_at(0, "older");

    rename_durably(directory / "a", directory / "b");

    EXPECT_EQ(File(directory / "b", File::Mode::read).read(0, 10), "new");
    EXPECT_FALSE(std::filesystem::exists(directory / "a"));
    EXPECT_THROW(rename_durably(directory / "a", directory / "b"), std::system_error);
}

}  // namespace
}  // namespace coord
