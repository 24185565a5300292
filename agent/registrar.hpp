#pragma once
// What this agent has registered, and the only writer of it below /services. (What no agent holds is
// written by ExternalEntries, through here, and by DynamicEntries.)
//
// Fed by:  http, config, CLI (through http): definitions; CheckRunner: check results.
// Read by: http (agent/services, agent/checks), CheckRunner (on_checks_changed).
// Thread:  agent. Every function is called there; other threads co_spawn onto it.
// Holds:   registering does not touch the catalog: it comes back through the watch. What the
//          ensemble holds for this node converges to what is registered here, through reconnects,
//          expired sessions, restarts, and whatever other clients do to it. API registrations and
//          every check's last status survive a restart (registrations.json in the data directory).
//          A definition is on disk before its registration completes.
// Fails:   a Rejection: the kind maps to an HTTP status in one place, http/json.

#include "agent/registrations.hpp"
#include "agent/service.hpp"
#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "coord/client/client.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

struct RegistrarOptions {
    NodeRecord node;                 // this node: name, id, address, datacenter, meta, version
    std::filesystem::path data_dir;  // for registrations.json; empty: nothing is persisted
    std::size_t services_max = 100'000;
    std::size_t checks_max = 200'000;
    // How often output-only changes go out, and what the ensemble holds is compared.
    std::chrono::milliseconds output_sync_interval{300'000};
    std::chrono::milliseconds patience{5'000};  // for the ensemble to take a write
    std::function<std::int64_t()> clock_ms;     // milliseconds since 1970
};

class Registrar {
public:
    Registrar(boost::asio::io_context& io, coord::Client& client, RegistrarOptions options);
    ~Registrar();
    Registrar(const Registrar&) = delete;
    Registrar& operator=(const Registrar&) = delete;

    // Reads registrations.json (a broken one throws std::runtime_error naming it). What the files
    // declared before is registered again until apply_config() tells what they declare now: call
    // it soon, even with nothing.
    void start();
    // Whoever waits is answered; the znodes stay until the session ends.
    void stop();
    // main tells what the client's on_state said. `expired` and a new `connected` re-register all.
    void on_session_state(coord::SessionState state);

    // Idempotent; the same id replaces. Existing checks of the service are kept unless
    // `replace_checks`; a re-registered check keeps its last status. Completes when committed; if
    // that takes longer than `patience` it is `unavailable`, yet registered, and still tried.
    // So do the other writes, except where it says so.
    coord::Task<Verdict>
    register_service(ServiceDefinition service, Source source, bool replace_checks);
    coord::Task<Verdict> deregister_service(std::string id);
    coord::Task<Verdict> set_service_maintenance(std::string id, std::optional<Maintenance> on);
    coord::Task<Verdict> set_node_maintenance(std::optional<Maintenance> on);
    coord::Task<Verdict> register_check(CheckDefinition check, Source source);
    coord::Task<Verdict> deregister_check(std::string id);
    // pass, warn, fail and update of a TTL check: restarts its time to live. Waits for the ensemble
    // only if the health changed, and does not mind when it is away: the report has been taken.
    coord::Task<Verdict> report_ttl(std::string id, CheckStatus status);
    // All config entries at once, as read from the files: applied as a diff, or not at all if one
    // is invalid. Completes when it is on disk; the ensemble follows.
    coord::Task<Verdict> apply_config(std::vector<ServiceDefinition> services,
                                      std::vector<CheckDefinition> node_checks);
    // catalog/register and catalog/deregister: entries no agent holds, see external_entries.hpp.
    // What an agent holds is left alone, and that is no failure: in Consul too it would come back.
    coord::Task<Verdict> register_external(std::optional<NodeRecord> node,
                                           std::optional<InstanceRecord> instance,
                                           std::vector<Check> checks);
    coord::Task<Verdict>
    deregister_external(std::string node, std::string service_id, std::string check_id);

    // A check's result; thresholds have been applied. Written at once if the health changed.
    void set_check_status(const std::string& check_id, CheckStatus status);

    // Told after every change of the set of checks, with all of them; many changes in a row are
    // told as one. Set before start().
    void on_checks_changed(std::function<void(const std::vector<Check>&)> told);
    // Told when a TTL check was reported, so that its time to live starts again.
    void on_ttl_reported(std::function<void(const std::string& check_id)> told);

    [[nodiscard]] const std::map<std::string, LocalService>& services() const;  // by id
    [[nodiscard]] const std::map<std::string, Check>& checks() const;           // by id
    [[nodiscard]] const NodeRecord& node() const;  // with its maintenance
    // The aggregate over the service's checks, its maintenance and the node's.
    [[nodiscard]] Health service_health(const std::string& id) const;
    // Everything registered here is in the ensemble.
    [[nodiscard]] bool settled() const;
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
