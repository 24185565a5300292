#pragma once
// The records of one transfer, in order, message by message (RFC 5936 §2.2, RFC 1995 §4).
//
// Fed by:  Transfers: a version of the zones, and for IXFR the steps that led to it.
// Read by: Transfers, whenever the client has taken what there was.
// Thread:  its owner's.
// Holds:   the version it began with, to the end. No step of it costs more than one message.

#include "dns/grammar.hpp"
#include "dns/transfer_message.hpp"
#include "dns/zone_journal.hpp"
#include "dns/zone_version.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace dns {

// The records of a key, under each of its names.
struct TransferItem {
    std::vector<Labels> owners;
    StoredRecordsPointer records;
};

// What is transferred, and how its apex is written.
struct TransferZone {
    const Grammar& grammar;
    const Zone& zone;
    std::chrono::seconds negative_ttl;

    [[nodiscard]] TransferItem soa(std::uint32_t serial) const;
    [[nodiscard]] TransferItem name_servers() const;
    [[nodiscard]] TransferItem item(const ZoneName& name, StoredRecordsPointer records) const;
};

class TransferStream {
public:
    // The next item, until there is none.
    using Source = std::function<std::optional<TransferItem>()>;

    explicit TransferStream(Source source) : source_(std::move(source)) {}

    static TransferStream whole(TransferZone zone, std::shared_ptr<const ZoneVersion> version);
    static TransferStream steps(TransferZone zone, std::uint32_t from, ZoneSteps steps);
    // Nothing but the SOA: the client has what there is, or is to come again over TCP.
    static TransferStream serial(TransferZone zone, std::uint32_t serial);

    // Writes what fits. False once all is written.
    bool fill(TransferMessage& message);

private:
    Source source_;
    TransferItem item_;
    std::size_t owner_ = 0;
    std::size_t offset_ = 0;
};

}  // namespace dns
