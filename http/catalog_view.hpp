#pragma once
// What this room knows of the catalog: every service and node as last published.
//
// Fed by:  Catalog's publications, hopped over from the agent thread.
// Read by: catalog_api, health_api, agent_api; BlockingQueries learns which keys were touched.
// Thread:  http. The views themselves are immutable and shared.
// Holds:   the index is never 0 on the wire and never goes backwards, unless the ensemble itself
//          was restored: then apply() says so, and every waiting query is answered.

#include "agent/catalog.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace http {

// The keys under which blocking queries wait.
std::string service_key(std::string_view service);
std::string node_key(std::string_view node);
std::string kv_key(std::string_view key);
std::string kv_prefix_key(std::string_view prefix);
inline constexpr std::string_view services_key = "services";  // names and tags
inline constexpr std::string_view nodes_key = "nodes";
inline constexpr std::string_view all_key = "all";  // whatever changes in the catalog

struct Touched {
    std::vector<std::string> keys;
    bool restored = false;  // the index went back: whatever anyone knew is void
};

class CatalogView {
public:
    struct Service {
        std::shared_ptr<const agent::ServiceView> view;
        std::vector<std::string> tags;  // of all instances, sorted, each once
    };
    using Services = std::map<std::string, Service, std::less<>>;
    using Nodes = std::map<std::string, std::shared_ptr<const agent::NodeView>, std::less<>>;

    using TimePoint = std::chrono::steady_clock::time_point;

    Touched apply(const agent::Publication& publication, TimePoint now);

    [[nodiscard]] const Services& services() const { return services_; }
    [[nodiscard]] const Nodes& nodes() const { return nodes_; }
    [[nodiscard]] std::shared_ptr<const agent::ServiceView> find_service(std::string_view) const;
    [[nodiscard]] std::shared_ptr<const agent::NodeView> find_node(std::string_view) const;
    // Newest zxid that touched anything; at least 1.
    [[nodiscard]] std::uint64_t index() const { return index_; }
    // Of one service; of the whole catalog while there is none of that name.
    [[nodiscard]] std::uint64_t service_index(std::string_view service) const;
    [[nodiscard]] bool synced() const { return synced_; }
    [[nodiscard]] bool connected() const { return connected_; }
    // For how long the ensemble has been out of reach; zero while it is not.
    [[nodiscard]] std::chrono::milliseconds last_contact(TimePoint now) const;

private:
    void replace(const std::shared_ptr<const agent::ServiceView>& view, Touched& touched);
    void remove(const std::string& service, Touched& touched);

    Services services_;
    Nodes nodes_;
    std::uint64_t index_ = 1;
    bool synced_ = false;
    bool connected_ = false;
    TimePoint connected_at_;  // the last time it was so
};

}  // namespace http
