#include "coord/tree/snapshot_cut.hpp"

#include <utility>

namespace coord {

SnapshotCut::SnapshotCut(ZnodeStore& store, AclTable& acls, std::uint32_t number, Zxid last)
    : store_(store), acls_(acls), number_(number), last_(last) {}

SnapshotCut::~SnapshotCut() {
    for (const auto id : removed_) {
        acls_.release(store_[id].acl);
        store_.free(id);
    }
    for (const auto& [id, images] : images_) {
        if (images.acl) acls_.release(images.acl->acl);
    }
    for (std::size_t id = 0; id < acls_seen_.size(); ++id) {
        if (acls_seen_[id]) acls_.release(AclId{static_cast<std::uint32_t>(id)});
    }
}

bool SnapshotCut::is_awaited(NodeId id) const { return is_in(id) && store_[id].visited != number_; }

void SnapshotCut::keep(NodeId id, DataImage&& before) {
    if (!is_awaited(id)) return;
    auto& kept = images_[id].data;
    if (!kept) kept = std::move(before);
}

void SnapshotCut::keep(NodeId id, const AclImage& before) {
    if (!is_awaited(id)) return;
    auto& kept = images_[id].acl;
    if (kept) return;
    acls_.retain(before.acl);
    kept = before;
}

void SnapshotCut::keep(NodeId id, const BranchImage& before) {
    if (!is_awaited(id)) return;
    auto& kept = images_[id].branch;
    if (!kept) kept = before;
}

bool SnapshotCut::keep_removed(NodeId id) {
    // Even when visited, it is the way to its children that are awaited still.
    if (!is_awaited(id) && store_.branch(id).first == NodeId::none) return false;
    removed_.push_back(id);
    return true;
}

ZnodeImage SnapshotCut::image_of(NodeId id) const {
    const auto& node = store_[id];
    const auto branch = store_.branch(id);
    ZnodeImage image{node.name(),
                     node.data(),
                     node.czxid,
                     node.mzxid,
                     node.ctime,
                     node.mtime,
                     node.owner,
                     node.version,
                     node.aversion,
                     branch.creates,
                     branch.pzxid};
    const auto kept = images_.find(id);
    if (kept == images_.end()) return image;
    const auto& [data, acl, counts] = kept->second;
    if (data) {
        image.mzxid = data->mzxid;
        image.mtime = data->mtime;
        image.version = data->version;
        image.data.reset();
        if (data->data_size >= 0) {
            image.data = std::string_view(data->bytes.get() + node.name_size,
                                          static_cast<std::size_t>(data->data_size));
        }
    }
    if (acl) image.aversion = acl->aversion;
    if (counts) {
        image.creates = counts->creates;
        image.pzxid = counts->pzxid;
    }
    return image;
}

AclId SnapshotCut::acl_of(NodeId id) const {
    const auto kept = images_.find(id);
    if (kept != images_.end() && kept->second.acl) return kept->second.acl->acl;
    return store_[id].acl;
}

std::optional<SnapshotCut::Visit> SnapshotCut::visit() {
    if (next_ == NodeId::none) return std::nullopt;
    const auto id = next_;
    Visit visit{depth_, image_of(id), acl_of(id), false};
    const auto acl = static_cast<std::size_t>(visit.acl);
    if (acl >= acls_seen_.size()) acls_seen_.resize(acl + 1);
    if (!acls_seen_[acl]) {
        acls_.retain(visit.acl);
        acls_seen_[acl] = true;
        visit.acl_is_new = true;
    }
    store_[id].visited = number_;
    // The images were for this visit only.
    if (const auto kept = images_.find(id); kept != images_.end()) {
        if (kept->second.data) visited_bytes_ = std::move(kept->second.data->bytes);
        if (kept->second.acl) acls_.release(kept->second.acl->acl);
        images_.erase(kept);
    }
    advance();
    return visit;
}

void SnapshotCut::advance() {
    // Siblings are in the order of their creation: behind the first that came later are only such.
    const auto child = store_.branch(next_).first;
    if (child != NodeId::none && is_in(child)) {
        next_ = child;
        ++depth_;
        return;
    }
    while (next_ != ZnodeStore::root) {
        const auto sibling = store_[next_].next;
        if (sibling != NodeId::none && is_in(sibling)) {
            next_ = sibling;
            return;
        }
        next_ = store_[next_].parent;
        --depth_;
    }
    next_ = NodeId::none;
}

}  // namespace coord
