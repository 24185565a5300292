#include "http/catalog_view.hpp"

#include <set>

namespace http {
namespace {

std::vector<std::string> tags_of(const agent::ServiceView& view) {
    std::set<std::string_view> tags;
    for (const auto& instance : view.instances) {
        for (const auto tag : instance.record.tags()) tags.insert(tag);
    }
    return {tags.begin(), tags.end()};
}

bool is_before(const agent::InstanceView& a, const agent::InstanceView& b) {
    return std::pair(a.record.node(), a.record.id()) < std::pair(b.record.node(), b.record.id());
}

bool is_same(const agent::InstanceView& a, const agent::InstanceView& b) {
    return a.modify_index == b.modify_index && a.node == b.node && a.health == b.health &&
           a.maintenance == b.maintenance;
}

// The nodes that hold an instance which came, went or changed; both lists are in the same order.
void touch_nodes(const std::vector<agent::InstanceView>& before,
                 const std::vector<agent::InstanceView>& after,
                 Touched& touched) {
    auto old = before.begin();
    auto now = after.begin();
    while (old != before.end() || now != after.end()) {
        const bool gone = now == after.end() || (old != before.end() && is_before(*old, *now));
        const bool came = !gone && (old == before.end() || is_before(*now, *old));
        if (gone || came || !is_same(*old, *now)) {
            auto key = node_key(gone ? old->record.node() : now->record.node());
            if (touched.keys.empty() || touched.keys.back() != key) {
                touched.keys.push_back(std::move(key));
            }
        }
        if (!came) ++old;
        if (!gone) ++now;
    }
}

}  // namespace

std::string service_key(std::string_view service) { return "service " + std::string(service); }
std::string node_key(std::string_view node) { return "node " + std::string(node); }
std::string kv_key(std::string_view key) { return "kv " + std::string(key); }
std::string kv_prefix_key(std::string_view prefix) { return "kvs " + std::string(prefix); }

void CatalogView::replace(const std::shared_ptr<const agent::ServiceView>& view, Touched& touched) {
    static const std::vector<agent::InstanceView> none;
    auto& service = services_[view->name];
    auto tags = tags_of(*view);
    const bool was_listed = service.view && !service.view->instances.empty();
    if (was_listed == view->instances.empty() || tags != service.tags) {
        touched.keys.emplace_back(services_key);
    }
    touch_nodes(service.view ? service.view->instances : none, view->instances, touched);
    service = {view, std::move(tags)};
    touched.keys.push_back(service_key(view->name));
}

void CatalogView::remove(const std::string& service, Touched& touched) {
    const auto found = services_.find(service);
    if (found == services_.end()) return;
    touch_nodes(found->second.view->instances, {}, touched);
    services_.erase(found);
    touched.keys.emplace_back(services_key);
    touched.keys.push_back(service_key(service));
}

Touched CatalogView::apply(const agent::Publication& publication, TimePoint now) {
    Touched touched;
    const auto index = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(publication.index));
    touched.restored = index < index_;
    index_ = index;
    synced_ = publication.synced;
    const bool is_first = connected_at_ == TimePoint{};
    if (connected_ || publication.connected || is_first) connected_at_ = now;
    connected_ = publication.connected;
    for (const auto& node : publication.nodes) {
        nodes_[node->record.name] = node;
        touched.keys.push_back(node_key(node->record.name));
    }
    for (const auto& name : publication.removed_nodes) {
        nodes_.erase(name);
        touched.keys.push_back(node_key(name));
    }
    if (!touched.keys.empty()) touched.keys.emplace_back(nodes_key);
    for (const auto& view : publication.services) replace(view, touched);
    for (const auto& name : publication.removed_services) remove(name, touched);
    if (!touched.keys.empty()) touched.keys.emplace_back(all_key);
    std::sort(touched.keys.begin(), touched.keys.end());
    touched.keys.erase(std::unique(touched.keys.begin(), touched.keys.end()), touched.keys.end());
    return touched;
}

std::chrono::milliseconds CatalogView::last_contact(TimePoint now) const {
    if (connected_) return std::chrono::milliseconds(0);
    return std::chrono::duration_cast<std::chrono::milliseconds>(now - connected_at_);
}

std::shared_ptr<const agent::ServiceView> CatalogView::find_service(std::string_view name) const {
    const auto found = services_.find(name);
    return found == services_.end() ? nullptr : found->second.view;
}

std::shared_ptr<const agent::NodeView> CatalogView::find_node(std::string_view name) const {
    const auto found = nodes_.find(name);
    return found == nodes_.end() ? nullptr : found->second;
}

std::uint64_t CatalogView::service_index(std::string_view service) const {
    const auto view = find_service(service);
    if (!view) return index_;
    return std::max<std::uint64_t>(1, static_cast<std::uint64_t>(view->index));
}

}  // namespace http
