#include "coord/tree/reads.hpp"

#include "coord/proto/error.hpp"
#include "coord/tree/acl.hpp"

#include <string>
#include <utility>

namespace coord {
namespace {

constexpr std::size_t stat_bytes = 68;

ReadOutcome failure(Errc error) { return {error, {}, {}}; }

std::optional<WatchToSet> watch_if(bool asked, std::string_view path, WatchTableKind table) {
    if (!asked) return std::nullopt;
    return WatchToSet{std::string(path), table};
}

bool is_blank(std::string_view text) {
    return text.find_first_not_of(" \t\r\n") == std::string_view::npos;
}

std::size_t names_bytes(const ZnodeStore& znodes, NodeId id) {
    std::size_t bytes = sizeof(std::int32_t);
    znodes.each_child(id,
                      [&](const Znode& child) { bytes += sizeof(std::int32_t) + child.name_size; });
    return bytes;
}

// To a read, "" is the root too.
NodeId find(const ZnodeStore& znodes, std::string_view path) {
    return znodes.find(path.empty() ? "/" : path);
}

}  // namespace

ReadOutcome Reads::read(OpCode op, std::string_view body) const {
    Decoder in(body);
    switch (op) {
        case OpCode::exists:
        case OpCode::get_data:
        case OpCode::get_children:
        case OpCode::get_children2: {
            const auto request = ReadRequest::decode(in);
            if (in.failed()) return failure(Errc::marshalling_error);
            if (op == OpCode::exists) return exists(request);
            if (op == OpCode::get_data) return get_data(request);
            return get_children(request, op == OpCode::get_children2);
        }
        case OpCode::get_acl:
        case OpCode::get_all_children_number: {
            const auto path = in.ustring();
            if (in.failed()) return failure(Errc::marshalling_error);
            return op == OpCode::get_acl ? get_acl(path) : count_descendants(path);
        }
        case OpCode::get_ephemerals: {
            const auto prefix = in.nullable_ustring();
            if (in.failed()) return failure(Errc::marshalling_error);
            return get_ephemerals(prefix.value_or(std::string_view()));
        }
        case OpCode::multi_read: return multi_read(body);
        default: return failure(Errc::unimplemented);
    }
}

bool Reads::may(std::int32_t perms, NodeId id) const {
    return tree_.znodes()[id].acl == AclId::open || permits(tree_.acl(id), perms, ids_);
}

Errc Reads::readable(NodeId id, std::int32_t perms) const {
    if (id == NodeId::none) return Errc::no_node;
    return may(perms, id) ? Errc::ok : Errc::no_auth;
}

ReadOutcome Reads::exists(const ReadRequest& request) const {
    if (request.path.find('\0') != std::string_view::npos) return failure(Errc::bad_arguments);
    const auto id = find(tree_.znodes(), request.path);
    ReadOutcome outcome;
    outcome.error = readable(id, perm::read);
    if (outcome.error == Errc::no_auth) return outcome;
    outcome.watch = watch_if(request.watch, request.path, WatchTableKind::data);
    if (outcome.error == Errc::ok) Encoder(outcome.body).stat(tree_.stat(id));
    return outcome;
}

ReadOutcome Reads::get_data(const ReadRequest& request) const {
    const auto id = find(tree_.znodes(), request.path);
    if (const auto error = readable(id, perm::read); error != Errc::ok) return failure(error);
    ReadOutcome outcome;
    const auto data = tree_.znodes()[id].data();
    constexpr std::size_t fixed_bytes = sizeof(std::int32_t) + stat_bytes;
    outcome.body.reserve(fixed_bytes + (data ? data->size() : 0));
    Encoder out(outcome.body);
    out.buffer(data);
    out.stat(tree_.stat(id));
    outcome.watch = watch_if(request.watch, request.path, WatchTableKind::data);
    return outcome;
}

ReadOutcome Reads::get_children(const ReadRequest& request, bool with_stat) const {
    const auto id = find(tree_.znodes(), request.path);
    if (const auto error = readable(id, perm::read); error != Errc::ok) return failure(error);
    const auto& znodes = tree_.znodes();
    const auto count = znodes.branch(id).num_children;
    if (static_cast<std::size_t>(count) > limits_.children_max) {
        return failure(Errc::throttled_op);
    }
    const auto bytes = names_bytes(znodes, id);
    if (bytes > limits_.bytes_max) return failure(Errc::throttled_op);
    ReadOutcome outcome;
    outcome.body.reserve(bytes + stat_bytes);
    Encoder out(outcome.body);
    out.int32(count);
    znodes.each_child(id, [&](const Znode& child) { out.ustring(child.name()); });
    if (with_stat) out.stat(tree_.stat(id));
    outcome.watch = watch_if(request.watch, request.path, WatchTableKind::child);
    return outcome;
}

ReadOutcome Reads::get_acl(std::string_view path) const {
    const auto id = find(tree_.znodes(), path);
    const auto error = readable(id, perm::read | perm::admin);
    if (error != Errc::ok) return failure(error);
    ReadOutcome outcome;
    Encoder out(outcome.body);
    out.acl(may(perm::admin, id) ? tree_.acl(id) : masked_acl(tree_.acl(id)));
    out.stat(tree_.stat(id));
    return outcome;
}

ReadOutcome Reads::count_descendants(std::string_view path) const {
    const auto id = find(tree_.znodes(), path);
    if (const auto error = readable(id, perm::read); error != Errc::ok) return failure(error);
    ReadOutcome outcome;
    Encoder(outcome.body).int32(tree_.znodes().branch(id).descendants);
    return outcome;
}

ReadOutcome Reads::get_ephemerals(std::string_view prefix) const {
    if (is_blank(prefix)) prefix = "/";
    ReadOutcome outcome;
    std::vector<std::string> found;
    if (const auto* session = sessions_.find(session_); session != nullptr) {
        const auto& paths = session->ephemerals;
        for (auto path = paths.lower_bound(prefix); path != paths.end(); ++path) {
            if (!path->starts_with(prefix)) break;
            found.push_back(*path);
        }
    }
    Encoder(outcome.body).strings(found);
    return outcome;
}

ReadOutcome Reads::multi_read(std::string_view body) const {
    Decoder in(body);
    ReadOutcome outcome;
    Encoder out(outcome.body);
    for (;;) {
        const auto header = MultiHeader::decode(in);
        if (in.failed()) return failure(Errc::marshalling_error);
        if (header.done) break;
        const bool is_data = header.op == OpCode::get_data;
        if (!is_data && header.op != OpCode::get_children) {
            return failure(Errc::marshalling_error);
        }
        auto request = ReadRequest::decode(in);
        if (in.failed()) return failure(Errc::marshalling_error);
        request.watch = false;  // ignored here
        const auto result = is_data ? get_data(request) : get_children(request, false);
        if (result.error == Errc::ok) {
            MultiHeader{header.op, false, 0}.encode(out);
            outcome.body += result.body;
        } else {
            const auto code = static_cast<std::int32_t>(result.error);
            MultiHeader{OpCode::error, false, code}.encode(out);
            out.int32(code);
        }
        // A request of some bytes can ask for a znode of a megabyte, and here are many requests.
        if (outcome.body.size() > limits_.bytes_max) return failure(Errc::throttled_op);
    }
    MultiHeader{}.encode(out);
    return outcome;
}

CatchUp catch_up(const DataTree& tree, const SetWatchesRequest& request) {
    const auto& znodes = tree.znodes();
    CatchUp caught;
    const auto tell = [&](EventType type, std::string_view path) {
        caught.events.push_back({type, KeeperState::sync_connected, std::string(path)});
    };
    const auto watch = [&](WatchTableKind table, std::string_view path) {
        caught.watches.push_back({std::string(path), table});
    };
    for (const auto path : request.data) {
        const auto id = find(znodes, path);
        if (id == NodeId::none) {
            tell(EventType::node_deleted, path);
        } else if (znodes[id].mzxid > request.relative_zxid) {
            tell(EventType::node_data_changed, path);
        } else {
            watch(WatchTableKind::data, path);
        }
    }
    for (const auto path : request.exist) {
        if (find(znodes, path) != NodeId::none) {
            tell(EventType::node_created, path);
        } else {
            watch(WatchTableKind::data, path);
        }
    }
    for (const auto path : request.child) {
        const auto id = find(znodes, path);
        if (id == NodeId::none) {
            tell(EventType::node_deleted, path);
        } else if (znodes.branch(id).pzxid > request.relative_zxid) {
            tell(EventType::node_children_changed, path);
        } else {
            watch(WatchTableKind::child, path);
        }
    }
    caught.persistent.assign(request.persistent.begin(), request.persistent.end());
    caught.persistent_recursive.assign(request.persistent_recursive.begin(),
                                       request.persistent_recursive.end());
    return caught;
}

}  // namespace coord
