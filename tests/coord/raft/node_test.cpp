#include "coord/raft/node.hpp"

#include "tests/support/temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <iterator>
#include <stdexcept>
#include <string>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <utility>
#include <vector>

namespace coord {
namespace {

using std::chrono_literals::operator""s;

// A replicated list of strings. Its snapshot is one string per item.
class Lister {
public:
    explicit Lister(NodeOptions options) : node_(io_, std::move(options), application()) {}
    explicit Lister(const std::filesystem::path& path) : Lister(options_for(path)) {}

    void start() {
        node_.start();
        ASSERT_TRUE(run_until([&] { return !roles_.empty(); }));
        ASSERT_EQ(roles_.back(), Role::leader);
    }

    template <class Condition>
    bool run_until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + 20s;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            io_.run_one_for(1s);
        }
        return true;
    }

    // Proposes, and waits until it is applied.
    Index commit(const std::string& entry) {
        const auto index = node_.propose(entry).value();
        EXPECT_TRUE(run_until([&] { return node_.applied() >= index; }));
        return index;
    }

    [[nodiscard]] double metric(const std::string& name) const {
        for (const auto& metric : node_.metrics()) {
            if (metric.name == name) return metric.value;
        }
        ADD_FAILURE() << "no metric " << name;
        return 0;
    }

    static NodeOptions options_for(const std::filesystem::path& path) {
        NodeOptions options;
        options.data_dir = path;
        options.segment_bytes = std::size_t{1} << 20U;
        return options;
    }

    Node& node() { return node_; }
    [[nodiscard]] const std::vector<std::string>& items() const { return items_; }
    [[nodiscard]] const std::vector<Role>& roles() const { return roles_; }
    [[nodiscard]] std::size_t restored() const { return restored_; }
    [[nodiscard]] std::size_t snapshots() const {
        return static_cast<std::size_t>(metric("roster_raft_snapshots_total"));
    }

private:
    Application application() {
        Application application;
        application.apply = [this](Index index, Term term, std::string_view entry) {
            EXPECT_GT(index, applied_);
            EXPECT_GE(term, Term{1});
            applied_ = index;
            items_.emplace_back(entry);
        };
        application.standing_changed = [this](const Standing& standing) {
            if (roles_.empty() || roles_.back() != standing.role) roles_.push_back(standing.role);
        };
        application.cut_snapshot = [this] {
            return [items = items_, at = std::size_t{0}](std::string& out, std::size_t n) mutable {
                for (; n > 0 && at < items.size(); --n, ++at) out += items[at] + "\n";
                return at < items.size();
            };
        };
        application.build = [this](const Disk::Chunks& next) -> Result<Disk::Swap> {
            std::string all;
            std::vector<std::string> items;
            for (std::string chunk; next(chunk);) all += chunk;
            for (std::size_t end = 0; (end = all.find('\n')) != std::string::npos;) {
                items.push_back(all.substr(0, end));
                all.erase(0, end + 1);
            }
            return Disk::Swap([this, items] {
                items_ = items;
                restored_ = items_.size();
            });
        };
        return application;
    }

    boost::asio::io_context io_;
    std::vector<std::string> items_;
    std::vector<Role> roles_;
    std::size_t restored_ = 0;
    Index applied_{};
    Node node_;
};

TEST(Node, what_is_proposed_is_applied_once_and_in_order) {
    const TemporaryDirectory directory;
    Lister replica(directory.path());
    replica.start();

    std::vector<std::string> wanted;
    Index last{};
    for (int i = 0; i < 1000; ++i) {
        wanted.push_back("entry " + std::to_string(i));
        last = replica.node().propose(wanted.back()).value();
    }
    EXPECT_EQ(replica.node().in_flight(), 1000U);
    EXPECT_TRUE(replica.items().empty());
    ASSERT_TRUE(replica.run_until([&] { return replica.node().applied() == last; }));

    EXPECT_EQ(replica.items(), wanted);
    EXPECT_EQ(replica.node().in_flight(), 0U);
}

TEST(Node, a_restart_applies_the_same_entries_before_it_leads) {
    const TemporaryDirectory directory;
    MemberId id{};
    {
        Lister replica(directory.path());
        replica.start();
        replica.commit("one");
        replica.commit("two");
        id = replica.node().id();
        replica.node().stop();
    }
    Lister again(directory.path());
    EXPECT_TRUE(again.items().empty());
    again.start();

    EXPECT_EQ(again.items(), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(again.node().id(), id);
}

NodeOptions with_small_files(const std::filesystem::path& path) {
    auto options = Lister::options_for(path);
    options.segment_bytes = std::size_t{64} << 10U;
    options.snapshot_log_bytes = std::size_t{100} << 10U;
    options.snapshot_slice = 100;
    return options;
}

std::vector<std::string> numbers(std::size_t count) {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < count; ++i) all.push_back(std::to_string(i));
    return all;
}

