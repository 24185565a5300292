#include "http/kv_view.hpp"

namespace http {

KvView::Change KvView::apply(const agent::KvPublication& publication) {
    Change change;
    const auto index = std::max<std::uint64_t>(1, static_cast<std::uint64_t>(publication.index));
    change.restored = index < index_;
    index_ = index;
    synced_ = publication.synced;
    for (const auto& entry : publication.entries) {
        entries_[entry->key] = entry;
        change.keys.push_back(entry->key);
    }
    for (const auto& key : publication.removed) {
        if (entries_.erase(key) != 0) change.keys.push_back(key);
    }
    return change;
}

std::shared_ptr<const agent::KvEntry> KvView::find(std::string_view key) const {
    const auto found = entries_.find(key);
    return found == entries_.end() ? nullptr : found->second;
}

KvView::Entries::const_iterator KvView::lower_bound(std::string_view prefix) const {
    return entries_.lower_bound(prefix);
}

}  // namespace http
