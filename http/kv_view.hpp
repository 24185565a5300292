#pragma once
// What this room knows of the key-value store: every entry, in byte order.
//
// Fed by:  KvStore's publications, hopped over from the agent thread.
// Read by: kv_api; BlockingQueries learns which keys were touched.
// Thread:  http. Entries are immutable and shared.
// Holds:   as CatalogView: the index is at least 1 and goes back only when the ensemble did.

#include "agent/kv.hpp"

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace http {

class KvView {
public:
    using Entries = std::map<std::string, std::shared_ptr<const agent::KvEntry>, std::less<>>;

    struct Change {
        std::vector<std::string> keys;
        bool restored = false;
    };

    Change apply(const agent::KvPublication& publication);

    [[nodiscard]] std::shared_ptr<const agent::KvEntry> find(std::string_view key) const;
    // From the first entry that starts with `prefix`: walk on while they do.
    [[nodiscard]] Entries::const_iterator lower_bound(std::string_view prefix) const;
    [[nodiscard]] Entries::const_iterator end() const { return entries_.end(); }
    [[nodiscard]] std::uint64_t index() const { return index_; }
    [[nodiscard]] bool synced() const { return synced_; }

private:
    Entries entries_;
    std::uint64_t index_ = 1;
    bool synced_ = false;
};

}  // namespace http
