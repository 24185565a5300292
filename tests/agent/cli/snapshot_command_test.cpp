#include "tests/support/fake_agent.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <filesystem>

namespace {

namespace fs = std::filesystem;

TEST(SnapshotCommand, what_is_no_whole_snapshot_gets_no_name) {
    const coord::TemporaryDirectory directory;
    const auto file = (directory.path() / "saved").string();
    int status = 200;
    tests::FakeAgent fake([&](const auto&, const auto&) {
        return tests::FakeReply{status, "no snapshot at all"};
    });
    const auto save = [&] {
        return tests::run_command({"snapshot", "save", file, "--http-addr", fake.address()});
    };

    EXPECT_EQ(save().code, agent::exit_failed);
    status = 503;
    const auto refused = save();

    EXPECT_EQ(refused.code, agent::exit_failed);
    EXPECT_NE(refused.err.find("no snapshot at all"), std::string::npos);
    EXPECT_FALSE(fs::exists(file));
}

TEST(SnapshotCommand, a_path_with_nothing_of_ours_is_refused_in_one_line) {
    const coord::TemporaryDirectory directory;
    const auto path = directory.path().string();

    for (const auto& arguments : {std::vector<std::string>{"snapshot", "inspect", path},
                                  {"snapshot", "inspect", path + "/none"},
                                  {"snapshot", "restore", path + "/none", "--data-dir", path}}) {
        const auto ran = tests::run_command(arguments);
        EXPECT_EQ(ran.code, agent::exit_failed);
        EXPECT_NE(ran.err.find(path), std::string::npos) << ran.err;
        EXPECT_TRUE(fs::is_empty(directory.path()));
    }
}

}  // namespace
