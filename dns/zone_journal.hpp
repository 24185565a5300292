#pragma once
// What changed from serial to serial, for as long as there is room: what IXFR is answered from.
//
// Fed by:  ZoneHistory, one step for each new serial.
// Read by: Transfers, TransferStream (steps outlive the journal's interest in them).
// Thread:  dns tcp; a step is immutable.
// Holds:   its steps are without a gap: each begins where the one before it ended.

#include "coord/base/metrics.hpp"
#include "dns/zone_version.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

namespace dns {

struct ZoneChange {
    ZoneName name;
    StoredRecordsPointer removed;
    StoredRecordsPointer added;
};

struct ZoneStep {
    std::uint32_t from = 0;
    std::uint32_t to = 0;
    std::vector<ZoneChange> changes;  // in the order of names

    [[nodiscard]] std::size_t bytes() const;  // in memory, about
};

using ZoneSteps = std::vector<std::shared_ptr<const ZoneStep>>;

class ZoneJournal {
public:
    explicit ZoneJournal(std::size_t bytes_max) : bytes_max_(bytes_max) {}

    // The oldest steps go when there is no room.
    void push(ZoneStep step);
    // All steps since a serial; none if it is no serial we had, or too long ago.
    [[nodiscard]] std::optional<ZoneSteps> since(std::uint32_t serial) const;

    // Of any thread.
    [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
    [[nodiscard]] const coord::Counter& dropped() const { return dropped_; }

private:
    std::size_t bytes_max_;
    std::deque<std::shared_ptr<const ZoneStep>> steps_;
    std::atomic<std::size_t> bytes_{0};
    coord::Counter dropped_;
};

}  // namespace dns
