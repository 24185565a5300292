#include "agent/external_entries.hpp"

#include "coord/proto/path.hpp"

#include <algorithm>
#include <cstddef>
#include <functional>
#include <map>
#include <utility>

namespace agent {
namespace {

using coord::Errc;
using coord::Error;

constexpr int attempts_max = 20;             // against others who write the same entry
constexpr std::size_t listed_at_once = 128;  // services whose instances are asked for in a frame

Rejection unavailable(const Error& error) {
    return {Rejection::Kind::unavailable,
            "the coordination core did not take the write: " + error.message()};
}

Verdict to_verdict(const Error& error) {
    if (!error) return {};
    return unavailable(error);
}

template <class Record>
Parsed<Record> decode(std::string_view json);
template <>
Parsed<InstanceRecord> decode(std::string_view json) {
    return decode_instance(json);
}
template <>
Parsed<NodeRecord> decode(std::string_view json) {
    return decode_node(json);
}

bool is_persistent(const coord::Stat& stat) { return stat.ephemeral_owner == coord::SessionId{}; }

void put_check(std::vector<Check>& checks, const Check& check) {
    const auto same = [&](const Check& c) { return c.definition.id == check.definition.id; };
    const auto found = std::find_if(checks.begin(), checks.end(), same);
    if (found == checks.end())
        checks.push_back(check);
    else
        *found = check;
}

void remove_check(std::vector<Check>& checks, const std::string& id) {
    std::erase_if(checks, [&](const Check& check) { return check.definition.id == id; });
}

coord::Task<Error> create(coord::Client& client, const std::string& path, std::string content) {
    const auto made = co_await client.create(path, content, coord::CreateMode::persistent);
    if (made) co_return Error{};
    if (made.error() != Errc::no_node) co_return made.error();
    const auto parent = co_await client.ensure_path(std::string(coord::parent_path(path)));
    if (!parent) co_return parent.error();
    const auto again = co_await client.create(path, content, coord::CreateMode::persistent);
    co_return again ? Error{} : again.error();
}

// What the entry becomes, from what it is (null: not there). Nothing: it stays as it is.
template <class Record>
using Change = std::function<std::optional<Record>(const Record* before)>;

// Reads, changes and writes, again if another was faster.
template <class Record>
coord::Task<Error> update(coord::Client& client, std::string path, Change<Record> change) {
    Error error = Errc::bad_version;
    for (int i = 0; i < attempts_max; ++i) {
        const auto found = co_await client.get_data(path);
        if (!found && found.error() != Errc::no_node) co_return found.error();
        const auto before = found ? decode<Record>(found->data) : Parsed<Record>{};
        if (found && !is_persistent(found->stat)) co_return Error{};
        const auto after = change(before.value ? &*before.value : nullptr);
        if (!after) co_return Error{};
        auto content = encode(*after);
        if (found) {
            const auto set =
                co_await client.set_data(path, std::move(content), found->stat.version);
            if (set) co_return Error{};
            error = set.error();
            if (error != Errc::bad_version && error != Errc::no_node) co_return error;
        } else {
            error = co_await create(client, path, std::move(content));
            if (error != Errc::node_exists && error != Errc::no_node) co_return error;
        }
    }
    co_return error;
}

// Removes an entry that no agent would put back, if `belongs`.
template <class Record>
coord::Task<Error> remove(coord::Client& client,
                          std::string path,
                          std::function<bool(const Parsed<Record>& record)> belongs) {
    Error error = Errc::bad_version;
    for (int i = 0; i < attempts_max; ++i) {
        const auto found = co_await client.get_data(path);
        if (!found) co_return found.error() == Errc::no_node ? Error{} : found.error();
        const auto record = decode<Record>(found->data);
        const bool is_external = record.value && record.value->external;
        if (!is_persistent(found->stat) && !is_external) co_return Error{};
        if (!belongs(record)) co_return Error{};
        const auto removed = co_await client.remove(path, found->stat.version);
        if (removed || removed.error() == Errc::no_node) co_return Error{};
        error = removed.error();
        if (error != Errc::bad_version) co_return error;
    }
    co_return error;
}

// The paths below /services whose znode's name `matches`: the tree is asked, not the catalog.
coord::Task<coord::Result<std::vector<std::string>>>
find_instances(coord::Client& client, std::function<bool(std::string_view name)> matches) {
    std::vector<std::string> found;
    const auto services = co_await client.get_children(std::string(services_root));
    if (!services && services.error() == Errc::no_node) co_return found;
    if (!services) co_return services.error();
    const auto& names = services->names;
    for (std::size_t first = 0; first < names.size(); first += listed_at_once) {
        std::vector<std::string> paths;
        const auto last = std::min(names.size(), first + listed_at_once);
        for (auto i = first; i < last; ++i)
            paths.push_back(std::string(services_root) + "/" + names[i]);
        const auto lists = co_await client.get_children_of(paths);
        if (!lists) co_return lists.error();
        for (std::size_t i = 0; i < paths.size(); ++i) {
            if (!(*lists)[i]) continue;  // It went meanwhile.
            for (const auto& name : *(*lists)[i])
                if (matches(name)) found.push_back(paths[i] + "/" + name);
        }
    }
    co_return found;
}

coord::Task<Error> put_node(coord::Client& client, NodeRecord node, std::vector<Check> checks) {
    const Change<NodeRecord> change = [&](const NodeRecord* before) {
        auto after = node;
        after.external = true;
        if (before != nullptr) after.checks = before->checks;
        for (const auto& check : checks) put_check(after.checks, check);
        return std::optional(after);
    };
    co_return co_await update(client, node_path(node.name), change);
}

coord::Task<Error>
put_instance(coord::Client& client, InstanceRecord instance, std::vector<Check> checks) {
    const Change<InstanceRecord> change = [&](const InstanceRecord* before) {
        auto after = instance;
        after.external = true;
        if (before != nullptr) {
            after.checks = before->checks;
            after.maintenance = before->maintenance;
            after.registered_ms = before->registered_ms;
        }
        for (const auto& check : checks) put_check(after.checks, check);
        return std::optional(after);
    };
    const auto path = instance_path(instance.service.name, instance.service.id, instance.node);
    co_return co_await update(client, path, change);
}

// Changes the checks of an entry that is there.
template <class Record>
coord::Task<Error> edit_checks(coord::Client& client,
                               std::string path,
                               std::function<void(std::vector<Check>&)> edit) {
    const Change<Record> change = [&](const Record* before) {
        auto after = before == nullptr ? std::nullopt : std::optional(*before);
        if (after) edit(after->checks);
        return after;
    };
    co_return co_await update(client, std::move(path), change);
}

coord::Task<Verdict> put_checks_of_instance(coord::Client& client,
                                            std::string node,
                                            std::string service_id,
                                            std::vector<Check> checks) {
    const auto wanted = instance_name(service_id, node);
    const auto paths =
        co_await find_instances(client, [&](std::string_view name) { return name == wanted; });
    if (!paths) co_return unavailable(paths.error());
    if (paths->empty())
        co_return Rejection{Rejection::Kind::not_found,
                            "Missing service '" + service_id + "' registration"};
    for (const auto& path : *paths) {
        const auto error =
            co_await edit_checks<InstanceRecord>(client, path, [&](std::vector<Check>& held) {
                for (const auto& check : checks) put_check(held, check);
            });
        if (error) co_return unavailable(error);
    }
    co_return Verdict{};
}

coord::Task<Error> put_node_and_checks(coord::Client& client,
                                       std::optional<NodeRecord> node,
                                       std::vector<Check> checks) {
    if (!node) co_return Error{};
    if (!node->address.empty())
        co_return co_await put_node(client, std::move(*node), std::move(checks));
    if (checks.empty()) co_return Error{};
    co_return co_await edit_checks<NodeRecord>(
        client, node_path(node->name), [&](std::vector<Check>& held) {
            for (const auto& check : checks) put_check(held, check);
        });
}

// The znodes of all instances that may be on the node. The names of bare Curator instances do not
// say; their data do.
coord::Task<coord::Result<std::vector<std::string>>>
find_instances_of(coord::Client& client, const std::string& node, std::string_view service_id) {
    const auto ours = instance_name(service_id, node);
    const auto any = instance_name("", node);
    const auto bare = escape_component(service_id);
    co_return co_await find_instances(client, [&](std::string_view name) {
        const bool is_bare = name.find('@') == std::string_view::npos;
        if (!service_id.empty()) return name == ours || (is_bare && name == bare);
        return is_bare || name.ends_with(any);
    });
}

coord::Task<Error>
remove_check_everywhere(coord::Client& client, std::string node, std::string id) {
    const auto edit = [&](std::vector<Check>& checks) { remove_check(checks, id); };
    if (const auto error = co_await edit_checks<NodeRecord>(client, node_path(node), edit))
        co_return error;
    const auto paths = co_await find_instances_of(client, node, "");
    if (!paths) co_return paths.error();
    for (const auto& path : *paths) {
        if (!path.ends_with(instance_name("", node))) continue;
        if (const auto error = co_await edit_checks<InstanceRecord>(client, path, edit))
            co_return error;
    }
    co_return Error{};
}

coord::Task<Error>
remove_instances(coord::Client& client, std::string node, std::string service_id) {
    const auto paths = co_await find_instances_of(client, node, service_id);
    if (!paths) co_return paths.error();
    const auto is_on_node = [&](const Parsed<InstanceRecord>& record) {
        return !record.value || record.value->node == node;
    };
    for (const auto& path : *paths) {
        if (const auto error = co_await remove<InstanceRecord>(client, path, is_on_node))
            co_return error;
    }
    co_return Error{};
}

}  // namespace

coord::Task<Verdict> put_external(coord::Client& client,
                                  std::optional<NodeRecord> node,
                                  std::optional<InstanceRecord> instance,
                                  std::vector<Check> checks) {
    std::map<std::string, std::vector<Check>> by_service;
    for (auto& check : checks) by_service[check.definition.service_id].push_back(std::move(check));
    const auto name = node ? node->name : instance ? instance->node : std::string{};
    if (name.empty()) co_return Rejection{Rejection::Kind::invalid, "Must provide node"};

    auto of_node = std::exchange(by_service[""], {});
    by_service.erase("");
    if (!of_node.empty() && !node) node.emplace().name = name;
    if (const auto error = co_await put_node_and_checks(client, node, std::move(of_node)))
        co_return unavailable(error);
    if (instance) {
        auto own = std::exchange(by_service[instance->service.id], {});
        by_service.erase(instance->service.id);
        if (const auto error = co_await put_instance(client, std::move(*instance), std::move(own)))
            co_return unavailable(error);
    }
    for (auto& [service_id, of_service] : by_service) {
        auto refused =
            co_await put_checks_of_instance(client, name, service_id, std::move(of_service));
        if (refused) co_return refused;
    }
    co_return Verdict{};
}

coord::Task<Verdict> remove_external(coord::Client& client,
                                     std::string node,
                                     std::string service_id,
                                     std::string check_id) {
    if (!check_id.empty())
        co_return to_verdict(co_await remove_check_everywhere(client, node, check_id));
    if (!service_id.empty())
        co_return to_verdict(co_await remove_instances(client, node, service_id));
    if (const auto error = co_await remove_instances(client, node, ""))
        co_return unavailable(error);
    co_return to_verdict(co_await remove<NodeRecord>(
        client, node_path(node), [](const Parsed<NodeRecord>&) { return true; }));
}

}  // namespace agent