TEST(Node, a_callback_never_comes_from_within_a_call) {
    const TemporaryDirectory directory;
    {
        Lister replica(directory.path());
        replica.start();
        replica.commit("one");
    }
    Lister replica(directory.path());

    replica.node().start();

    EXPECT_TRUE(replica.items().empty());
    EXPECT_TRUE(replica.roles().empty());
    EXPECT_EQ(replica.node().role(), Role::follower);
    EXPECT_EQ(replica.node().propose("x").error(),
              make_error_code(boost::system::errc::not_connected));
}

TEST(Node, snapshots_take_the_place_of_the_log_and_both_are_restored) {
    const TemporaryDirectory directory;
    const std::string filling(300, '.');
    std::vector<std::string> wanted;
    {
        Lister replica(with_small_files(directory.path()));
        replica.start();
        while (replica.snapshots() < 3) {
            wanted.push_back(std::to_string(wanted.size()) + filling);
            replica.commit(wanted.back());
        }
        wanted.emplace_back("behind the last snapshot");
        replica.commit(wanted.back());
        EXPECT_LT(replica.metric("roster_raft_log_bytes"), 100'000);
    }
    const std::filesystem::directory_iterator files(directory / "raft/log");
    EXPECT_LE(std::distance(begin(files), end(files)), 8);

    Lister again(with_small_files(directory.path()));
    again.start();

    EXPECT_EQ(again.items(), wanted);
    EXPECT_GT(again.restored(), 0U);
    EXPECT_LT(again.restored(), wanted.size());
}

TEST(Node, entries_go_on_while_a_snapshot_is_taken) {
    const TemporaryDirectory directory;
    auto options = with_small_files(directory.path());
    options.snapshot_slice = 1;
    Lister replica(options);
    replica.start();
    std::size_t proposed = 0;
    while (replica.snapshots() < 2)
        replica.commit(std::to_string(proposed++) + std::string(500, '.'));

    EXPECT_EQ(replica.items().size(), proposed);
}

TEST(Node, large_entries_survive) {
    const TemporaryDirectory directory;
    std::vector<std::string> wanted;
    for (std::size_t i = 0; i < 6; ++i) {
        wanted.emplace_back((std::size_t{1} << 20U) - 100 + i * 37, static_cast<char>('a' + i));
    }
    {
        Lister replica(directory.path());
        replica.start();
        for (const auto& entry : wanted) replica.commit(entry);
    }
    Lister again(directory.path());
    again.start();

    EXPECT_EQ(again.items(), wanted);
}

TEST(Node, what_is_too_large_or_too_much_is_refused) {
    const TemporaryDirectory directory;
    auto options = Lister::options_for(directory.path());
    options.entry_bytes_max = 1000;
    options.in_flight_entries_max = 3;
    options.in_flight_bytes_max = 1500;
    Lister replica(options);
    replica.start();

    EXPECT_EQ(replica.node().propose(std::string(1001, 'x')).error(),
              make_error_code(boost::system::errc::message_size));
    EXPECT_TRUE(replica.node().propose(std::string(1000, 'x')));
    EXPECT_EQ(replica.node().propose(std::string(501, 'x')).error(),
              make_error_code(boost::system::errc::no_buffer_space));
    EXPECT_TRUE(replica.node().propose("2"));
    const auto last = replica.node().propose("3").value();
    EXPECT_EQ(replica.node().propose("4").error(),
              make_error_code(boost::system::errc::no_buffer_space));
    EXPECT_EQ(replica.metric("roster_raft_refused_total"), 2);

    ASSERT_TRUE(replica.run_until([&] { return replica.node().applied() == last; }));
    EXPECT_TRUE(replica.node().propose("5"));
}

TEST(Node, a_second_one_on_the_same_directory_is_refused_until_the_first_stops) {
    const TemporaryDirectory directory;
    Lister first(directory.path());
    first.start();
    try {
        const Lister second(directory.path());
        FAIL();
    } catch (const std::runtime_error& error) {
        EXPECT_EQ(error.what(),
                  "data directory " + directory.path().string() + " is in use by pid " +
                      std::to_string(::getpid()));
    }
    first.node().stop();

    EXPECT_NO_THROW(Lister(directory.path()).start());
}

TEST(Node, what_was_proposed_before_a_stop_is_on_disk_but_not_called_back) {
    const TemporaryDirectory directory;
    {
        Lister replica(directory.path());
        replica.start();
        for (const auto& entry : numbers(10)) replica.node().propose(entry).value();
        replica.node().stop();
        EXPECT_EQ(replica.node().propose("x").error(),
                  make_error_code(boost::system::errc::not_connected));
        EXPECT_TRUE(replica.items().empty());
    }
    Lister again(directory.path());
    again.start();

    EXPECT_EQ(again.items(), numbers(10));
}

TEST(Node, a_snapshot_that_the_application_refuses_stops_the_start) {
    const TemporaryDirectory directory;
    {
        Lister replica(with_small_files(directory.path()));
        replica.start();
        while (replica.snapshots() < 1) replica.commit(std::string(500, '.'));
    }
    boost::asio::io_context io;
    Application application;
    application.build = [](const Disk::Chunks&) -> Result<Disk::Swap> {
        return make_error_code(boost::system::errc::bad_message);
    };
    Node node(io, with_small_files(directory.path()), application);

    EXPECT_THROW(node.start(), std::runtime_error);
}

TEST(Node, counts_what_it_does) {
    const TemporaryDirectory directory;
    Lister replica(directory.path());
    replica.start();
    for (const auto& entry : numbers(5)) replica.commit(entry);

    EXPECT_EQ(replica.metric("roster_raft_leader"), 1);
    EXPECT_EQ(replica.metric("roster_raft_term"), number(replica.node().term()));
    EXPECT_EQ(replica.metric("roster_raft_applied_index"), number(replica.node().applied()));
    EXPECT_EQ(replica.metric("roster_raft_entries_total"), 5);
    EXPECT_EQ(replica.metric("roster_raft_bytes_total"), 5);
    EXPECT_EQ(replica.metric("roster_raft_commits_total"), 5);
    EXPECT_GE(replica.metric("roster_raft_fsyncs_total"), 5);
    EXPECT_GT(replica.metric("roster_raft_commit_seconds_total"), 0);
    EXPECT_EQ(replica.metric("roster_raft_in_flight"), 0);
}

// The member of another process: goes on counting where its list ends, several entries at a time,
// and reports through the pipe how long the list is.
[[noreturn]] void count_until_killed(const std::filesystem::path& path, int pipe) {
    Lister replica(with_small_files(path));
    replica.start();
    auto next = replica.items().size();
    const std::string filling(200, '.');
    for (std::size_t acknowledged = 0;;) {
        while (replica.node().in_flight() < 8) {
            replica.node().propose(std::to_string(next++) + filling).value();
        }
        const bool alive = replica.run_until([&] { return replica.items().size() > acknowledged; });
        acknowledged = replica.items().size();
        if (!alive || ::write(pipe, &acknowledged, sizeof acknowledged) < 0) std::_Exit(1);
    }
}

TEST(Node, a_kill_at_any_moment_loses_nothing_that_was_acknowledged) {
    const TemporaryDirectory directory;
    std::size_t acknowledged = 0;
    for (std::size_t round = 0; round < 20; ++round) {
        std::array<int, 2> ends{};
        ASSERT_EQ(::pipe(ends.data()), 0);
        const auto child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) count_until_killed(directory.path(), ends[1]);
        ::close(ends[1]);
        const auto goal = acknowledged + 50 + round * 37 % 300;
        std::size_t reported = 0;
        while (::read(ends[0], &reported, sizeof reported) == sizeof reported) {
            acknowledged = reported;
            if (acknowledged >= goal) ::kill(child, SIGKILL);  // and reads what it still reported
        }
        ::close(ends[0]);
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << "ended by itself in round " << round;

        Lister replica(with_small_files(directory.path()));
        replica.start();

        ASSERT_GE(replica.items().size(), acknowledged);
        for (std::size_t i = 0; i < replica.items().size(); ++i) {
            ASSERT_EQ(replica.items()[i], std::to_string(i) + std::string(200, '.'));
        }
        acknowledged = replica.items().size();
    }
    EXPECT_GT(acknowledged, 1000U);
}

void fill_the_disk(const std::filesystem::path& path) {
    std::signal(SIGXFSZ, SIG_IGN);
    Lister replica(path);
    replica.start();
    const rlimit limit{std::size_t{64} << 10U, std::size_t{64} << 10U};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    for (int i = 0; i < 10'000; ++i) replica.commit(std::string(1000, 'x'));
}

TEST(NodeDeathTest, a_full_disk_ends_the_process_and_leaves_a_log_that_opens) {
    testing::GTEST_FLAG(death_test_style) = "fast";
    const TemporaryDirectory directory;

    EXPECT_EXIT(fill_the_disk(directory.path()),
                testing::ExitedWithCode(1),
                "critical \\[coord.raft\\] cannot write .*/raft/log/.*: File too large");

    Lister again(directory.path());
    again.start();
    EXPECT_GT(again.items().size(), 10U);
}

}  // namespace
}  // namespace coord
