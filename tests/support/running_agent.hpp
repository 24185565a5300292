#pragma once
// The parts of an agent that speak to an ensemble, as main puts them together: client, registrar,
// catalog. And the shapes their tests register.
//
// Thread:  the test's, which runs the loop with run_until.

#include "agent/catalog.hpp"
#include "agent/registrar.hpp"
#include "tests/support/run_until.hpp"
#include "tests/support/running_core.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace agent {

inline coord::ServerOptions quick_core() {
    coord::ServerOptions options;
    options.tick = std::chrono::milliseconds(100);
    options.session_timeout_min = std::chrono::milliseconds(200);
    return options;
}

inline NodeRecord test_node(const std::string& name) {
    NodeRecord node;
    node.name = name;
    node.id = "id-of-" + name;
    node.address = "10.0.0.1";
    node.datacenter = "dc1";
    return node;
}

inline ServiceDefinition test_service(const std::string& name, const std::string& id) {
    ServiceDefinition service;
    service.name = name;
    service.id = id;
    service.port = 8080;
    return service;
}

inline CheckDefinition test_ttl_check(const std::string& id = "") {
    CheckDefinition check;
    check.id = id;
    check.name = "alive";
    check.ttl = std::chrono::seconds(30);
    return check;
}

struct AgentSettings {
    std::string connect;
    std::string node = "host1";
    std::string node_id = {};  // empty: one that goes with the name
    std::filesystem::path data_dir = {};
    std::optional<coord::SessionIdentity> resume = {};
    std::chrono::milliseconds session_timeout{10'000};
    std::chrono::milliseconds patience{10'000};
    std::chrono::milliseconds output_sync_interval{300'000};
    std::size_t services_max = 100'000;
    std::size_t checks_max = 200'000;
};

class RunningAgent {
public:
    RunningAgent(boost::asio::io_context& io, const AgentSettings& settings)
        : io_(io),
          client_(io,
                  {.connect = settings.connect,
                   .session_timeout = settings.session_timeout,
                   .resume = settings.resume}),
          registrar_(io, client_, options_of(settings)),
          catalog_(client_) {
        client_.on_state([this](coord::SessionState state) {
            states_.push_back(state);
            registrar_.on_session_state(state);
            catalog_.set_connected(state == coord::SessionState::connected);
        });
        catalog_.subscribe([this](const auto& published) { publications_.push_back(published); });
    }
    ~RunningAgent() {
        registrar_.stop();
        catalog_.stop();
        client_.abandon();
    }
    RunningAgent(const RunningAgent&) = delete;
    RunningAgent& operator=(const RunningAgent&) = delete;

    // Registers its node, and sees the catalog.
    void start() {
        registrar_.start();
        catalog_.start();
        client_.start();
    }
    bool await_settled() {
        return coord::run_until(io_, [this] { return catalog_.synced() && registrar_.settled(); });
    }

    coord::Client& client() { return client_; }
    Registrar& registrar() { return registrar_; }
    Catalog& catalog() { return catalog_; }
    [[nodiscard]] const std::vector<std::shared_ptr<const Publication>>& publications() const {
        return publications_;
    }
    [[nodiscard]] const std::vector<coord::SessionState>& states() const { return states_; }

    Verdict add(ServiceDefinition service, bool replace_checks = false) {
        return coord::run_task(
            io_, registrar_.register_service(std::move(service), Source::api, replace_checks));
    }
    Verdict remove(const std::string& id) {
        return coord::run_task(io_, registrar_.deregister_service(id));
    }
    // What the ensemble holds; nothing if there is no such znode.
    std::optional<coord::ZnodeData> read(const std::string& path) {
        auto found = coord::run_task(io_, client_.get_data(path));
        return found ? std::optional(found.value()) : std::nullopt;
    }
    std::optional<InstanceRecord>
    read_instance(const std::string& service, const std::string& id, const std::string& node) {
        const auto znode = read(instance_path(service, id, node));
        return znode ? decode_instance(znode->data).value : std::nullopt;
    }

private:
    static RegistrarOptions options_of(const AgentSettings& settings) {
        RegistrarOptions options;
        options.node = test_node(settings.node);
        if (!settings.node_id.empty()) options.node.id = settings.node_id;
        options.data_dir = settings.data_dir;
        options.services_max = settings.services_max;
        options.checks_max = settings.checks_max;
        options.patience = settings.patience;
        options.output_sync_interval = settings.output_sync_interval;
        options.clock_ms = [] { return std::int64_t{1'769'000'000'000}; };
        return options;
    }

    boost::asio::io_context& io_;
    coord::Client client_;
    Registrar registrar_;
    Catalog catalog_;
    std::vector<std::shared_ptr<const Publication>> publications_;
    std::vector<coord::SessionState> states_;
};

inline std::string address_of(const coord::RunningCore& core) {
    return "127.0.0.1:" + std::to_string(core.port());
}

}  // namespace agent
