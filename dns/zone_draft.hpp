#pragma once
// Which names of our zones changed since the last exact publication.
//
// Fed by:  AnswerCompiler, beside the answer table.
// Read by: Server, which takes them to Transfers when the catalog is exact.
// Thread:  agent.
// Holds:   what every agent that knows the same makes the same: not what nearness or chance decide.

#include "coord/base/metrics.hpp"
#include "dns/grammar.hpp"
#include "dns/zone_version.hpp"

#include <cstddef>
#include <string_view>
#include <utility>

namespace dns {

class ZoneDraft {
public:
    ZoneDraft(const Grammar& grammar, std::size_t set_records_max)
        : grammar_(grammar), records_max_(set_records_max) {}

    void put(Space space, std::string_view key, const AnswerSet& answers);
    void remove(Space space, std::string_view key);

    [[nodiscard]] ZoneChanges take() { return std::exchange(changes_, {}); }
    // Records that a zone cannot say, or that are above the limit of a set.
    [[nodiscard]] const coord::Counter& left_out() const { return left_out_; }

private:
    void set(Space space, std::string_view key, StoredRecordsPointer records);

    const Grammar& grammar_;
    std::size_t records_max_;
    ZoneChanges changes_;
    coord::Counter left_out_;
};

}  // namespace dns
