#include "agent/catalog.hpp"

#include "coord/base/log.hpp"
#include "coord/base/owner.hpp"
#include "coord/proto/path.hpp"
#include "coord/recipe/tree_cache.hpp"

#include <algorithm>
#include <atomic>
#include <cassert>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <tuple>
#include <utility>

namespace agent {
namespace {

constexpr std::size_t malformed_named_max = 1000;  // paths the log names once each

spdlog::logger& log() { return coord::logger("agent.catalog"); }

CatalogIndex to_index(coord::Zxid zxid) {
    return CatalogIndex{static_cast<std::uint64_t>(static_cast<std::int64_t>(zxid))};
}

bool in_order(const InstanceView& a, const InstanceView& b) {
    const auto order_of = [](const PackedRecord& record) {
        return std::tuple(record.node(), record.id(), record.znode());
    };
    return order_of(a.record) < order_of(b.record);
}

// How many instances of a service a node has: when the node changes, the service's view does.
struct ServiceOnNode {
    const std::string* service;  // its key among the services
    std::size_t instances;
};

bool is_before(const ServiceOnNode& on_node, const std::string* service) {
    return std::less<>()(on_node.service, service);
}

template <class T>
using Names = std::map<std::string, T, std::less<>>;

}  // namespace

std::string_view InstanceView::address() const {
    const auto own = record.address();
    if (!own.empty()) return own;
    if (node && !node->record.address.empty()) return node->record.address;
    return record.node_address();
}

std::string_view InstanceView::zone() const {
    const auto own = record.zone();
    return own.empty() && node ? std::string_view(node->record.zone) : own;
}

struct Catalog::State {
    struct Service {
        std::shared_ptr<const ServiceView> view;  // null until it is published first
        // What differs from the view: by znode name, null for one that is gone.
        Names<std::optional<InstanceView>> changes;
        CatalogIndex index{};
    };

    State(coord::Client& client, CatalogOptions limits)
        : options(limits),
          services_cache(
              client,
              std::string(services_root),
              2,
              {.put = [this](const auto& znode) { put_below_services(znode); },
               .removed = [this](auto path, auto zxid) { removed_below_services(path, zxid); },
               .settled = [this](auto zxid, bool) { settled(zxid); }},
              coord::Removals::dated),
          nodes_cache(client,
                      std::string(nodes_root),
                      1,
                      {.put = [this](const auto& znode) { put_node(znode); },
                       .removed = [this](auto path, auto zxid) { removed_node(path, zxid); },
                       .settled = [this](auto zxid, bool) { settled(zxid); }},
                      coord::Removals::dated) {}

    void put_below_services(const coord::CachedZnode& znode);
    void put_instance(const std::string& service, const coord::CachedZnode& znode);
    void removed_below_services(std::string_view path, coord::Zxid zxid);
    void forget_service(const std::string& name, coord::Zxid zxid);
    void put_node(const coord::CachedZnode& znode);
    void removed_node(std::string_view path, coord::Zxid zxid);
    void touch(const std::string& service, CatalogIndex index);
    void touch_services_of(std::string_view node, CatalogIndex index);
    [[nodiscard]] bool has_room(bool is_new, std::size_t size, std::size_t max);
    void skip_malformed(const std::string& path, const std::string& why);

    void settled(coord::Zxid zxid);
    void take_changes(Publication& publication);
    void publish(std::shared_ptr<Publication> publication);
    std::shared_ptr<const ServiceView> rebuild(const std::string& name, Service& service);
    [[nodiscard]] bool is_touched(std::string_view node) const;
    void attach_node(InstanceView& instance) const;
    void count_in(const std::string& service, const InstanceView& instance);
    void count_out(const std::string& service, const InstanceView& instance);

    CatalogOptions options;
    coord::Owner owner;
    coord::TreeCache services_cache;
    coord::TreeCache nodes_cache;
    std::vector<CatalogSubscriber> subscribers;
    bool connected = false;
    bool synced = false;
    CatalogIndex index{};
    CatalogIndex changed_at{};
    bool exact = false;

    Names<Service> services;
    Names<std::shared_ptr<const NodeView>> nodes;
    Names<std::vector<ServiceOnNode>> services_of_node;  // in the order of the keys' places

