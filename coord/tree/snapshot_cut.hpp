#pragma once
// The tree as it was at one moment, walked in slices while the tree goes on changing.
//
// Fed by:  DataTree::commit, which hands over what a znode was before it changed.
// Read by: SnapshotWriter, znode by znode: parents before children, siblings by age.
// Thread:  coord.
// Holds:   what is kept beside the tree is only what changed since the cut and before the walk
//          came by: replaced data, and removed znodes, which stay among their siblings till then.

#include "coord/tree/acl_table.hpp"
#include "coord/tree/znode_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace coord {

// The parts of a znode that change together.
struct DataImage {
    std::unique_ptr<char[]> bytes;  // name and data
    std::int32_t data_size = -1;
    Zxid mzxid{};
    std::int64_t mtime = 0;
    std::int32_t version = 0;
};
struct AclImage {
    AclId acl{};
    std::int32_t aversion = 0;
};
struct BranchImage {
    std::int32_t creates = 0;
    Zxid pzxid{};
};

// All of a znode that a snapshot keeps, but for its place in the tree.
struct ZnodeImage {
    std::string_view name;
    std::optional<std::string_view> data;
    Zxid czxid{};
    Zxid mzxid{};
    std::int64_t ctime = 0;
    std::int64_t mtime = 0;
    std::int64_t owner = 0;
    std::int32_t version = 0;
    std::int32_t aversion = 0;
    std::int32_t creates = 0;
    Zxid pzxid{};
};

class SnapshotCut {
public:
    // `number` differs from that of every cut before. The znodes with a czxid up to `last` are in.
    SnapshotCut(ZnodeStore& store, AclTable& acls, std::uint32_t number, Zxid last);
    ~SnapshotCut();
    SnapshotCut(const SnapshotCut&) = delete;
    SnapshotCut& operator=(const SnapshotCut&) = delete;

    // From DataTree::commit. The first image of a znode counts; what is not needed is let go.
    void keep(NodeId id, DataImage&& before);
    void keep(NodeId id, const AclImage& before);
    void keep(NodeId id, const BranchImage& before);
    // True if a removed znode must not be freed: the cut does that at its end.
    bool keep_removed(NodeId id);

    struct Visit {
        std::size_t depth = 0;    // 0: the root
        ZnodeImage image;         // valid until the next change or visit
        AclId acl{};              // retained until the cut ends
        bool acl_is_new = false;  // first visit with it
    };
    // The next znode of the walk; nothing at its end.
    std::optional<Visit> visit();

    [[nodiscard]] const AclList& acl(AclId id) const { return acls_[id]; }
    [[nodiscard]] std::size_t kept() const { return images_.size() + removed_.size(); }

private:
    struct Images {
        std::optional<DataImage> data;
        std::optional<AclImage> acl;
        std::optional<BranchImage> branch;
    };

    [[nodiscard]] bool is_in(NodeId id) const { return store_[id].czxid <= last_; }
    [[nodiscard]] bool is_awaited(NodeId id) const;
    [[nodiscard]] ZnodeImage image_of(NodeId id) const;
    [[nodiscard]] AclId acl_of(NodeId id) const;
    void advance();

    ZnodeStore& store_;
    AclTable& acls_;
    std::uint32_t number_;
    Zxid last_;
    NodeId next_ = ZnodeStore::root;  // not visited yet; none at the end
    std::size_t depth_ = 0;
    std::unordered_map<NodeId, Images> images_;
    std::unique_ptr<char[]> visited_bytes_;  // what the last visit looked at, if only kept here
    std::vector<NodeId> removed_;            // children before parents
    std::vector<bool> acls_seen_;            // by AclId
};

}  // namespace coord
