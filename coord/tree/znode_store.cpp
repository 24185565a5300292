#include "coord/tree/znode_store.hpp"

#include "coord/proto/path.hpp"

#include <cassert>
#include <cstring>
#include <functional>
#include <utility>

namespace coord {
namespace {

constexpr std::size_t buckets_min = 64;  // a power of two

std::uint32_t hash_of(std::string_view path) {
    const auto hash = std::hash<std::string_view>{}(path);
    return static_cast<std::uint32_t>(hash ^ (hash >> 32U));
}

std::unique_ptr<char[]> joined(std::string_view name, std::optional<std::string_view> data) {
    const auto size = name.size() + (data ? data->size() : 0);
    std::unique_ptr<char[]> bytes(size == 0 ? nullptr : new char[size]);
    if (!name.empty()) std::memcpy(bytes.get(), name.data(), name.size());
    if (data && !data->empty()) std::memcpy(bytes.get() + name.size(), data->data(), data->size());
    return bytes;
}

std::int32_t size_of(std::optional<std::string_view> data) {
    return data ? static_cast<std::int32_t>(data->size()) : -1;
}

}  // namespace

ZnodeStore::ZnodeStore() : buckets_(buckets_min, NodeId::none) {
    const auto id = nodes_.acquire();
    assert(id == root);
    nodes_[id].data_size = 0;
    nodes_[id].hash = hash_of("/");
    insert(id);
}

NodeId ZnodeStore::find(std::string_view path) const {
    const auto hash = hash_of(path);
    auto id = buckets_[bucket_of(hash)];
    while (id != NodeId::none) {
        const auto& node = nodes_[id];
        if (node.hash == hash && has_path(&node, path)) return id;
        id = node.chain;
    }
    return NodeId::none;
}

bool ZnodeStore::has_path(const Znode* node, std::string_view path) const {
    if (node->parent == NodeId::none) return path == "/";
    while (node->parent != NodeId::none) {
        if (path.size() <= node->name_size || !path.ends_with(node->name())) return false;
        path.remove_suffix(node->name_size);
        if (path.back() != '/') return false;
        path.remove_suffix(1);
        node = &nodes_[node->parent];
    }
    return path.empty();
}

std::size_t ZnodeStore::path_size(NodeId id) const {
    if (id == root) return 1;
    std::size_t size = 0;
    for (; id != root; id = nodes_[id].parent) size += 1 + nodes_[id].name_size;
    return size;
}

std::string ZnodeStore::path_of(NodeId id) const {
    std::string path(path_size(id), '/');
    for (auto end = path.size(); id != root; id = nodes_[id].parent) {
        const auto name = nodes_[id].name();
        end -= name.size();
        path.replace(end, name.size(), name);
        --end;
    }
    return path;
}

NodeId ZnodeStore::add(NodeId parent, std::string_view path, std::optional<std::string_view> data) {
    const auto name = node_name(path);
    const auto id = nodes_.acquire();
    auto& node = nodes_[id];
    node.bytes = joined(name, data);
    node.name_size = static_cast<std::uint32_t>(name.size());
    node.data_size = size_of(data);
    node.hash = hash_of(path);
    node.parent = parent;

    auto& siblings = make_branch(parent);
    node.previous = siblings.last;
    (siblings.last == NodeId::none ? siblings.first : nodes_[siblings.last].next) = id;
    siblings.last = id;
    insert(id);
    return id;
}

void ZnodeStore::free(NodeId id) {
    auto& node = nodes_[id];
    assert(node.is_removed() && branch(id).first == NodeId::none);
    auto& siblings = branches_[nodes_[node.parent].branch];
    (node.previous == NodeId::none ? siblings.first : nodes_[node.previous].next) = node.next;
    (node.next == NodeId::none ? siblings.last : nodes_[node.next].previous) = node.previous;
    if (node.branch != BranchId::none) branches_.release(node.branch);
    nodes_.release(id);
}

void ZnodeStore::remove_from_index(NodeId id) {
    auto& node = nodes_[id];
    auto* link = &buckets_[bucket_of(node.hash)];
    while (*link != id) link = &nodes_[*link].chain;
    *link = node.chain;
    node.chain = NodeId::removed;
    --indexed_;
}

void ZnodeStore::return_to_index(NodeId id) {
    assert(nodes_[id].is_removed());
    insert(id);
}

void ZnodeStore::insert(NodeId id) {
    auto& bucket = buckets_[bucket_of(nodes_[id].hash)];
    nodes_[id].chain = std::exchange(bucket, id);
    if (++indexed_ > buckets_.size()) split_one_bucket();
}

// With n = 2^k buckets to begin a round with, split_ of them have been split into b and b + n.
std::size_t ZnodeStore::bucket_of(std::uint32_t hash) const {
    const auto round = buckets_.size() - split_;
    const auto bucket = hash & (round - 1);
    return bucket < split_ ? hash & (2 * round - 1) : bucket;
}

void ZnodeStore::split_one_bucket() {
    auto id = std::exchange(buckets_[split_], NodeId::none);
    buckets_.push_back(NodeId::none);
    ++split_;
    if (2 * split_ == buckets_.size()) split_ = 0;
    while (id != NodeId::none) {
        auto& bucket = buckets_[bucket_of(nodes_[id].hash)];
        const auto next = std::exchange(nodes_[id].chain, bucket);
        bucket = id;
        id = next;
    }
}

Branch ZnodeStore::branch(NodeId id) const {
    const auto& node = nodes_[id];
    if (node.branch != BranchId::none) return branches_[node.branch];
    Branch none;
    none.pzxid = node.czxid;
    return none;
}

Branch& ZnodeStore::make_branch(NodeId id) {
    auto& node = nodes_[id];
    if (node.branch == BranchId::none) {
        node.branch = branches_.acquire();
        branches_[node.branch].pzxid = node.czxid;
    }
    return branches_[node.branch];
}

void ZnodeStore::count_children(NodeId parent, std::int32_t added) {
    make_branch(parent).num_children += added;
    for (auto id = parent; id != NodeId::none; id = nodes_[id].parent) {
        branches_[nodes_[id].branch].descendants += added;
    }
}

// `id` or the first of its younger siblings that is not removed.
NodeId ZnodeStore::first_there(NodeId id) const {
    while (id != NodeId::none && nodes_[id].is_removed()) id = nodes_[id].next;
    return id;
}

NodeId ZnodeStore::next_below(NodeId top, NodeId id) const {
    const auto child = first_there(branch(id).first);
    if (child != NodeId::none) return child;
    for (; id != top; id = nodes_[id].parent) {
        const auto sibling = first_there(nodes_[id].next);
        if (sibling != NodeId::none) return sibling;
    }
    return NodeId::none;
}

std::unique_ptr<char[]> ZnodeStore::replace_data(NodeId id, std::optional<std::string_view> data) {
    auto& node = nodes_[id];
    auto bytes = joined(node.name(), data);
    node.data_size = size_of(data);
    return std::exchange(node.bytes, std::move(bytes));
}

}  // namespace coord
