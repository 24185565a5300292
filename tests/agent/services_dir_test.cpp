#include "agent/services_dir.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

namespace fs = std::filesystem;

class ServicesDir : public testing::Test {
protected:
    ServicesDir() {
        static int number = 0;
        path_ = fs::path(testing::TempDir()) /
                ("services_dir_" + std::to_string(::getpid()) + "_" + std::to_string(++number));
        fs::create_directories(path_);
    }
    ~ServicesDir() override { fs::remove_all(path_); }

    void start(agent::Scripts scripts = agent::Scripts::allowed) {
        watched_.emplace(
            io_,
            path_,
            [this](const auto& all) {
                ++told_;
                all_ = all;
            },
            scripts);
        watched_->start();
    }

    void write(const std::string& name, const std::string& text) {
        std::ofstream(path_ / name) << text;
    }

    // Lets things happen until `condition`, for at most five seconds.
    bool wait(const std::function<bool()>& condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(5);
        while (!condition() && std::chrono::steady_clock::now() < deadline) {
            io_.restart();
            io_.run_for(std::chrono::milliseconds(20));
        }
        return condition();
    }

    // Lets anything that could still come, come: well over the quiet time.
    void settle() {
        io_.restart();
        io_.run_for(std::chrono::milliseconds(300));
    }

    [[nodiscard]] std::vector<std::string> ids() const {
        std::vector<std::string> found;
        for (const auto& service : all_.services) found.push_back(service.id);
        return found;
    }

    using Ids = std::vector<std::string>;

    boost::asio::io_context io_;
    fs::path path_;
    int told_ = 0;
    agent::ServicesFile all_;
    std::optional<agent::ServicesDir> watched_;
};

TEST_F(ServicesDir, what_is_there_at_the_start_is_told_at_once) {
    write("b.toml", "[[service]]\nname = \"b\"\n");
    write("a.toml", "[[service]]\nname = \"a\"\n[[check]]\nname = \"disk\"\nttl = \"1m\"\n");
    write("notes.txt", "not ours");
    write(".hidden.toml", "[[service]]\nname = \"hidden\"\n");

    start();

    EXPECT_EQ(told_, 1);
    EXPECT_EQ(ids(), (Ids{"a", "b"}));
    EXPECT_EQ(all_.node_checks.size(), 1U);
}

TEST_F(ServicesDir, a_new_file_an_edit_and_a_removal_are_told) {
    start();

    write("web.toml", "[[service]]\nname = \"web\"\nport = 80\n");
    EXPECT_TRUE(wait([&] { return ids() == Ids{"web"}; }));
    write("web.toml", "[[service]]\nname = \"web\"\nport = 81\n");
    EXPECT_TRUE(wait([&] { return all_.services.size() == 1 && all_.services[0].port == 81; }));
    write("web.tmp", "[[service]]\nname = \"web\"\nport = 82\n");
    fs::rename(path_ / "web.tmp", path_ / "web.toml");
    EXPECT_TRUE(wait([&] { return all_.services.size() == 1 && all_.services[0].port == 82; }));
    fs::remove(path_ / "web.toml");
    EXPECT_TRUE(wait([&] { return ids().empty(); }));
}

TEST_F(ServicesDir, a_broken_file_keeps_what_it_declared) {
    write("web.toml", "[[service]]\nname = \"web\"\n");
    start();

    write("web.toml", "[[service]]\nnmae = \"web\"\n");
    write("db.toml", "[[service]]\nname = \"db\"\n");

    EXPECT_TRUE(wait([&] { return ids() == (Ids{"db", "web"}); }));
    write("web.toml", "[[service]]\nname = \"web2\"\n");
    EXPECT_TRUE(wait([&] { return ids() == (Ids{"db", "web2"}); }));
}

TEST_F(ServicesDir, nothing_is_told_when_nothing_changed) {
    write("web.toml", "[[service]]\nname = \"web\"\n");
    start();

    write("web.toml", "# a comment\n[[service]]\nname = \"web\"\n");
    settle();
    watched_->reload();

    EXPECT_EQ(told_, 1);
}

TEST_F(ServicesDir, many_writes_are_told_as_one_change) {
    start();

    for (int i = 0; i < 20; ++i) {
        write("web" + std::to_string(i) + ".toml",
              "[[service]]\nname = \"web" + std::to_string(i) + "\"\n");
    }

    EXPECT_TRUE(wait([&] { return all_.services.size() == 20; }));
    EXPECT_EQ(told_, 2);
}

TEST_F(ServicesDir, of_two_files_with_the_same_id_the_first_by_name_wins) {
    write("2.toml", "[[service]]\nname = \"web\"\nport = 2\n");
    write("1.toml", "[[service]]\nname = \"web\"\nport = 1\n");
    start();
    ASSERT_EQ(all_.services.size(), 1U);
    EXPECT_EQ(all_.services[0].port, 1);

    fs::remove(path_ / "1.toml");

    EXPECT_TRUE(wait([&] { return all_.services.size() == 1 && all_.services[0].port == 2; }));
}

TEST_F(ServicesDir, a_directory_that_comes_and_goes_is_followed) {
    fs::remove_all(path_);
    start();
    EXPECT_EQ(told_, 1);

    fs::create_directories(path_);
    write("web.toml", "[[service]]\nname = \"web\"\n");
    EXPECT_TRUE(wait([&] { return ids() == Ids{"web"}; }));
    fs::rename(path_, path_.string() + "_gone");
    EXPECT_TRUE(wait([&] { return ids().empty(); }));
    fs::rename(path_.string() + "_gone", path_);
    EXPECT_TRUE(wait([&] { return ids() == Ids{"web"}; }));
}

TEST_F(ServicesDir, reload_reads_at_once) {
    start();

    write("web.toml", "[[service]]\nname = \"web\"\n");
    watched_->reload();

    EXPECT_EQ(ids(), Ids{"web"});
}

TEST_F(ServicesDir, scripts_that_are_switched_off_break_their_file_only) {
    write("a.toml", "[[check]]\nname = \"x\"\nscript = \"true\"\ninterval = \"1s\"\n");
    write("b.toml", "[[service]]\nname = \"b\"\n");

    start(agent::Scripts::refused);

    EXPECT_TRUE(all_.node_checks.empty());
    EXPECT_EQ(ids(), Ids{"b"});
}

TEST_F(ServicesDir, after_stop_nothing_is_told) {
    start();

    watched_->stop();
    write("web.toml", "[[service]]\nname = \"web\"\n");
    settle();

    EXPECT_EQ(told_, 1);
}

}  // namespace
