#pragma once
// The HTTP face alone: a real server and real sockets, before an agent that is not connected.
//
// Fed by:  tests, with publications made by hand.
// Thread:  the test's; the agent's thread runs idle, the server has its own.

#include "http/server.hpp"
#include "tests/http/raw_client.hpp"
#include "tests/support/publications.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>

namespace http {

class Face {
public:
    explicit Face(ServerOptions options = {}, CoreDoor core = {}) {
        if (options.config.listen.front() == agent::HttpConfig().listen.front()) {
            options.config.listen = {"127.0.0.1:0"};
        }
        options.node = "host1";
        options.node_id = "11111111-2222-3333-4444-555555555555";
        options.datacenter = "dc1";
        options.version = "0.1.0";
        server_ = std::make_unique<Server>(
            std::move(options),
            Backend{io_, registrar_, catalog_, kv_, journal_, {}, std::move(core)});
        server_->start();
        thread_ = std::thread([this] { io_.run(); });
    }
    ~Face() {
        server_->stop();
        io_.stop();
        thread_.join();
    }
    Face(const Face&) = delete;
    Face& operator=(const Face&) = delete;

    [[nodiscard]] RawClient client() const { return RawClient(server_->ports().front()); }
    RawReply get(std::string_view target) const { return client().exchange("GET", target); }
    RawReply put(std::string_view target, std::string_view body = {}) const {
        return client().exchange("PUT", target, body);
    }
    void publish(agent::Publication publication) {
        server_->publish(std::make_shared<const agent::Publication>(std::move(publication)));
    }
    void publish(agent::KvPublication publication) {
        server_->publish(std::make_shared<const agent::KvPublication>(std::move(publication)));
    }
    // Waits until that many blocking queries are parked.
    [[nodiscard]] bool parked(double wanted) const {
        return wait_for("roster_http_waiting_queries", wanted);
    }
    [[nodiscard]] bool wait_for(std::string_view name, double wanted) const {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (metric(name) != wanted) {
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
        return true;
    }
    // The sum over all labels.
    [[nodiscard]] double metric(std::string_view name, std::string_view label = {}) const {
        double sum = 0;
        for (const auto& sample : server_->metrics()) {
            if (sample.name != name) continue;
            if (label.empty() || sample.labels.front().second == label) sum += sample.value;
        }
        return sum;
    }
    [[nodiscard]] Server& server() { return *server_; }

private:
    static coord::ClientOptions unreachable() {
        coord::ClientOptions options;
        options.connect = "127.0.0.1:1";
        return options;
    }
    static agent::RegistrarOptions this_node() {
        agent::RegistrarOptions options;
        options.node.name = "host1";
        options.clock_ms = [] { return std::int64_t{0}; };
        return options;
    }

    boost::asio::io_context io_;
    boost::asio::executor_work_guard<boost::asio::io_context::executor_type> work_{
        io_.get_executor()};
    coord::Client client_{io_, unreachable()};
    agent::Registrar registrar_{io_, client_, this_node()};
    agent::Catalog catalog_{client_};
    agent::KvStore kv_{client_};
    agent::Journal journal_{100, [] { return std::int64_t{0}; }};
    std::unique_ptr<Server> server_;
    std::thread thread_;
};

// What the tests look up again and again: "web" with one instance on host1, one on host2.
inline agent::Publication web_publication(std::uint64_t index,
                                          agent::Health second = agent::Health::passing) {
    static const auto host1 = [] {
        agent::NodeRecord record;
        record.meta = {{"rack", "a"}};
        return support::make_node("host1", "10.0.0.1", record);
    }();
    static const auto host2 = support::make_node("host2", "10.0.0.2");
    auto publication = support::publication(index);
    auto web = *support::make_service("web",
                                      {{.node = host1, .tags = {"primary", "v1"}},
                                       {.node = host2, .tags = {"v1"}, .health = second}});
    web.index = agent::CatalogIndex{index};
    for (auto& instance : web.instances) {
        agent::Check check;
        check.definition.id = "service:" + std::string(instance.record.id());
        check.definition.name = "Service 'web' check";
        check.definition.service_id = instance.record.id();
        check.definition.ttl = std::chrono::seconds(10);
        check.status = {instance.health, ""};
        support::change_record(instance, [&](auto& record) { record.checks = {check}; });
        instance.modify_index = agent::CatalogIndex{index};
    }
    publication.services = {std::make_shared<const agent::ServiceView>(std::move(web))};
    publication.nodes = {host1, host2};
    return publication;
}

}  // namespace http
