#pragma once
// The HTTP face before a whole agent on an embedded core: what is written comes back by the watch.
//
// Fed by:  tests.
// Thread:  the test's; core, agent and server run on threads of their own.

#include "http/server.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/support/running_agent.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/json.hpp>
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace http {

class AgentFace {
public:
    explicit AgentFace(ServerOptions options = {}) {
        options.config.listen = {"127.0.0.1:0"};
        options.node = "host1";
        options.node_id = "id-of-host1";
        options.datacenter = "dc1";
        options.version = "0.1.0";
        options.clock_ms = [] { return std::int64_t{1'769'000'000'000}; };
        server_ = std::make_unique<Server>(
            std::move(options), Backend{io_, registrar_, catalog_, kv_, journal_, [this] {
                                            return client_.last_zxid();
                                        }});
        client_.on_state([this](coord::SessionState state) {
            registrar_.on_session_state(state);
            catalog_.set_connected(state == coord::SessionState::connected);
        });
        catalog_.subscribe([this](const auto& published) {
            journal_.record(*published);
            server_->publish(published);
        });
        kv_.subscribe([this](const auto& published) { server_->publish(published); });
        server_->start();
        thread_ = std::thread([this] { run(); });
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
        while ((get("/v1/agent/services").status != 200 ||
                get("/v1/catalog/nodes").body.find("host1") == std::string::npos ||
                get("/v1/kv/?keys").status != 200) &&
               std::chrono::steady_clock::now() < deadline) {
            std::this_thread::yield();
        }
    }
    ~AgentFace() {
        server_->stop();
        io_.stop();
        thread_.join();
        server_.reset();
    }
    AgentFace(const AgentFace&) = delete;
    AgentFace& operator=(const AgentFace&) = delete;

    [[nodiscard]] RawClient client() const { return RawClient(server_->ports().front()); }
    RawReply get(std::string_view target) const { return client().exchange("GET", target); }
    RawReply put(std::string_view target, std::string_view body = {}) const {
        return client().exchange("PUT", target, body);
    }
    RawReply remove(std::string_view target) const { return client().exchange("DELETE", target); }
    [[nodiscard]] boost::json::value json(std::string_view target) const {
        return boost::json::parse(get(target).body);
    }
    [[nodiscard]] bool parked(double wanted) const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        for (;;) {
            for (const auto& sample : server_->metrics()) {
                if (sample.name == "roster_http_waiting_queries" && sample.value == wanted) {
                    return true;
                }
            }
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
    }
    void stop_core() { core_.stop(); }
    [[nodiscard]] const Server& server() const { return *server_; }

private:
    void run() {
        registrar_.start();
        catalog_.start();
        kv_.start();
        client_.start();
        io_.run();
        kv_.stop();
        catalog_.stop();
        registrar_.stop();
        client_.abandon();
    }
    static coord::ClientOptions connect_to(const coord::RunningCore& core) {
        coord::ClientOptions options;
        options.connect = agent::address_of(core);
        return options;
    }
    static agent::RegistrarOptions this_node() {
        agent::RegistrarOptions options;
        options.node = agent::test_node("host1");
        options.patience = std::chrono::seconds(1);
        options.clock_ms = [] { return std::int64_t{1'769'000'000'000}; };
        return options;
    }

    coord::RunningCore core_{agent::quick_core()};
    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    coord::Client client_{io_, connect_to(core_)};
    agent::Registrar registrar_{io_, client_, this_node()};
    agent::Catalog catalog_{client_};
    agent::KvStore kv_{client_};
    agent::Journal journal_{100, [] { return std::int64_t{1'769'000'000'000}; }};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

}  // namespace http
