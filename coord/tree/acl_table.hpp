#pragma once
// ACL lists, each kept once however many znodes have it.
//
// Fed by:  DataTree, which retains a list for each znode that has it.
// Read by: Transaction, reads, snapshots.
// Thread:  coord.
// Holds:   a list lives as long as it is retained; AclId::open lives for ever.

#include "coord/tree/acl.hpp"
#include "coord/tree/znode.hpp"

#include <cstddef>
#include <map>
#include <vector>

namespace coord {

class AclTable {
public:
    AclTable();

    // Retains it.
    AclId intern(const AclList& list);
    void retain(AclId id);
    void release(AclId id);

    [[nodiscard]] const AclList& operator[](AclId id) const;
    [[nodiscard]] std::size_t size() const { return ids_.size(); }

private:
    struct Entry {
        const AclList* list = nullptr;  // the key in ids_; null when free
        std::size_t retained = 0;
    };

    Entry& entry(AclId id) { return entries_[static_cast<std::size_t>(id)]; }

    std::map<AclList, AclId> ids_;
    std::vector<Entry> entries_;
    std::vector<AclId> free_;
};

}  // namespace coord
