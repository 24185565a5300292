#pragma once
// Several nodes in one process, over a MemoryNetwork. What they replicate is a list of strings.
//
// Fed by:  the tests of the replica.
// Thread:  the test's.

#include "coord/raft/node.hpp"
#include "tests/support/form_cluster.hpp"
#include "tests/support/memory_network.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/temporary_directory.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coord {

class ListCluster {
public:
    struct Seat {
        TemporaryDirectory directory;
        std::string address;
        MemberId id{};
        std::unique_ptr<MemoryNetwork::Endpoint> endpoint;
        std::unique_ptr<Node> node;
        std::vector<std::string> items;
        std::vector<std::string> letters;
        Standing standing;
        std::size_t swaps = 0;
        bool refuses_snapshots = false;
    };

    explicit ListCluster(std::size_t size, NodeOptions options = quick())
        : options_(std::move(options)) {
        std::vector<std::filesystem::path> directories;
        for (std::size_t i = 0; i < size; ++i) directories.push_back(add_seat().directory.path());
        const auto ids = form_cluster(directories);
        for (std::size_t i = 0; i < size; ++i) seats_[i]->id = ids[i];
        for (std::size_t i = 0; i < size; ++i) start(i);
    }
    ~ListCluster() {
        for (std::size_t i = 0; i < seats_.size(); ++i) kill(i);
    }
    ListCluster(const ListCluster&) = delete;
    ListCluster& operator=(const ListCluster&) = delete;

    static NodeOptions quick() {
        NodeOptions options;
        options.heartbeat = std::chrono::milliseconds(20);
        options.election_timeout = std::chrono::milliseconds(200);
        options.segment_bytes = std::size_t{256} << 10U;
        return options;
    }

    // One that belongs to no cluster yet.
    std::size_t add_empty() {
        auto& seat = add_seat();
        make_directory(seat.directory.path() / "raft");
        seat.id = MetadataStore(seat.directory.path() / "raft" / "meta").id();
        start(seats_.size() - 1);
        return seats_.size() - 1;
    }

    void start(std::size_t i) {
        auto& seat = at(i);
        seat.items.clear();
        seat.endpoint =
            std::make_unique<MemoryNetwork::Endpoint>(network, seat.id, seat.directory.path());
        auto options = options_;
        options.data_dir = seat.directory.path();
        options.address = seat.address;
        options.transport = seat.endpoint.get();
        seat.node = std::make_unique<Node>(io, options, application(seat));
        seat.node->start();
    }
    void kill(std::size_t i) {
        at(i).node.reset();
        at(i).endpoint.reset();
        at(i).standing = {};
    }

    template <class Condition>
    bool until(Condition condition) {
        return run_until(io, condition);
    }

    std::size_t elect() {
        EXPECT_TRUE(until([&] { return leader().has_value(); }));
        return leader().value();
    }
    // The one of the newest term, if there are two for a while.
    [[nodiscard]] std::optional<std::size_t> leader() const {
        std::optional<std::size_t> found;
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            const auto& standing = seats_[i]->standing;
            if (!seats_[i]->node || standing.role != Role::leader) continue;
            if (!found || standing.term > seats_[*found]->standing.term) found = i;
        }
        return found;
    }
    [[nodiscard]] std::size_t follower() const { return leader().value() == 0 ? 1 : 0; }

    void propose(const std::string& item) {
        const auto index = at(elect()).node->propose(item);
        ASSERT_TRUE(index) << index.error().message();
    }
    // All that run have exactly these.
    bool all_have(const std::vector<std::string>& items) {
        return until([&] {
            return std::all_of(seats_.begin(), seats_.end(), [&](const auto& seat) {
                return !seat->node || seat->items == items;
            });
        });
    }
    bool has(std::size_t i, const std::vector<std::string>& items) {
        return until([&] { return at(i).items == items; });
    }
    Result<void> change(const MemberChange& wanted) {
        std::optional<Result<void>> result;
        at(elect()).node->change_members(wanted, [&](Result<void> r) { result = r; });
        EXPECT_TRUE(until([&] { return result.has_value(); }));
        return result.value();
    }
    [[nodiscard]] double metric(std::size_t i, std::string_view name) {
        for (const auto& metric : at(i).node->metrics()) {
            if (metric.name == name) return metric.value;
        }
        ADD_FAILURE() << "no metric " << name;
        return 0;
    }
    Seat& at(std::size_t i) { return *seats_.at(i); }

    boost::asio::io_context io;
    MemoryNetwork network{io};

private:
    Seat& add_seat() {
        seats_.push_back(std::make_unique<Seat>());
        seats_.back()->address = "member" + std::to_string(seats_.size() - 1);
        return *seats_.back();
    }

    static Application application(Seat& seat) {
        Application application;
        application.apply = [&seat](Index, Term, std::string_view entry) {
            seat.items.emplace_back(entry);
        };
        application.standing_changed = [&seat](const Standing& now) { seat.standing = now; };
        application.letter = [&seat](MemberId, std::string_view letter) {
            seat.letters.emplace_back(letter);
        };
        application.cut_snapshot = [&seat] {
            return
                [items = seat.items, at = std::size_t{0}](std::string& out, std::size_t n) mutable {
                    for (; n > 0 && at < items.size(); --n, ++at) out += items[at] + "\n";
                    return at < items.size();
                };
        };
        application.build = [&seat](const Disk::Chunks& next) -> Result<Disk::Swap> {
            if (seat.refuses_snapshots) return make_error_code(boost::system::errc::bad_message);
            std::string all;
            std::vector<std::string> items;
            for (std::string chunk; next(chunk);) all += chunk;
            for (std::size_t begin = 0, end = 0; (end = all.find('\n', begin)) != std::string::npos;
                 begin = end + 1) {
                items.push_back(all.substr(begin, end - begin));
            }
            return Disk::Swap([&seat, items] {
                seat.items = items;
                ++seat.swaps;
            });
        };
        return application;
    }

    const NodeOptions options_;
    std::vector<std::unique_ptr<Seat>> seats_;
};

inline std::vector<std::string>
numbered(std::size_t count, const std::string& prefix = "", std::size_t length = 0) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < count; ++i) {
        items.push_back(prefix + std::to_string(i));
        if (items.back().size() < length) items.back().resize(length, '.');
    }
    return items;
}

}  // namespace coord
