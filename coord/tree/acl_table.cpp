#include "coord/tree/acl_table.hpp"

#include <cassert>

namespace coord {

AclTable::AclTable() {
    const auto open = intern(open_acl_unsafe);
    assert(open == AclId::open);
}

AclId AclTable::intern(const AclList& list) {
    if (!entries_.empty() && list == *entries_.front().list) return AclId::open;
    const auto [place, is_new] = ids_.try_emplace(list, AclId::open);
    if (is_new) {
        if (free_.empty()) {
            free_.push_back(AclId{static_cast<std::uint32_t>(entries_.size())});
            entries_.emplace_back();
        }
        place->second = free_.back();
        free_.pop_back();
        entry(place->second) = {&place->first, 0};
    }
    retain(place->second);
    return place->second;
}

void AclTable::retain(AclId id) {
    assert(entry(id).list != nullptr);
    ++entry(id).retained;
}

void AclTable::release(AclId id) {
    if (id == AclId::open) return;
    auto& released = entry(id);
    assert(released.retained > 0);
    if (--released.retained > 0) return;
    ids_.erase(ids_.find(*released.list));
    released.list = nullptr;
    free_.push_back(id);
}

const AclList& AclTable::operator[](AclId id) const {
    const auto& entry = entries_[static_cast<std::size_t>(id)];
    assert(entry.list != nullptr);
    return *entry.list;
}

}  // namespace coord
