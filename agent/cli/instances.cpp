#include "agent/cli/instances.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <utility>

namespace agent {
namespace {

namespace json = boost::json;

const json::value* member(const json::value& object, std::string_view key) {
    const auto* as_object = object.if_object();
    return as_object == nullptr ? nullptr : as_object->if_contains(key);
}

std::string text(const json::value& object, std::string_view key) {
    const auto* found = member(object, key);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : std::string();
}

// As Consul aggregates: maintenance before anything, then the worst.
std::string health_of(const json::value& entry) {
    std::string worst = "passing";
    const auto* checks = member(entry, "Checks");
    if (checks == nullptr || !checks->is_array()) return worst;
    for (const auto& check : checks->as_array()) {
        const auto id = text(check, "CheckID");
        if (id == "_node_maintenance" || id.starts_with("_service_maintenance:")) {
            return "maintenance";
        }
        const auto status = text(check, "Status");
        if (status == "critical" || (status == "warning" && worst == "passing")) worst = status;
    }
    return worst;
}

std::optional<Instance> parse_instance(const json::value& entry) {
    const auto* node = member(entry, "Node");
    const auto* service = member(entry, "Service");
    if (node == nullptr || service == nullptr) return std::nullopt;
    Instance instance;
    instance.node = text(*node, "Node");
    instance.id = text(*service, "ID");
    instance.address = text(*service, "Address");
    if (instance.address.empty()) instance.address = text(*node, "Address");
    instance.health = health_of(entry);
    if (const auto* port = member(*service, "Port"); port != nullptr && port->is_int64()) {
        instance.port = static_cast<std::uint16_t>(port->as_int64());
    }
    if (const auto* tags = member(*service, "Tags"); tags != nullptr && tags->is_array()) {
        for (const auto& tag : tags->as_array()) {
            if (tag.is_string()) instance.tags.emplace_back(tag.as_string());
        }
    }
    if (const auto* meta = member(*service, "Meta"); meta != nullptr && meta->is_object()) {
        for (const auto& [key, value] : meta->as_object()) {
            if (value.is_string()) instance.meta.emplace(key, value.as_string());
        }
    }
    return instance;
}

bool same_identity(const Instance& a, const Instance& b) {
    return a.node == b.node && a.id == b.id;
}

const Instance* find(const std::vector<Instance>& all, const Instance& wanted) {
    const auto found = std::find_if(
        all.begin(), all.end(), [&](const auto& one) { return same_identity(one, wanted); });
    return found == all.end() ? nullptr : &*found;
}

std::string difference(const Instance& before, const Instance& after) {
    std::string what;
    const auto add = [&](const std::string& word) { what += (what.empty() ? "" : ", ") + word; };
    if (before.health != after.health) add(before.health + " -> " + after.health);
    if (before.address != after.address || before.port != after.port) add("address");
    if (before.tags != after.tags) add("tags");
    if (before.meta != after.meta) add("meta");
    return what;
}

}  // namespace

std::optional<std::vector<Instance>> parse_instances(std::string_view text) {
    json::error_code error;
    const auto parsed = json::parse({text.data(), text.size()}, error);
    if (error || !parsed.is_array()) return std::nullopt;
    std::vector<Instance> instances;
    for (const auto& entry : parsed.as_array()) {
        auto instance = parse_instance(entry);
        if (!instance) return std::nullopt;
        instances.push_back(std::move(*instance));
    }
    return instances;
}

std::vector<InstanceChange> compare(const std::vector<Instance>& before,
                                    const std::vector<Instance>& after) {
    using Kind = InstanceChange::Kind;
    std::vector<InstanceChange> changes;
    for (const auto& old : before) {
        if (find(after, old) == nullptr) changes.push_back({Kind::removed, old, {}});
    }
    for (const auto& now : after) {
        const auto* old = find(before, now);
        if (old == nullptr) {
            changes.push_back({Kind::added, now, {}});
        } else if (*old != now) {
            changes.push_back({Kind::changed, now, difference(*old, now)});
        }
    }
    return changes;
}

}  // namespace agent
