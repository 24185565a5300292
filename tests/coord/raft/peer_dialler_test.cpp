#include "coord/raft/peer_dialler.hpp"

#include "tests/support/run_until.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coord {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""h;

class PeerDiallerTest : public testing::Test {
protected:
    PeerDialler& dial(std::chrono::milliseconds first, std::chrono::milliseconds longest) {
        return dialler_.emplace(
            io,
            PeerDialler::Options{first, longest, 1},
            PeerDialler::Calls{[this](const auto& where) { return !satisfied[where]; },
                               [this](std::string where) -> Task<void> {
                                   visits.push_back(where);
                                   co_return;
                               }});
    }
    std::size_t count(const std::string& where) const {
        return static_cast<std::size_t>(std::count(visits.begin(), visits.end(), where));
    }
    void turn() {
        io.restart();
        io.poll();
    }

    boost::asio::io_context io;
    std::vector<std::string> visits;
    std::map<std::string, bool> satisfied;

private:
    std::optional<PeerDialler> dialler_;
};

TEST_F(PeerDiallerTest, tries_again_until_nothing_is_wanted) {
    auto& dialler = dial(1ms, 2ms);
    dialler.set_addresses({"a", "b"});
    ASSERT_TRUE(run_until(io, [&] { return count("a") > 3 && count("b") > 3; }));

    satisfied["a"] = true;
    const auto before = count("a");
    const auto more = count("b") + 10;
    ASSERT_TRUE(run_until(io, [&] { return count("b") > more; }));

    EXPECT_LE(count("a"), before);
}

TEST_F(PeerDiallerTest, a_wake_ends_the_pause_and_begins_with_short_ones_again) {
    auto& dialler = dial(1h, 2h);
    dialler.set_addresses({"a"});
    turn();
    EXPECT_EQ(count("a"), 1U);

    dialler.wake("a");
    dialler.wake("nowhere");
    turn();
    EXPECT_EQ(count("a"), 2U);

    satisfied["a"] = true;
    dialler.wake_all();
    turn();
    EXPECT_EQ(count("a"), 2U);
    satisfied["a"] = false;
    dialler.wake_all();
    turn();
    EXPECT_EQ(count("a"), 3U);
}

TEST_F(PeerDiallerTest, what_is_taken_off_the_list_is_left_alone) {
    auto& dialler = dial(1ms, 2ms);
    dialler.set_addresses({"a", "b"});
    turn();
    dialler.set_addresses({"b"});
    turn();
    const auto before = count("a");
    const auto more = count("b") + 10;
    ASSERT_TRUE(run_until(io, [&] { return count("b") > more; }));
    EXPECT_EQ(count("a"), before);

    dialler.stop();
    turn();
    const auto all = visits.size();
    turn();
    EXPECT_EQ(visits.size(), all);
}

}  // namespace
}  // namespace coord
