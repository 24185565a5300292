#pragma once
// What is registered right now, everywhere: an immutable view per service and per node.
//
// Fed by:  two TreeCaches (services, nodes), whose watches report each znode that changed.
// Read by: dns, http, Journal, through Publications.
// Thread:  agent. A view is immutable once published and may be handed to any thread.
// Holds:   the catalog changes only because a watch fired; the index only grows; a service is
//          published exactly when its view differs from the one before. Nothing is published as
//          known before both caches have read everything once.
// Fails:   a znode that is not what it should be is skipped and counted, and the log names it once;
//          so is what goes beyond the limits.

#include "agent/packed_record.hpp"
#include "agent/service.hpp"
#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "coord/client/client.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// Consul's X-Consul-Index: the newest zxid that touched the result. Never 0 on the wire.
enum class CatalogIndex : std::uint64_t {};

struct NodeView {
    NodeRecord record;
    CatalogIndex create_index{};
    CatalogIndex modify_index{};
};

// What its znode says, and what that means together with its node. Cheap to copy: a service's next
// view shares with the one before what did not change.
struct InstanceView {
    PackedRecord record;
    std::shared_ptr<const NodeView> node = {};  // null while the node's own znode is not known
    Health health = Health::critical;           // aggregate of instance and node
    bool maintenance = false;                   // of the instance or of its node
    CatalogIndex create_index{};
    CatalogIndex modify_index{};

    // The instance's own address, or its node's.
    [[nodiscard]] std::string_view address() const;
    // Likewise; empty if neither says.
    [[nodiscard]] std::string_view zone() const;
};
static_assert(sizeof(InstanceView) <= 64, "a million of them are held");

// Instances in order of node name, then service id: every list of the HTTP API keeps that order.
// A service without instances is still known (its name answers NODATA) until its znode goes.
struct ServiceView {
    std::string name;
    CatalogIndex index{};  // newest zxid that changed anything in here, removals included
    std::vector<InstanceView> instances;
};

// One consistent step of the catalog. Names that vanished are listed, not published.
struct Publication {
    CatalogIndex index{};
    bool synced = false;     // the first full read is done; before that nothing is known for sure
    bool connected = false;  // to the ensemble, at this moment; stale answers go on without
    // Nothing more was under way: all that was published so far is what was registered at
    // `changed_at`, no more and no less.
    bool exact = false;
    // The newest transaction that touched any service or node. Where it is exact it is a function of
    // what is registered alone: all agents that know the same say the same.
    CatalogIndex changed_at{};
    std::vector<std::shared_ptr<const ServiceView>> services;
    std::vector<std::string> removed_services;
    std::vector<std::shared_ptr<const NodeView>> nodes;
    std::vector<std::string> removed_nodes;
};

using CatalogSubscriber = std::function<void(const std::shared_ptr<const Publication>&)>;

struct CatalogOptions {
    std::size_t instances_max = 2'000'000;
    std::size_t services_max = 200'000;
    std::size_t nodes_max = 100'000;
};

class Catalog {
public:
    explicit Catalog(coord::Client& client, CatalogOptions options = {});
    ~Catalog();
    Catalog(const Catalog&) = delete;
    Catalog& operator=(const Catalog&) = delete;

    // Before start(). Called with every publication, in index order, on the agent thread.
    // Subscribers do not write to coord.
    void subscribe(CatalogSubscriber subscriber);
    void start();
    void stop();
    // main tells what the client's on_state said; a change is published.
    void set_connected(bool connected);

    [[nodiscard]] bool synced() const;
    [[nodiscard]] CatalogIndex index() const;
    // Publication::changed_at, if what is known is exact at this moment.
    [[nodiscard]] std::optional<CatalogIndex> exact_at() const;
    [[nodiscard]] std::shared_ptr<const ServiceView> find_service(std::string_view name) const;
    [[nodiscard]] std::shared_ptr<const NodeView> find_node(std::string_view name) const;
    // Completes once the catalog has published everything up to `zxid`.
    coord::Task<coord::Result<void>> reached(coord::Zxid zxid, std::chrono::milliseconds patience);
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
