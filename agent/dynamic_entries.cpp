#include "agent/dynamic_entries.hpp"

#include "coord/base/log.hpp"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <set>
#include <utility>

namespace agent {
namespace {

using coord::Errc;
using coord::Result;

constexpr std::size_t read_at_once = 128;  // znodes in one frame
constexpr std::chrono::milliseconds view_patience{1000};

spdlog::logger& log() { return coord::logger("agent.dynamic_entries"); }

bool is_over(std::int64_t expires_ms, std::int64_t now_ms) {
    return expires_ms != 0 && expires_ms <= now_ms;
}

// The version of the root, which is made if it is missing.
coord::Task<Result<std::int32_t>> version_of_root(coord::Client& client) {
    const std::string root(dynamic_root);
    auto stat = co_await client.exists(root);
    if (!stat && stat.error() == Errc::no_node) {
        const auto made = co_await client.ensure_path(root);
        if (!made) co_return made.error();
        stat = co_await client.exists(root);
    }
    if (!stat) co_return stat.error();
    co_return stat->version;
}

coord::Task<Result<std::vector<HeldInstance>>> read_instances(coord::Client& client,
                                                              std::vector<std::string> paths) {
    std::vector<HeldInstance> held;
    for (std::size_t first = 0; first < paths.size(); first += read_at_once) {
        const auto last = std::min(paths.size(), first + read_at_once);
        std::vector<std::string> batch(paths.begin() + static_cast<std::ptrdiff_t>(first),
                                       paths.begin() + static_cast<std::ptrdiff_t>(last));
        const auto found = co_await client.get_data_of(batch);
        if (!found) co_return found.error();
        for (std::size_t i = 0; i < batch.size(); ++i) {
            const auto& znode = (*found)[i];
            if (!znode) continue;  // It went meanwhile.
            auto read = decode_instance(znode->data);
            if (!read.value) continue;  // The catalog does not know it either.
            const bool is_persistent = znode->stat.ephemeral_owner == coord::SessionId{};
            held.push_back({batch[i], znode->stat.version, is_persistent, std::move(*read.value)});
        }
    }
    co_return held;
}

coord::Task<Result<void>>
read_service(coord::Client& client, std::string service, DynamicView& view) {
    const auto path = service_path(service);
    const auto children = co_await client.get_children(path);
    if (!children && children.error() == Errc::no_node) co_return Result<void>();
    if (!children) co_return children.error();
    std::vector<std::string> paths;
    for (const auto& name : children->names) paths.push_back(path + "/" + name);
    auto held = co_await read_instances(client, std::move(paths));
    if (!held) co_return held.error();
    view.services.emplace(std::move(service), std::move(*held));
    co_return Result<void>();
}

coord::Task<Result<void>> read_name(coord::Client& client, std::string name, DynamicView& view) {
    const auto found = co_await client.get_data(dynamic_path(name));
    if (!found && found.error() == Errc::no_node) co_return Result<void>();
    if (!found) co_return found.error();
    auto read = decode_dynamic_name(found->data);
    HeldName held{found->stat.version, std::move(read.value).value_or(DynamicName{})};
    held.name.name = name;
    view.names.emplace(std::move(name), std::move(held));
    co_return Result<void>();
}

void add_instances(const DynamicView& view,
                   const DynamicChange& change,
                   std::vector<coord::Op>& ops) {
    std::map<std::string, std::int32_t> versions;
    for (const auto& [service, instances] : view.services) {
        for (const auto& held : instances) versions.emplace(held.path, held.version);
    }
    for (const auto& path : change.remove) {
        ops.emplace_back(coord::RemoveOp{path, versions.at(path)});
    }
    std::set<std::string> parents;
    for (const auto& record : change.put) {
        const auto& service = record.service.name;
        const auto path = instance_path(service, record.service.id, record.node);
        const auto found = versions.find(path);
        if (found != versions.end()) {
            ops.emplace_back(coord::SetDataOp{path, encode(record), found->second});
            continue;
        }
        if (!view.services.contains(service) && parents.insert(service).second) {
            ops.emplace_back(coord::CreateOp{service_path(service), ""});
        }
        ops.emplace_back(coord::CreateOp{path, encode(record)});
    }
}

void add_names(const DynamicView& view, const DynamicChange& change, std::vector<coord::Op>& ops) {
    for (const auto& name : change.names) {
        const auto path = dynamic_path(name.name);
        const auto held = view.names.find(name.name);
        if (held == view.names.end()) {
            if (!name.records.empty()) ops.emplace_back(coord::CreateOp{path, encode(name)});
        } else if (name.records.empty()) {
            ops.emplace_back(coord::RemoveOp{path, held->second.version});
        } else {
            ops.emplace_back(coord::SetDataOp{path, encode(name), held->second.version});
        }
    }
}

// What came of a write under a version: false if it was for another to do.
Result<bool> verdict_of(const coord::Error& error) {
    if (!error) return true;
    if (error == Errc::bad_version || error == Errc::no_node) return false;
    return {boost::system::in_place_error, error};
}

coord::Task<Result<bool>>
expire_name(coord::Client& client, std::string path, coord::ZnodeData found, std::int64_t now_ms) {
    auto read = decode_dynamic_name(found.data);
    if (!read.value) co_return false;
    const auto gone = std::erase_if(read.value->records, [&](const DynamicRecord& record) {
        return is_over(record.expires_ms, now_ms);
    });
    if (gone == 0) co_return false;
    if (read.value->records.empty()) {
        const auto removed = co_await client.remove(path, found.stat.version);
        co_return verdict_of(removed ? coord::Error{} : removed.error());
    }
    const auto set = co_await client.set_data(path, encode(*read.value), found.stat.version);
    co_return verdict_of(set ? coord::Error{} : set.error());
}

}  // namespace

bool is_conflict(const coord::Error& error) {
    return error == Errc::bad_version || error == Errc::node_exists || error == Errc::no_node;
}

coord::Task<Result<DynamicView>> DynamicEntries::read(DynamicWanted wanted) {
    DynamicView view;
    const auto version = co_await version_of_root(client_);
    if (!version) co_return version.error();
    view.version = *version;
    for (auto& service : wanted.services) {
        const auto read = co_await read_service(client_, std::move(service), view);
        if (!read) co_return read.error();
    }
    for (auto& name : wanted.names) {
        const auto read = co_await read_name(client_, std::move(name), view);
        if (!read) co_return read.error();
    }
    co_return view;
}

coord::Task<Result<void>> DynamicEntries::commit(DynamicView view, DynamicChange change) {
    std::vector<coord::Op> ops;
    ops.emplace_back(coord::SetDataOp{std::string(dynamic_root), "", view.version});
    if (!change.put.empty()) {
        const auto root = co_await client_.ensure_path(std::string(services_root));
        if (!root) co_return root.error();
    }
    add_instances(view, change, ops);
    add_names(view, change, ops);
    const auto done = co_await client_.multi(std::move(ops));
    if (!done) co_return done.error();
    const auto error = done->first_error();
    if (error != Errc::ok) co_return error;
    const auto zxid = client_.last_zxid();
    const auto in_catalog = co_await catalog_.reached(zxid, view_patience);
    const auto in_names = co_await names_.reached(zxid, view_patience);
    if (!in_catalog || !in_names) log().warn("update committed, not seen yet");
    co_return Result<void>();
}

coord::Task<Result<void>> DynamicEntries::sync() {
    co_return co_await client_.sync(std::string(dynamic_root));
}

coord::Task<Result<bool>>
expire_dynamic(coord::Client& client, std::string path, std::int64_t now_ms) {
    auto found = co_await client.get_data(path);
    if (!found && found.error() == Errc::no_node) co_return false;
    if (!found) co_return Result<bool>(boost::system::in_place_error, found.error());
    if (path.starts_with(dynamic_root)) {
        co_return co_await expire_name(client, std::move(path), std::move(*found), now_ms);
    }
    const auto read = decode_instance(found->data);
    if (!read.value || !read.value->dns || !is_over(read.value->dns->expires_ms, now_ms)) {
        co_return false;
    }
    const auto removed = co_await client.remove(path, found->stat.version);
    co_return verdict_of(removed ? coord::Error{} : removed.error());
}

}  // namespace agent
