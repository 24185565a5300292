#pragma once
// The znodes, and every change to them as part of a transaction that commits or rolls back whole.
//
// Fed by:  Transaction, which has checked that the change is allowed; SnapshotReader.
// Read by: Transaction, reads, SnapshotWriter.
// Thread:  coord.
// Holds:   between transactions, an ephemeral is in its session's list and the other way round.
//          Children are in the order of their creation, on every replica.

#include "coord/proto/records.hpp"
#include "coord/tree/acl_table.hpp"
#include "coord/tree/session_table.hpp"
#include "coord/tree/snapshot_cut.hpp"
#include "coord/tree/znode_store.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string_view>
#include <variant>
#include <vector>

namespace coord {

struct NewZnode {
    NodeId parent{};
    std::string_view path;
    std::optional<std::string_view> data;
    std::int64_t owner = 0;  // see owner_kind()
    const AclList& acl;
};

class DataTree {
public:
    explicit DataTree(SessionTable& sessions) : sessions_(sessions) {}
    ~DataTree();
    DataTree(const DataTree&) = delete;
    DataTree& operator=(const DataTree&) = delete;

    // The znodes that are there from the beginning: /zookeeper, its quota and config.
    void create_system_znodes();

    [[nodiscard]] const ZnodeStore& znodes() const { return store_; }
    [[nodiscard]] const AclList& acl(NodeId id) const { return acls_[store_[id].acl]; }
    [[nodiscard]] Stat stat(NodeId id) const;
    [[nodiscard]] std::size_t data_bytes() const { return data_bytes_; }
    // Containers and TTL znodes.
    [[nodiscard]] const std::set<NodeId>& expiring() const { return expiring_; }

    NodeId create(const NewZnode& znode, Zxid zxid, std::int64_t time_ms);
    void remove(NodeId id, Zxid zxid);
    void set_data(NodeId id, std::optional<std::string_view> data, Zxid zxid, std::int64_t time_ms);
    // Replaces the data and nothing else: no client wrote it.
    void rewrite_data(NodeId id, std::string_view data);
    void set_acl(NodeId id, const AclList& acl);

    // What was done since the last commit or rollback becomes final, or was never done.
    void commit();
    void rollback();

    // Puts back one znode of a snapshot, children after their parents and siblings in order. The
    // root is there already and only takes what it was.
    NodeId
    restore(NodeId parent, std::string_view path, const ZnodeImage& image, const AclList& acl);

    // Attaches a cut that keeps what it has not visited. One at a time.
    std::shared_ptr<SnapshotCut> cut(Zxid last);

private:
    struct Created {
        BranchImage parent;  // as it was before
    };
    struct Removed {
        BranchImage parent;
    };
    struct Change {
        NodeId node{};
        std::variant<Created, Removed, DataImage, AclImage> what;
    };

    void place_system_znode(std::string_view path, const AclList& acl, std::int32_t aversion);
    [[nodiscard]] BranchImage branch_image(NodeId id) const;
    void put_branch(NodeId id, const BranchImage& image, std::int32_t children_added);
    [[nodiscard]] std::size_t bytes_of(NodeId id) const;
    void replace_data(NodeId id, std::optional<std::string_view> data);
    void register_owner(NodeId id);
    void deregister_owner(NodeId id);

    // `cut` is null when no snapshot is being taken.
    void finish(SnapshotCut* cut, NodeId node, Created& created);
    void finish(SnapshotCut* cut, NodeId node, Removed& removed);
    void finish(SnapshotCut* cut, NodeId node, DataImage& before);
    void finish(SnapshotCut* cut, NodeId node, AclImage& before);
    void undo(NodeId node, Created& created);
    void undo(NodeId node, Removed& removed);
    void undo(NodeId node, DataImage& before);
    void undo(NodeId node, AclImage& before);

    SessionTable& sessions_;
    ZnodeStore store_;
    AclTable acls_;
    std::vector<Change> changes_;  // of the transaction under way
    std::weak_ptr<SnapshotCut> cut_;
    std::uint32_t cuts_ = 0;
    std::set<NodeId> expiring_;
    std::size_t data_bytes_ = 1;  // of paths and data; the root's "/" to begin with
};

}  // namespace coord
