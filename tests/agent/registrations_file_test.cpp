#include "agent/registrations_file.hpp"

#include "tests/support/run_until.hpp"
#include "tests/support/running_core.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <stdexcept>

namespace agent {
namespace {

namespace fs = std::filesystem;
using Lines = std::map<std::string, std::string>;

// A file and what its owner knows.
class RegistrationsFileTest : public testing::Test {
protected:
    RegistrationsFile file(const fs::path& path) {
        return {io_, path, [this](const auto& write) {
                    for (const auto& [key, json] : known_) write(key, json);
                }};
    }
    void put(RegistrationsFile& file, const std::string& key, const std::string& json) {
        known_[key] = json;
        file.put(key, json);
    }
    std::string text() {
        std::ifstream in(path_);
        return {std::istreambuf_iterator<char>(in), std::istreambuf_iterator<char>()};
    }
    std::string refusal() {
        try {
            file(path_).load();
        } catch (const std::runtime_error& error) {
            return error.what();
        }
        return "it was read";
    }

    coord::TemporaryDirectory directory_;
    fs::path path_ = directory_.path() / "registrations.json";
    boost::asio::io_context io_;
    Lines known_;
};

TEST_F(RegistrationsFileTest, gives_back_what_was_put_last) {
    {
        auto written = file(path_);
        EXPECT_EQ(written.load(), Lines{});
        put(written, "a", "1");
        put(written, "b\"\n", R"({"x":[true]})");
        put(written, "a", "2");
        put(written, "c", "3");
        known_.erase("c");
        written.erase("c");
    }

    EXPECT_EQ(file(path_).load(), (Lines{{"a", "2"}, {"b\"\n", R"({"x":[true]})"}}));
}

TEST_F(RegistrationsFileTest, is_synced_once_for_many_who_wait) {
    auto written = file(path_);
    put(written, "a", "1");
    int done = 0;
    for (int i = 0; i < 100; ++i) {
        coord::spawn(io_, "wait", [&]() -> coord::Task<void> {
            const auto kept = co_await written.durable();
            if (kept) ++done;
        });
    }

    EXPECT_TRUE(coord::run_until(io_, [&] { return done == 100; }));
}

TEST_F(RegistrationsFileTest, drops_a_last_line_that_was_cut_short) {
    {
        auto written = file(path_);
        put(written, "a", "1");
        put(written, "b", "2");
    }
    fs::resize_file(path_, fs::file_size(path_) - 3);

    auto again = file(path_);
    EXPECT_EQ(again.load(), (Lines{{"a", "1"}}));

    known_ = {{"a", "1"}};
    put(again, "c", "3");
    EXPECT_EQ(file(path_).load(), (Lines{{"a", "1"}, {"c", "3"}})) << "and goes on cleanly";
}

TEST_F(RegistrationsFileTest, is_written_anew_when_most_of_it_is_out_of_date) {
    auto written = file(path_);
    const std::string large(100'000, 'x');
    for (int i = 0; i < 50; ++i) put(written, "a", "\"" + large + std::to_string(i) + "\"");

    EXPECT_LT(fs::file_size(path_), 2'500'000U);
    EXPECT_EQ(file(path_).load(), known_);
    EXPECT_FALSE(fs::exists(path_.string() + ".new"));
}

TEST_F(RegistrationsFileTest, refuses_what_it_cannot_read_and_names_file_and_line) {
    const std::string first = "{\"roster\":\"registrations\",\"version\":1}\n";
    for (const auto& [content, line, why] :
         std::vector<std::tuple<std::string, std::string, std::string>>{
             {"garbage", "1", "not a file of registrations"},
             {"{}\n", "1", "not a file of registrations"},
             {first + "oops\n", "2", "not JSON"},
             {first + "{\"key\":\"a\",\"value\":1}\n{\"key\":7,\"value\":1}\n",
              "3",
              "not a line of registrations"},
             {first + "[]\n", "2", "not a line of registrations"}}) {
        std::ofstream(path_) << content;

        EXPECT_EQ(refusal(),
                  path_.string() + ":" + line + ": " + why +
                      "; mend it, or move it away to start with nothing registered");
        EXPECT_EQ(text(), content);
    }
    std::ofstream(path_) << "";
    EXPECT_EQ(file(path_).load(), Lines{}) << "an empty file is no registrations";
}

TEST_F(RegistrationsFileTest, says_when_it_cannot_be_written_and_tries_again) {
    const auto folder = directory_.path() / "later";
    auto written = file(folder / "registrations.json");
    put(written, "a", "1");

    const auto failed = coord::run_task(io_, written.durable());
    ASSERT_FALSE(failed);
    EXPECT_EQ(failed.error(), boost::system::errc::no_such_file_or_directory);

    fs::create_directory(folder);
    EXPECT_TRUE(coord::run_task(io_, written.durable()));
    EXPECT_EQ(file(folder / "registrations.json").load(), known_);
}

TEST_F(RegistrationsFileTest, keeps_nothing_without_a_path) {
    auto nowhere = file({});
    put(nowhere, "a", "1");

    EXPECT_TRUE(coord::run_task(io_, nowhere.durable()));
    EXPECT_EQ(nowhere.load(), Lines{});
}

}  // namespace
}  // namespace agent
