#include "coord/raft/node.hpp"

#include "temporary_directory.hpp"

#include <boost/asio/io_context.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace coord {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// A replicated list of strings. Its snapshot is one string per item.
class Replica {
public:
    explicit Replica(const std::filesystem::path& path, std::size_t snapshot_log_bytes = 64U << 20U)
        : node_(io_, options(path, snapshot_log_bytes), application()) {}

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

    static NodeOptions options(const std::filesystem::path& path, std::size_t snapshot_log_bytes) {
        NodeOptions options;
        options.data_dir = path;
        options.segment_bytes = std::size_t{1} << 20U;
        options.snapshot_log_bytes = snapshot_log_bytes;
        options.snapshot_slice = 3;
        return options;
    }

    Node& node() { return node_; }
    [[nodiscard]] const std::vector<std::string>& items() const { return items_; }
    [[nodiscard]] const std::vector<Role>& roles() const { return roles_; }
    [[nodiscard]] std::size_t restored() const { return restored_; }
    boost::asio::io_context& io() { return io_; }

private:
    Application application() {
        Application application;
        application.apply = [this](Index index, Term term, std::string_view entry) {
            EXPECT_GT(index, applied_);
            EXPECT_GE(term, Term{1});
            applied_ = index;
            items_.emplace_back(entry);
        };
        application.role_changed = [this](Role role, Term) { roles_.push_back(role); };
        application.cut_snapshot = [this] {
            return [items = items_, at = std::size_t{0}](std::string& out, std::size_t n) mutable {
                for (; n > 0 && at < items.size(); --n, ++at) out += items[at] + "\n";
                return at < items.size();
            };
        };
        application.restore = [this](const auto& next) -> Result<void> {
            std::string all;
            for (std::string chunk; next(chunk);) all += chunk;
            for (std::size_t end = 0; (end = all.find('\n')) != std::string::npos;) {
                items_.push_back(all.substr(0, end));
                all.erase(0, end + 1);
            }
            restored_ = items_.size();
            return {};
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
    Replica replica(directory.path());
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
    std::uint64_t id = 0;
    {
        Replica replica(directory.path());
        replica.start();
        replica.commit("one");
        replica.commit("two");
        id = replica.node().id();
        replica.node().stop();
    }
    Replica again(directory.path());
    EXPECT_TRUE(again.items().empty());
    again.start();

    EXPECT_EQ(again.items(), (std::vector<std::string>{"one", "two"}));
    EXPECT_EQ(again.node().id(), id);
}

}  // namespace
}  // namespace coord