    // Since the last publication.
    std::set<std::string> touched_services;
    std::set<std::string> removed_services;
    std::set<std::string, std::less<>> touched_nodes;
    std::set<std::string, std::less<>> removed_nodes;

    std::set<std::string, std::less<>> malformed_named;
    coord::Counter malformed;
    coord::Counter over_limit;
    coord::Counter publications;
    std::atomic<std::size_t> instance_count = 0;  // written here, read by metrics()
    std::atomic<std::size_t> service_count = 0;
    std::atomic<std::size_t> node_count = 0;
    std::atomic<std::uint64_t> published_index = 0;
};

// ---- what the watches tell

void Catalog::State::put_below_services(const coord::CachedZnode& znode) {
    const auto below = std::string_view(znode.path).substr(services_root.size() + 1);
    const auto slash = below.find('/');
    const auto name = unescape_component(below.substr(0, slash));
    const auto known = services.find(name);
    if (!has_room(known == services.end(), services.size(), options.services_max)) return;
    if (slash != std::string_view::npos) return put_instance(name, znode);
    touch(name, to_index(znode.stat.czxid));
}

void Catalog::State::put_instance(const std::string& service, const coord::CachedZnode& znode) {
    const std::string name(coord::node_name(znode.path));
    auto read = decode_instance(znode.data);
    touch(service, to_index(znode.stat.mzxid));
    auto& change = services.find(service)->second.changes[name];
    if (!read.value) {
        change.reset();
        return skip_malformed(znode.path, read.error);
    }
    read.value->service.name = service;  // Where it is counts, not what it says it is.
    change = InstanceView{.record = PackedRecord(*read.value, name),
                          .create_index = to_index(znode.stat.czxid),
                          .modify_index = to_index(znode.stat.mzxid)};
}

void Catalog::State::removed_below_services(std::string_view path, coord::Zxid zxid) {
    if (const auto named = malformed_named.find(path); named != malformed_named.end())
        malformed_named.erase(named);
    const auto below = path.substr(services_root.size() + 1);
    const auto slash = below.find('/');
    const auto name = unescape_component(below.substr(0, slash));
    const auto service = services.find(name);
    if (service == services.end()) return;
    if (slash == std::string_view::npos) return forget_service(name, zxid);
    service->second.changes[std::string(below.substr(slash + 1))].reset();
    touch(name, to_index(zxid));
}

void Catalog::State::forget_service(const std::string& name, coord::Zxid zxid) {
    const auto service = services.find(name);
    if (service->second.view) {
        for (const auto& instance : service->second.view->instances)
            count_out(service->first, instance);
        removed_services.insert(name);
    }
    services.erase(service);
    touched_services.erase(name);
    index = std::max(index, to_index(zxid));
}

void Catalog::State::put_node(const coord::CachedZnode& znode) {
    const auto name = unescape_component(coord::node_name(znode.path));
    if (!has_room(!nodes.contains(name), nodes.size(), options.nodes_max)) return;
    auto read = decode_node(znode.data);
    if (!read.value) {
        skip_malformed(znode.path, read.error);
        return removed_node(znode.path, znode.stat.mzxid);
    }
    auto view = std::make_shared<NodeView>();
    view->record = std::move(*read.value);
    view->record.name = name;
    view->create_index = to_index(znode.stat.czxid);
    view->modify_index = to_index(znode.stat.mzxid);
    touch_services_of(name, view->modify_index);
    nodes[name] = std::move(view);
    touched_nodes.insert(name);
    removed_nodes.erase(name);
}

void Catalog::State::removed_node(std::string_view path, coord::Zxid zxid) {
    const auto name = unescape_component(coord::node_name(path));
    if (nodes.erase(name) == 0) return;
    malformed_named.erase(std::string(path));
    touched_nodes.erase(name);
    removed_nodes.insert(name);
    touch_services_of(name, to_index(zxid));
}

void Catalog::State::touch(const std::string& service, CatalogIndex at) {
    auto& found = services[service];
    found.index = std::max(found.index, at);
    index = std::max(index, at);
    touched_services.insert(service);
}

void Catalog::State::touch_services_of(std::string_view node, CatalogIndex at) {
    index = std::max(index, at);
    const auto found = services_of_node.find(node);
    if (found == services_of_node.end()) return;
    for (const auto& on_node : found->second) touch(*on_node.service, at);
}

bool Catalog::State::has_room(bool is_new, std::size_t size, std::size_t max) {
    if (!is_new || size < max) return true;
    over_limit.add();
    return false;
}

void Catalog::State::skip_malformed(const std::string& path, const std::string& why) {
    malformed.add();
    if (malformed_named.size() >= malformed_named_max) return;
    if (malformed_named.insert(path).second)
        log().warn("znode skipped path={} why=\"{}\"", path, why);
}

// ---- what is published

void Catalog::State::settled(coord::Zxid zxid) {
    if (!services_cache.synced() || !nodes_cache.synced()) return;
    const bool first = !std::exchange(synced, true);
    const bool changed = !touched_services.empty() || !removed_services.empty() ||
                         !touched_nodes.empty() || !removed_nodes.empty();
    changed_at = to_index(std::max(services_cache.changed_at(), nodes_cache.changed_at()));
    exact = services_cache.idle() && nodes_cache.idle();
    // What was under way may turn out to be known already: that too is worth telling.
    if (!first && !changed && !exact) return;
    if (first || changed) index = std::max(index, to_index(zxid));
    auto publication = std::make_shared<Publication>();
    take_changes(*publication);
    publish(std::move(publication));
}

// Every change of the batch, in the order of names.
void Catalog::State::take_changes(Publication& publication) {
    for (const auto& name : touched_services) {
        const auto service = services.find(name);
        publication.services.push_back(rebuild(service->first, service->second));
    }
    for (const auto& name : removed_services)
        if (!services.contains(name)) publication.removed_services.push_back(name);
    for (const auto& name : touched_nodes) publication.nodes.push_back(nodes.find(name)->second);
    publication.removed_nodes.assign(removed_nodes.begin(), removed_nodes.end());
    touched_services.clear();
    removed_services.clear();
    touched_nodes.clear();
    removed_nodes.clear();
    service_count = services.size();
    node_count = nodes.size();
}

void Catalog::State::publish(std::shared_ptr<Publication> publication) {
    publication->index = index;
    publication->synced = synced;
    publication->connected = connected;
    publication->exact = exact;
    publication->changed_at = changed_at;
    published_index = static_cast<std::uint64_t>(index);
    publications.add();
    for (const auto& subscriber : subscribers) subscriber(publication);
}

// In time proportional to the service: what stays is copied, what changed is merged in, in order.
std::shared_ptr<const ServiceView> Catalog::State::rebuild(const std::string& name,
                                                           Service& service) {
    std::vector<InstanceView> stays;
    if (service.view) {
        stays.reserve(service.view->instances.size());
        for (const auto& instance : service.view->instances) {
            if (service.changes.contains(instance.record.znode()))
                count_out(name, instance);
            else
                stays.push_back(instance);
        }
    }
    for (auto& instance : stays)
        if (is_touched(instance.record.node())) attach_node(instance);
    std::vector<InstanceView> comes;
    for (auto& [znode, change] : service.changes) {
        if (!change || !has_room(true, instance_count, options.instances_max)) continue;
        attach_node(*change);
        count_in(name, *change);
        comes.push_back(std::move(*change));
    }
    service.changes.clear();
    std::sort(comes.begin(), comes.end(), in_order);

    auto view = std::make_shared<ServiceView>();
    view->name = name;
    view->index = service.index;
    view->instances.reserve(stays.size() + comes.size());
    std::merge(std::move_iterator(stays.begin()),
               std::move_iterator(stays.end()),
               std::move_iterator(comes.begin()),
               std::move_iterator(comes.end()),
               std::back_inserter(view->instances),
               in_order);
    return service.view = std::move(view);
}

// Since the last publication; all others are attached already.
bool Catalog::State::is_touched(std::string_view node) const {
    return touched_nodes.contains(node) || removed_nodes.contains(node);
}

void Catalog::State::attach_node(InstanceView& instance) const {
    const auto found = nodes.find(instance.record.node());
    instance.node = found == nodes.end() ? nullptr : found->second;
    const auto* node = instance.node ? &instance.node->record : nullptr;
    instance.health = instance.record.health();
    instance.maintenance = instance.record.maintenance().has_value();
    if (node == nullptr) return;
    instance.health = std::max(instance.health, aggregate(*node));
    instance.maintenance = instance.maintenance || node->maintenance;
}

void Catalog::State::count_in(const std::string& service, const InstanceView& instance) {
    ++instance_count;
    auto& on_node = services_of_node[std::string(instance.record.node())];
    const auto found = std::lower_bound(on_node.begin(), on_node.end(), &service, is_before);
    if (found == on_node.end() || found->service != &service)
        on_node.insert(found, {&service, 1});
    else
        ++found->instances;
}

void Catalog::State::count_out(const std::string& service, const InstanceView& instance) {
    --instance_count;
    const auto node = services_of_node.find(instance.record.node());
    assert(node != services_of_node.end());
    auto& on_node = node->second;
    const auto found = std::lower_bound(on_node.begin(), on_node.end(), &service, is_before);
    assert(found != on_node.end() && found->service == &service);
    if (--found->instances == 0) on_node.erase(found);
    if (on_node.empty()) services_of_node.erase(node);
}

// ---- the face

Catalog::Catalog(coord::Client& client, CatalogOptions options)
    : state_(std::make_shared<State>(client, options)) {}

Catalog::~Catalog() { stop(); }

void Catalog::subscribe(CatalogSubscriber subscriber) {
    state_->subscribers.push_back(std::move(subscriber));
}

void Catalog::start() {
    assert(state_->owner.here());
    state_->services_cache.start();
    state_->nodes_cache.start();
}

void Catalog::stop() {
    state_->services_cache.stop();
    state_->nodes_cache.stop();
}

void Catalog::set_connected(bool connected) {
    assert(state_->owner.here());
    if (std::exchange(state_->connected, connected) == connected) return;
    // Only that: what a batch has told so far is no consistent step yet.
    state_->publish(std::make_shared<Publication>());
}

bool Catalog::synced() const { return state_->synced; }

CatalogIndex Catalog::index() const { return state_->index; }

std::optional<CatalogIndex> Catalog::exact_at() const {
    const auto& s = *state_;
    const bool idle = s.services_cache.idle() && s.nodes_cache.idle();
    return s.synced && s.exact && idle ? std::optional(s.changed_at) : std::nullopt;
}

std::shared_ptr<const ServiceView> Catalog::find_service(std::string_view name) const {
    const auto found = state_->services.find(name);
    return found == state_->services.end() ? nullptr : found->second.view;
}

std::shared_ptr<const NodeView> Catalog::find_node(std::string_view name) const {
    const auto found = state_->nodes.find(name);
    return found == state_->nodes.end() ? nullptr : found->second;
}

coord::Task<coord::Result<void>> Catalog::reached(coord::Zxid zxid,
                                                  std::chrono::milliseconds patience) {
    const auto state = state_;
    const auto deadline = std::chrono::steady_clock::now() + patience;
    if (const auto told = co_await state->services_cache.reached(zxid, patience); !told)
        co_return told.error();
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    co_return co_await state->nodes_cache.reached(zxid, left);
}

std::vector<coord::Metric> Catalog::metrics() const {
    using enum coord::MetricKind;
    const auto& s = *state_;
    const auto number = [](auto value) { return static_cast<double>(value); };
    return {
        {gauge, "roster_catalog_services", "Services known.", number(s.service_count.load())},
        {gauge, "roster_catalog_instances", "Instances known.", number(s.instance_count.load())},
        {gauge, "roster_catalog_nodes", "Nodes known.", number(s.node_count.load())},
        {gauge,
         "roster_catalog_index",
         "Newest zxid that was published.",
         number(s.published_index.load())},
        {counter,
         "roster_catalog_publications_total",
         "Steps of the catalog that were published.",
         number(s.publications.value())},
        {counter,
         "roster_catalog_malformed_total",
         "Znodes skipped because they did not hold what they should.",
         number(s.malformed.value())},
        {counter,
         "roster_catalog_over_limit_total",
         "Services, instances and nodes left out because a limit was hit.",
         number(s.over_limit.value())},
    };
}

}  // namespace agent
