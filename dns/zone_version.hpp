#pragma once
// All our zones at one serial, immutable: the next version shares with it what did not change.
//
// Fed by:  ZoneHistory.
// Read by: TransferStream, for as long as a transfer lasts; ZoneHistory (what was there before).
// Thread:  any; immutable.
// Holds:   names in order, each with at least one record, in pieces of at most 256: to make a version
//          costs the pieces that changed and one pointer for every other.

#include "dns/stored_records.hpp"

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <utility>
#include <vector>

namespace dns {

// A key of the answer table, and in which of Grammar::zones() it is.
struct ZoneName {
    std::uint16_t zone = 0;
    Labels key;

    auto operator<=>(const ZoneName&) const = default;
};

using ZoneChanges = std::map<ZoneName, StoredRecordsPointer>;  // null: the name is gone

class ZoneVersion {
public:
    using Entry = std::pair<ZoneName, StoredRecordsPointer>;

    ZoneVersion() = default;  // empty
    // This version with these changes.
    [[nodiscard]] std::shared_ptr<const ZoneVersion> next(std::uint32_t serial,
                                                          const ZoneChanges& changes) const;

    [[nodiscard]] std::uint32_t serial() const { return serial_; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }  // of the records
    [[nodiscard]] std::size_t names() const { return names_; }
    [[nodiscard]] StoredRecordsPointer find(const ZoneName& name) const;

    // Goes through the names of one zone.
    class Cursor {
    public:
        Cursor(const ZoneVersion& version, std::uint16_t zone);
        // Null at the end.
        const Entry* next();

    private:
        const ZoneVersion* version_;
        std::uint16_t zone_;
        std::size_t piece_ = 0;
        std::size_t at_ = 0;
    };

private:
    using Piece = std::vector<Entry>;
    using Pieces = std::vector<std::shared_ptr<const Piece>>;

    [[nodiscard]] std::size_t piece_of(const ZoneName& name) const;
    void append(Piece piece);

    std::uint32_t serial_ = 0;
    std::size_t bytes_ = 0;
    std::size_t names_ = 0;
    Pieces pieces_;  // none is empty
};

}  // namespace dns
