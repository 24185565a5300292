#include "coord/tree/data_tree.hpp"

#include "coord/proto/path.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

namespace coord {

DataTree::~DataTree() { assert(cut_.expired()); }

void DataTree::create_system_znodes() {
    static const AclList read_only{{perm::read, {"world", "anyone"}}};
    place_system_znode("/zookeeper", open_acl_unsafe, 0);
    place_system_znode("/zookeeper/quota", open_acl_unsafe, 0);
    place_system_znode("/zookeeper/config", read_only, -1);
}

// They count as children but not as creations, so that their parents' cversion begins below 0.
void DataTree::place_system_znode(std::string_view path,
                                  const AclList& acl,
                                  std::int32_t aversion) {
    ZnodeImage image;
    image.data = std::string_view();
    image.aversion = aversion;
    restore(store_.find(parent_path(path)), path, image, acl);
}

Stat DataTree::stat(NodeId id) const {
    const auto& node = store_[id];
    const auto branch = store_.branch(id);
    Stat stat;
    stat.czxid = node.czxid;
    stat.mzxid = node.mzxid;
    stat.ctime = node.ctime;
    stat.mtime = node.mtime;
    stat.version = node.version;
    // Creations and removals: 2 * creations - children, in wrapping 32-bit arithmetic.
    stat.cversion = static_cast<std::int32_t>(2U * static_cast<std::uint32_t>(branch.creates) -
                                              static_cast<std::uint32_t>(branch.num_children));
    stat.aversion = node.aversion;
    if (owner_kind(node.owner) == OwnerKind::session) stat.ephemeral_owner = SessionId{node.owner};
    stat.data_length = std::max(node.data_size, 0);
    stat.num_children = branch.num_children;
    stat.pzxid = branch.pzxid;
    return stat;
}

BranchImage DataTree::branch_image(NodeId id) const {
    const auto branch = store_.branch(id);
    return {branch.creates, branch.pzxid};
}

void DataTree::put_branch(NodeId id, const BranchImage& image, std::int32_t children_added) {
    auto& branch = store_.make_branch(id);
    branch.creates = image.creates;
    branch.pzxid = image.pzxid;
    if (children_added != 0) store_.count_children(id, children_added);
}

NodeId DataTree::create(const NewZnode& znode, Zxid zxid, std::int64_t time_ms) {
    const auto before = branch_image(znode.parent);
    const auto id = store_.add(znode.parent, znode.path, znode.data);
    auto& node = store_[id];
    node.czxid = node.mzxid = zxid;
    node.ctime = node.mtime = time_ms;
    node.owner = znode.owner;
    node.acl = acls_.intern(znode.acl);
    const auto creates = static_cast<std::int32_t>(static_cast<std::uint32_t>(before.creates) + 1);
    put_branch(znode.parent, {creates, zxid}, 1);
    data_bytes_ += bytes_of(id);
    changes_.push_back({id, Created{before}});
    return id;
}

void DataTree::remove(NodeId id, Zxid zxid) {
    assert(id != ZnodeStore::root && store_.branch(id).num_children == 0);
    const auto parent = store_[id].parent;
    const auto before = branch_image(parent);
    store_.remove_from_index(id);
    put_branch(parent, {before.creates, zxid}, -1);
    data_bytes_ -= bytes_of(id);
    changes_.push_back({id, Removed{before}});
}

void DataTree::set_data(NodeId id,
                        std::optional<std::string_view> data,
                        Zxid zxid,
                        std::int64_t time_ms) {
    replace_data(id, data);
    auto& node = store_[id];
    node.mzxid = zxid;
    node.mtime = time_ms;
    node.version = static_cast<std::int32_t>(static_cast<std::uint32_t>(node.version) + 1);
}

void DataTree::rewrite_data(NodeId id, std::string_view data) { replace_data(id, data); }

void DataTree::replace_data(NodeId id, std::optional<std::string_view> data) {
    const auto& node = store_[id];
    DataImage before{nullptr, node.data_size, node.mzxid, node.mtime, node.version};
    data_bytes_ -= bytes_of(id);
    before.bytes = store_.replace_data(id, data);
    data_bytes_ += bytes_of(id);
    changes_.push_back({id, std::move(before)});
}

void DataTree::set_acl(NodeId id, const AclList& acl) {
    auto& node = store_[id];
    changes_.push_back({id, AclImage{node.acl, node.aversion}});
    node.acl = acls_.intern(acl);
    node.aversion = static_cast<std::int32_t>(static_cast<std::uint32_t>(node.aversion) + 1);
}

void DataTree::commit() {
    const auto cut = cut_.lock();
    for (auto& change : changes_) {
        std::visit([&](auto& what) { finish(cut.get(), change.node, what); }, change.what);
    }
    changes_.clear();
}

void DataTree::rollback() {
    for (auto change = changes_.rbegin(); change != changes_.rend(); ++change) {
        std::visit([&](auto& what) { undo(change->node, what); }, change->what);
    }
    changes_.clear();
}

std::size_t DataTree::bytes_of(NodeId id) const {
    return store_.path_size(id) + static_cast<std::size_t>(std::max(store_[id].data_size, 0));
}

void DataTree::register_owner(NodeId id) {
    const auto owner = store_[id].owner;
    switch (owner_kind(owner)) {
        case OwnerKind::nobody: break;
        case OwnerKind::session: sessions_.own(SessionId{owner}, store_.path_of(id)); break;
        case OwnerKind::container:
        case OwnerKind::ttl: expiring_.insert(id); break;
    }
}

void DataTree::deregister_owner(NodeId id) {
    const auto owner = store_[id].owner;
    switch (owner_kind(owner)) {
        case OwnerKind::nobody: break;
        case OwnerKind::session: sessions_.disown(SessionId{owner}, store_.path_of(id)); break;
        case OwnerKind::container:
        case OwnerKind::ttl: expiring_.erase(id); break;
    }
}

void DataTree::finish(SnapshotCut* cut, NodeId node, Created& created) {
    if (cut != nullptr) cut->keep(store_[node].parent, created.parent);
    register_owner(node);
}

void DataTree::finish(SnapshotCut* cut, NodeId node, Removed& removed) {
    deregister_owner(node);
    if (cut != nullptr) {
        cut->keep(store_[node].parent, removed.parent);
        if (cut->keep_removed(node)) return;
    }
    acls_.release(store_[node].acl);
    store_.free(node);
}

void DataTree::finish(SnapshotCut* cut, NodeId node, DataImage& before) {
    if (cut != nullptr) cut->keep(node, std::move(before));
}

void DataTree::finish(SnapshotCut* cut, NodeId node, AclImage& before) {
    if (cut != nullptr) cut->keep(node, before);
    acls_.release(before.acl);
}

void DataTree::undo(NodeId node, Created& created) {
    put_branch(store_[node].parent, created.parent, -1);
    data_bytes_ -= bytes_of(node);
    store_.remove_from_index(node);
    acls_.release(store_[node].acl);
    store_.free(node);
}

void DataTree::undo(NodeId node, Removed& removed) {
    put_branch(store_[node].parent, removed.parent, 1);
    data_bytes_ += bytes_of(node);
    store_.return_to_index(node);
}

void DataTree::undo(NodeId id, DataImage& before) {
    auto& node = store_[id];
    data_bytes_ -= bytes_of(id);
    node.bytes = std::move(before.bytes);
    node.data_size = before.data_size;
    data_bytes_ += bytes_of(id);
    node.mzxid = before.mzxid;
    node.mtime = before.mtime;
    node.version = before.version;
}

void DataTree::undo(NodeId id, AclImage& before) {
    auto& node = store_[id];
    acls_.release(node.acl);
    node.acl = before.acl;
    node.aversion = before.aversion;
}

NodeId DataTree::restore(NodeId parent,
                         std::string_view path,
                         const ZnodeImage& image,
                         const AclList& acl) {
    const bool is_root = path == "/";
    const auto id = is_root ? ZnodeStore::root : store_.add(parent, path, image.data);
    if (is_root) {
        data_bytes_ -= bytes_of(id);
        store_.replace_data(id, image.data);
    } else {
        store_.count_children(parent, 1);
    }
    data_bytes_ += bytes_of(id);
    auto& node = store_[id];
    node.czxid = image.czxid;
    node.mzxid = image.mzxid;
    node.ctime = image.ctime;
    node.mtime = image.mtime;
    node.owner = image.owner;
    node.version = image.version;
    node.aversion = image.aversion;
    node.acl = acls_.intern(acl);
    if (image.creates != 0 || image.pzxid != image.czxid) {
        put_branch(id, {image.creates, image.pzxid}, 0);
    }
    register_owner(id);
    return id;
}

std::shared_ptr<SnapshotCut> DataTree::cut(Zxid last) {
    assert(cut_.expired() && changes_.empty());
    auto cut = std::make_shared<SnapshotCut>(store_, acls_, ++cuts_, last);
    cut_ = cut;
    return cut;
}

}  // namespace coord
