#pragma once
// Prerequisites and updates on the records that there are (RFC 2136 §3.2 and §3.4).
//
// Fed by:  Updater: what is asked, by whom, and what was read from the tree.
// Read by: Updater.
// Thread:  any; pure: the time is an argument.
// Holds:   all or nothing: with any rcode but no_error nothing counts of what was changed. A record
//          that was registered by other means is never lost, unless the rule says so.
// Fails:   the rcode of the first prerequisite that does not hold, or REFUSED for what the key may
//          not do and what cannot be held.

#include "dns/query.hpp"
#include "dns/update_lease.hpp"
#include "dns/update_message.hpp"
#include "dns/update_policy.hpp"
#include "dns/update_zone.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

namespace dns {

inline constexpr std::size_t update_records_max = 100;  // of one name; BIND takes no more of a set
inline constexpr std::size_t update_rdata_bytes_max = 4096;

// The lease that this key gets for all of these updates: the shortest of their rules bounds it.
UpdateLease grant(const UpdateLease& asked,
                  const std::vector<UpdateEntry>& updates,
                  const TsigKey& key,
                  const UpdatePolicy& policy);

class UpdateTransaction {
public:
    // `state` has the records of every target of the request.
    UpdateTransaction(const UpdateZone& zone, ZoneState& state, std::int64_t now_ms)
        : zone_(zone), state_(state), now_ms_(now_ms) {}

    // RFC 2136 §3.2.
    [[nodiscard]] Rcode check(const std::vector<UpdateEntry>& prerequisites) const;
    // RFC 2136 §3.3 and §3.4: whether this key may do all of this, and then the changes in order.
    // What is added has the lease that was granted, or without one that of its rule.
    Rcode apply(const std::vector<UpdateEntry>& updates,
                const TsigKey& key,
                const UpdatePolicy& policy,
                const std::optional<UpdateLease>& lease = std::nullopt);

private:
    [[nodiscard]] bool
    is_same(const ZoneRecord& record, std::uint16_t type, const std::string& canonical) const;
    [[nodiscard]] Rcode check_one(const UpdateEntry& entry) const;
    [[nodiscard]] Rcode check_sets(const std::vector<UpdateEntry>& prerequisites) const;
    [[nodiscard]] bool can_hold(const UpdateEntry& entry) const;
    Rcode apply_one(const UpdateEntry& entry, const TsigKey& key, std::chrono::seconds lease);
    Rcode add(const UpdateEntry& entry, const TsigKey& key, std::chrono::seconds lease);
    Rcode remove_record(const UpdateEntry& entry);
    void remove_sets(const UpdateEntry& entry);
    void remove(const UpdateTarget& target, const ZoneRecord& which);
    void imply_address(ZoneRecords& records, const ZoneRecord& srv) const;

    const UpdateZone& zone_;
    ZoneState& state_;
    std::int64_t now_ms_;
};

}  // namespace dns
