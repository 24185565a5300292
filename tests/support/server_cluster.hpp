#pragma once
// Several servers in one process, over a MemoryNetwork, each with a port for clients.
//
// Fed by:  the tests of an ensemble.
// Thread:  the servers and the network run on one that this starts; the test reaches them by run().

#include "coord/server/server.hpp"
#include "tests/support/form_cluster.hpp"
#include "tests/support/memory_network.hpp"
#include "tests/support/temporary_directory.hpp"
#include "tests/support/wire_client.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace coord {

class ServerCluster {
public:
    explicit ServerCluster(std::size_t size, ServerOptions options = quick())
        : options_(std::move(options)) {
        std::vector<std::filesystem::path> directories;
        for (std::size_t i = 0; i < size; ++i) {
            seats_.push_back(std::make_unique<Seat>());
            directories.push_back(seats_[i]->directory.path());
        }
        const auto ids = form_cluster(directories);
        for (std::size_t i = 0; i < size; ++i) seats_[i]->id = ids[i];
        for (std::size_t i = 0; i < size; ++i) start(i);
    }
    ~ServerCluster() {
        for (std::size_t i = 0; i < seats_.size(); ++i) kill(i);
        run([this] { io.stop(); });
        thread_.join();
    }
    ServerCluster(const ServerCluster&) = delete;
    ServerCluster& operator=(const ServerCluster&) = delete;

    static ServerOptions quick() {
        ServerOptions options;
        options.listen = {"127.0.0.1:0"};
        options.tick = std::chrono::milliseconds(100);
        options.session_timeout_min = std::chrono::milliseconds(200);
        options.heartbeat = std::chrono::milliseconds(20);
        options.election_timeout = std::chrono::milliseconds(200);
        options.leaderless_max = std::chrono::milliseconds(20000);
        return options;
    }

    // Carries it out where the servers live.
    template <class Call>
    void run(Call call) {
        std::promise<void> done;
        boost::asio::post(io, [&] {
            call();
            done.set_value();
        });
        done.get_future().wait();
    }

    void start(std::size_t i) {
        run([&] {
            auto& seat = *seats_.at(i);
            seat.endpoint =
                std::make_unique<MemoryNetwork::Endpoint>(network, seat.id, seat.directory.path());
            auto options = options_;
            options.data_dir = seat.directory.path();
            options.transport = seat.endpoint.get();
            seat.server = std::make_unique<Server>(io, options);
            seat.server->start();
            seat.port = seat.server->ports().front();
        });
    }
    // Without a word to anyone.
    void kill(std::size_t i) {
        run([&] {
            network.down(seats_.at(i)->id);
            seats_.at(i)->server.reset();
            seats_.at(i)->endpoint.reset();
        });
    }
    void isolate(std::size_t i) {
        run([&] { network.isolate(seats_.at(i)->id); });
    }
    void heal() {
        run([&] { network.heal(); });
    }

    template <class Condition>
    bool until(Condition condition) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        std::mutex mutex;
        std::unique_lock lock(mutex);
        std::condition_variable never;
        while (!condition()) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            never.wait_for(lock, std::chrono::milliseconds(2));
        }
        return true;
    }
    [[nodiscard]] bool is_up(std::size_t i) const { return seats_.at(i)->server != nullptr; }
    [[nodiscard]] ServerStatus status(std::size_t i) const {
        return seats_.at(i)->server->status();
    }
    std::size_t leader() {
        std::optional<std::size_t> found;
        EXPECT_TRUE(until([&] {
            for (std::size_t i = 0; i < seats_.size(); ++i) {
                if (!is_up(i) || !status(i).serving || status(i).role != Role::leader) continue;
                found = i;
                return true;
            }
            return false;
        }));
        return found.value();
    }
    std::size_t follower(std::size_t other_than = 99) {
        const auto leading = leader();
        for (std::size_t i = 0; i < seats_.size(); ++i) {
            if (i == leading || i == other_than || !is_up(i)) continue;
            EXPECT_TRUE(until([&] { return status(i).serving; }));
            return i;
        }
        return seats_.size();
    }
    // All that run serve, and have applied the same.
    bool settle() {
        return until([&] {
            std::optional<std::int64_t> zxid;
            for (std::size_t i = 0; i < seats_.size(); ++i) {
                if (!is_up(i)) continue;
                const auto now = status(i);
                if (!now.serving || zxid.value_or(now.last_zxid) != now.last_zxid) return false;
                zxid = now.last_zxid;
            }
            return true;
        });
    }
    [[nodiscard]] std::uint16_t port(std::size_t i) const { return seats_.at(i)->port; }
    [[nodiscard]] Server& server(std::size_t i) { return *seats_.at(i)->server; }
    [[nodiscard]] MemberId id(std::size_t i) const { return seats_.at(i)->id; }
    [[nodiscard]] double
    metric(std::size_t i, std::string_view name, std::string_view reason = {}) {
        for (const auto& metric : server(i).metrics()) {
            if (metric.name != name) continue;
            if (reason.empty() || metric.labels.at(0).second == reason) return metric.value;
        }
        return -1;
    }

    boost::asio::io_context io;
    MemoryNetwork network{io};

private:
    struct Seat {
        TemporaryDirectory directory;
        MemberId id{};
        std::unique_ptr<MemoryNetwork::Endpoint> endpoint;
        std::unique_ptr<Server> server;
        std::uint16_t port = 0;
    };

    const ServerOptions options_;
    std::vector<std::unique_ptr<Seat>> seats_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_ =
        boost::asio::make_work_guard(io);
    std::thread thread_{[this] { io.run(); }};
};

}  // namespace coord
