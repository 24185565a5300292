#include "coord/tree/transaction.hpp"

#include "coord/proto/path.hpp"
#include "coord/tree/acl.hpp"

#include <array>
#include <cassert>
#include <cstdio>
#include <iterator>
#include <optional>
#include <utility>

namespace coord {
namespace {

constexpr std::int64_t container_never_used_ms = 300'000;  // znode.container.maxNeverUsedIntervalMs

bool is_system_path(std::string_view path) {
    return path == "/" || path == "/zookeeper" || path == "/zookeeper/quota" ||
           path == members_path;
}

// What ZooKeeper asks of a path before it looks for the parent.
bool has_parent(std::string_view path) {
    return path.find('/') != std::string_view::npos && path.find('\0') == std::string_view::npos;
}

bool is_sequential(CreateMode mode) {
    return mode == CreateMode::persistent_sequential || mode == CreateMode::ephemeral_sequential ||
           mode == CreateMode::persistent_sequential_ttl;
}

bool is_ephemeral(CreateMode mode) {
    return mode == CreateMode::ephemeral || mode == CreateMode::ephemeral_sequential;
}

bool is_ttl(CreateMode mode) {
    return mode == CreateMode::persistent_ttl || mode == CreateMode::persistent_sequential_ttl;
}

// Nothing if these flags are none, or do not go with this operation.
std::optional<CreateMode> mode_of(OpCode op, const CreateRequest& request) {
    if (request.flags < 0 ||
        request.flags > static_cast<std::int32_t>(CreateMode::persistent_sequential_ttl)) {
        return std::nullopt;
    }
    const CreateMode mode{request.flags};
    if (is_ttl(mode) != (op == OpCode::create_ttl)) return std::nullopt;
    const bool has_ttl = request.ttl_ms > 0 && request.ttl_ms <= ttl_ms_max;
    if (is_ttl(mode) && !has_ttl) return std::nullopt;
    return mode;
}

// It is the operation that makes a container: with plain create, the container flag means nothing.
std::int64_t owner_of(OpCode op, CreateMode mode, std::int64_t ttl_ms, SessionId session) {
    if (op == OpCode::create_container) return static_cast<std::int64_t>(container_owner);
    if (is_ttl(mode)) return ttl_owner(ttl_ms);
    return is_ephemeral(mode) ? static_cast<std::int64_t>(session) : 0;
}

std::string with_sequence(std::string_view path, std::int32_t sequence) {
    std::array<char, 16> digits{};
    const auto size = std::snprintf(digits.data(), digits.size(), "%010d", sequence);
    assert(size >= 10);
    return std::string(path).append(digits.data(), static_cast<std::size_t>(size));
}

std::int64_t size_of(std::optional<std::string_view> data) {
    return data ? static_cast<std::int64_t>(data->size()) : 0;
}

bool is_version(std::int32_t expected, std::int32_t version) {
    return expected == -1 || expected == version;
}

// Membership is not changed over the client protocol: what an ensemble that was not told otherwise
// says, too, and it counts as a write. Source: ZooKeeper 3.8, reconfigEnabled=false.
Errc refuse_reconfig(std::string_view body) {
    Decoder in(body);
    for (int i = 0; i < 3; ++i) in.nullable_ustring();  // joining, leaving, new members
    in.int64();                                         // the configuration it is based on
    return in.failed() ? Errc::marshalling_error : Errc::reconfig_disabled;
}

template <class Request>
std::optional<Request> decoded(std::string_view body) {
    Decoder in(body);
    auto request = Request::decode(in);
    if (in.failed()) return std::nullopt;
    return request;
}

}  // namespace

bool is_due(const ZnodeStore& znodes, NodeId id, std::int64_t now_ms) {
    const auto& node = znodes[id];
    const auto branch = znodes.branch(id);
    const auto kind = owner_kind(node.owner);
    if (branch.num_children > 0) return false;
    if (kind == OwnerKind::ttl) return now_ms - node.mtime > owner_ttl_ms(node.owner);
    if (kind != OwnerKind::container) return false;
    return branch.creates != 0 || now_ms - node.mtime > container_never_used_ms;
}

Errc Transaction::apply(OpCode op, std::string_view body, Encoder& reply) {
    switch (op) {
        case OpCode::create:
        case OpCode::create2:
        case OpCode::create_container:
        case OpCode::create_ttl: {
            Decoder in(body);
            const auto request = CreateRequest::decode(in, op);
            return in.failed() ? Errc::marshalling_error : create(op, request, reply);
        }
        case OpCode::remove: {
            const auto request = decoded<RemoveRequest>(body);
            return request ? remove(*request) : Errc::marshalling_error;
        }
        case OpCode::set_data: {
            const auto request = decoded<SetDataRequest>(body);
            return request ? set_data(*request, reply) : Errc::marshalling_error;
        }
        case OpCode::set_acl: {
            const auto request = decoded<SetAclRequest>(body);
            return request ? set_acl(*request, reply) : Errc::marshalling_error;
        }
        case OpCode::delete_container: {
            Decoder in(body);
            const auto path = in.ustring();
            return in.failed() ? Errc::marshalling_error : remove_expired(path);
        }
        case OpCode::tell_members: tell_members(body); return Errc::ok;
        case OpCode::reconfig: return refuse_reconfig(body);
        default: return Errc::unimplemented;
    }
}

void Transaction::tell_members(std::string_view lines) {
    const auto id = tree_.znodes().find(members_path);
    assert(id != NodeId::none);  // It can neither be removed nor left out of a snapshot.
    tree_.set_data(id, lines, zxid_, command_.time_ms);
    tell({EventType::node_data_changed, std::string(members_path), true, false}, id);
}

bool Transaction::may(std::int32_t perms, NodeId id) const {
    return tree_.znodes()[id].acl == AclId::open || permits(tree_.acl(id), perms, command_.ids);
}

Errc Transaction::create(OpCode op, const CreateRequest& request, Encoder& reply) {
    const auto mode = mode_of(op, request);
    if (!mode) return Errc::bad_arguments;
    if (!has_session()) return Errc::session_expired;
    if (!has_parent(request.path)) return Errc::bad_arguments;
    const bool is_open = request.acl == open_acl_unsafe;  // nearly always
    auto acl = is_open ? Result<AclList>(AclList()) : normalise_acl(request.acl, command_.ids);
    if (!acl) return Errc::invalid_acl;

    const auto& znodes = tree_.znodes();
    const auto parent = znodes.find(parent_path(request.path));
    if (parent == NodeId::none) return Errc::no_node;
    if (!may(perm::create, parent)) return Errc::no_auth;
    std::string sequenced;
    auto path = request.path;
    if (is_sequential(*mode)) {
        path = sequenced = with_sequence(path, znodes.branch(parent).creates);
    }
    if (!is_valid_path(path)) return Errc::bad_arguments;
    if (znodes.find(path) != NodeId::none) return Errc::node_exists;
    if (owner_kind(znodes[parent].owner) == OwnerKind::session) {
        return Errc::no_children_for_ephemerals;
    }
    const auto refused = check_quota(path, {1, size_of(request.data)});
    if (refused != Errc::ok) return refused;

    const auto owner = owner_of(op, *mode, request.ttl_ms, command_.session);
    const auto id =
        tree_.create({parent, path, request.data, owner, is_open ? open_acl_unsafe : acl.value()},
                     zxid_,
                     command_.time_ms);
    reply.ustring(path);
    if (op != OpCode::create) reply.stat(tree_.stat(id));
    quota_.note_created(path, request.data);
    tell({EventType::node_created, std::string(path), true, false}, id);
    tell({EventType::node_children_changed, std::string(parent_path(path)), false, true}, parent);
    return Errc::ok;
}

Errc Transaction::remove(const RemoveRequest& request) {
    if (!has_session()) return Errc::session_expired;
    if (!has_parent(request.path) || is_system_path(request.path)) return Errc::bad_arguments;
    const auto& znodes = tree_.znodes();
    const auto parent = znodes.find(parent_path(request.path));
    if (parent == NodeId::none) return Errc::no_node;
    if (!may(perm::remove, parent)) return Errc::no_auth;
    const auto id = znodes.find(request.path);
    if (id == NodeId::none) return Errc::no_node;
    if (!is_version(request.version, znodes[id].version)) return Errc::bad_version;
    if (znodes.branch(id).num_children > 0) return Errc::not_empty;
    remove(id, request.path);
    return Errc::ok;
}

void Transaction::remove(NodeId id, std::string_view path) {
    const auto above = std::string(parent_path(path));
    tell({EventType::node_deleted, std::string(path), true, true}, id);
    tell({EventType::node_children_changed, above, false, true}, tree_.znodes().find(above));
    const auto bytes = size_of(tree_.znodes()[id].data());
    tree_.remove(id, zxid_);
    quota_.note(path, {-1, -bytes});
}

Errc Transaction::check_quota(std::string_view path, Usage change) {
    auto found = quota_.excesses(path, change);
    if (found.empty()) return Errc::ok;
    const bool is_refused = command_.enforces_quota && found.back().is_hard;
    std::move(found.begin(), found.end(), std::back_inserter(excesses_));
    return is_refused ? Errc::quota_exceeded : Errc::ok;
}

void Transaction::tell(Event event, NodeId id) {
    if (tree_.znodes()[id].acl != AclId::open) event.acl = tree_.acl(id);
    events_.push_back(std::move(event));
}

Errc Transaction::set_data(const SetDataRequest& request, Encoder& reply) {
    if (!has_session()) return Errc::session_expired;
    if (!is_valid_path(request.path)) return Errc::bad_arguments;
    const auto id = tree_.znodes().find(request.path);
    if (id == NodeId::none) return Errc::no_node;
    if (!may(perm::write, id)) return Errc::no_auth;
    const auto more = size_of(request.data) - size_of(tree_.znodes()[id].data());
    const auto refused = check_quota(request.path, {0, more});
    if (refused != Errc::ok) return refused;
    if (!is_version(request.version, tree_.znodes()[id].version)) return Errc::bad_version;
    tree_.set_data(id, request.data, zxid_, command_.time_ms);
    reply.stat(tree_.stat(id));
    quota_.note(request.path, {0, more});
    tell({EventType::node_data_changed, std::string(request.path), true, false}, id);
    return Errc::ok;
}

Errc Transaction::set_acl(const SetAclRequest& request, Encoder& reply) {
    if (!has_session()) return Errc::session_expired;
    if (!is_valid_path(request.path)) return Errc::bad_arguments;
    const auto acl = normalise_acl(request.acl, command_.ids);
    if (!acl) return Errc::invalid_acl;
    const auto id = tree_.znodes().find(request.path);
    if (id == NodeId::none) return Errc::no_node;
    if (!may(perm::admin, id)) return Errc::no_auth;
    if (!is_version(request.version, tree_.znodes()[id].aversion)) return Errc::bad_version;
    tree_.set_acl(id, acl.value());
    reply.stat(tree_.stat(id));
    return Errc::ok;
}

Errc Transaction::check(const RemoveRequest& request) {
    if (!has_session()) return Errc::session_expired;
    if (!is_valid_path(request.path)) return Errc::bad_arguments;
    const auto id = tree_.znodes().find(request.path);
    if (id == NodeId::none) return Errc::no_node;
    if (!may(perm::read, id)) return Errc::no_auth;
    return is_version(request.version, tree_.znodes()[id].version) ? Errc::ok : Errc::bad_version;
}

Errc Transaction::remove_expired(std::string_view path) {
    if (!has_parent(path) || is_system_path(path)) return Errc::bad_arguments;
    const auto id = tree_.znodes().find(path);
    if (id == NodeId::none) return Errc::no_node;
    if (tree_.znodes().branch(id).num_children > 0) return Errc::not_empty;
    // It may have been written to, or be another znode, since it was proposed.
    if (!is_due(tree_.znodes(), id, command_.time_ms)) return Errc::bad_version;
    remove(id, path);
    return Errc::ok;
}

Errc Transaction::remove_ephemerals() {
    const auto* session = sessions_.find(command_.session);
    if (session == nullptr) return Errc::session_expired;
    for (const auto& path : session->ephemerals) {
        const auto id = tree_.znodes().find(path);
        assert(id != NodeId::none);
        remove(id, path);
    }
    return Errc::ok;
}

}  // namespace coord
