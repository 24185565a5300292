#pragma once
// Where znodes stand: their storage, the index from path to znode, and who is whose child.
//
// Fed by:  DataTree.
// Read by: reads, writes, snapshots.
// Thread:  coord.
// Holds:   the index grows by one bucket at a time: no insertion ever waits for a rehash.
//          A removed znode is out of the index at once, and stands among its siblings until it is
//          freed, so that its removal can be taken back and a snapshot still comes across it.

#include "coord/tree/slab.hpp"
#include "coord/tree/znode.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class ZnodeStore {
public:
    ZnodeStore();

    static constexpr NodeId root{0};

    // "" is not a path.
    [[nodiscard]] NodeId find(std::string_view path) const;
    [[nodiscard]] Znode& operator[](NodeId id) { return nodes_[id]; }
    [[nodiscard]] const Znode& operator[](NodeId id) const { return nodes_[id]; }
    [[nodiscard]] std::string path_of(NodeId id) const;
    [[nodiscard]] std::size_t path_size(NodeId id) const;
    // Indexed ones.
    [[nodiscard]] std::size_t size() const { return indexed_; }

    // A new leaf, last among its siblings, with name and data and nothing else; not yet counted
    // in its parent's Branch.
    NodeId add(NodeId parent, std::string_view path, std::optional<std::string_view> data);
    void remove_from_index(NodeId id);
    void return_to_index(NodeId id);
    // Of a removed znode without children.
    void free(NodeId id);

    // Those of a znode that never had a child are all zero, but for pzxid.
    [[nodiscard]] Branch branch(NodeId id) const;
    Branch& make_branch(NodeId id);
    // So many children more; the descendants of all that stand above change with them.
    void count_children(NodeId parent, std::int32_t added);

    // The children that are there, oldest first.
    template <class Visit>
    void each_child(NodeId id, Visit visit) const {
        for (auto child = branch(id).first; child != NodeId::none; child = nodes_[child].next) {
            if (!nodes_[child].is_removed()) visit(nodes_[child]);
        }
    }

    // The znode after `id` in a walk of what is below `top`, parents first; none at the end.
    [[nodiscard]] NodeId next_below(NodeId top, NodeId id) const;

    // Replaces the data; returns the bytes that held name and data before.
    std::unique_ptr<char[]> replace_data(NodeId id, std::optional<std::string_view> data);

private:
    [[nodiscard]] NodeId first_there(NodeId id) const;
    [[nodiscard]] bool has_path(const Znode* node, std::string_view path) const;
    [[nodiscard]] std::size_t bucket_of(std::uint32_t hash) const;
    void insert(NodeId id);
    void split_one_bucket();

    Slab<Znode, NodeId> nodes_;
    Slab<Branch, BranchId> branches_;
    std::vector<NodeId> buckets_;  // linear hashing: those below split_ are split already
    std::size_t split_ = 0;
    std::size_t indexed_ = 0;
};

}  // namespace coord
