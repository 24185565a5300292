#pragma once
// Our zones as they are at the newest serial, and how they came there.
//
// Fed by:  Transfers, with what changed between two exact publications.
// Read by: Transfers.
// Thread:  dns tcp; a version is immutable and may be handed to any thread.
// Holds:   the name server's addresses are those of all nodes, and every address that is the target
//          of an SRV record has its name <hex>.addr: no agent's own view is in a version.

#include "dns/address.hpp"
#include "dns/grammar.hpp"
#include "dns/zone_journal.hpp"
#include "dns/zone_version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>

namespace dns {

struct ZoneHistoryOptions {
    std::chrono::seconds ttl{1};  // of ns and <hex>.addr
    std::size_t records_max = 100;
    std::size_t journal_bytes_max = std::size_t{64} << 20U;
};

class ZoneHistory {
public:
    ZoneHistory(const Grammar& grammar, ZoneHistoryOptions options);

    // Returns the zones in which something changed; the first time: all that there are.
    std::set<std::uint16_t> advance(std::uint32_t serial, ZoneChanges changes);

    // Null before the first advance().
    [[nodiscard]] const std::shared_ptr<const ZoneVersion>& version() const { return version_; }
    [[nodiscard]] const ZoneJournal& journal() const { return journal_; }

private:
    using Uses = std::map<IpAddress, std::size_t>;

    void count(const ZoneName& name, const StoredRecordsPointer& records, bool add);
    void use(Uses& uses, const IpAddress& address, bool add, std::set<IpAddress>& changed);
    void derive(ZoneChanges& changes);
    [[nodiscard]] std::optional<IpAddress> target_address(Octets target) const;

    const Grammar& grammar_;
    ZoneHistoryOptions options_;
    std::shared_ptr<const ZoneVersion> version_;
    ZoneJournal journal_;
    Uses targets_;  // of SRV: <hex>.addr
    Uses servers_;  // of nodes: ns
    std::set<IpAddress> targets_changed_;
    std::set<IpAddress> servers_changed_;
};

}  // namespace dns
