#include "agent/data_dir.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <stdexcept>
#include <string>

namespace agent {
namespace {

namespace fs = std::filesystem;

class DataDirTest : public testing::Test {
protected:
    DataDirTest() {
        std::string name = testing::TempDir() + "roster-XXXXXX";
        root_ = ::mkdtemp(name.data());
    }
    ~DataDirTest() override { fs::remove_all(root_); }

    [[nodiscard]] fs::path path() const { return root_ / "data"; }

    coord::SessionIdentity session_{coord::SessionId{-0x7edcba9876543210}, {'\0', '\xff', 'p'}};

private:
    fs::path root_;
};

TEST_F(DataDirTest, is_made_for_its_owner_alone) {
    const DataDir directory(path());

    EXPECT_EQ(fs::status(path()).permissions(), fs::perms::owner_all);
}

TEST_F(DataDirTest, is_refused_to_a_second_process_with_the_pid_of_the_first) {
    const DataDir first(path());

    try {
        const DataDir second(path());
        FAIL() << "the second agent opened the directory";
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(std::string(error.what()),
                  "data directory " + path().string() + " is in use by process " +
                      std::to_string(::getpid()));
    }
}

TEST_F(DataDirTest, is_free_again_when_its_holder_is_gone) {
    { const DataDir first(path()); }

    EXPECT_NO_THROW(const DataDir second(path()));
}

TEST_F(DataDirTest, keeps_the_id_of_the_node) {
    std::string made;
    {
        DataDir directory(path());
        made = directory.node_id();
    }

    DataDir again(path());
    EXPECT_EQ(again.node_id(), made);
    EXPECT_EQ(made.size(), 36U);
}

TEST_F(DataDirTest, keeps_the_session_of_the_same_ensemble) {
    DataDir directory(path());
    directory.save_session("zk1:2181,zk2:2181/chroot", session_);

    const auto loaded = directory.load_session("zk1:2181,zk2:2181/chroot");

    ASSERT_TRUE(loaded);
    EXPECT_EQ(loaded->id, session_.id);
    EXPECT_EQ(loaded->password, session_.password);
    EXPECT_FALSE(directory.load_session("elsewhere:2181"));
}

TEST_F(DataDirTest, has_no_session_at_first_nor_from_a_damaged_file) {
    DataDir directory(path());
    EXPECT_FALSE(directory.load_session("zk1:2181"));

    for (const auto* line : {"zk1:2181", "zk1:2181 12ab", "zk1:2181 12ab zz", "\xff\xfe"}) {
        std::ofstream(path() / "session") << line << "\n";
        EXPECT_FALSE(directory.load_session("zk1:2181")) << line;
    }
}

TEST_F(DataDirTest, forgets_the_session_when_told) {
    DataDir directory(path());
    directory.save_session("zk1:2181", session_);
    directory.forget_session();

    EXPECT_FALSE(directory.load_session("zk1:2181"));
}

TEST_F(DataDirTest, says_which_directory_cannot_be_made) {
    std::ofstream(path()) << "a file";

    EXPECT_THROW(const DataDir directory(path() / "below"), std::runtime_error);
}

TEST_F(DataDirTest, a_file_is_replaced_as_a_whole) {
    const DataDir directory(path());
    replace_file(path() / "file", "first");
    replace_file(path() / "file", "second");

    std::ifstream in(path() / "file");
    EXPECT_EQ(std::string(std::istreambuf_iterator<char>(in), {}), "second");
    EXPECT_FALSE(fs::exists(path() / "file.new"));
}

TEST(EphemeralDirectory, goes_with_all_that_is_in_it) {
    fs::path path;
    {
        const EphemeralDirectory directory;
        path = directory.path();
        replace_file(path / "file", "content");
        EXPECT_TRUE(fs::exists(path / "file"));
    }
    EXPECT_FALSE(fs::exists(path));
}

}  // namespace
}  // namespace agent
