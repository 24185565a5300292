#include "dns/zone_journal.hpp"

#include <algorithm>
#include <cassert>

namespace dns {

std::size_t ZoneStep::bytes() const {
    constexpr std::size_t overhead = 64;  // of a set of records: its vector and its count
    std::size_t sum = sizeof(ZoneStep) + overhead;
    for (const auto& change : changes) {
        sum += sizeof(ZoneChange) + change.name.key.size();
        for (const auto& records : {change.removed, change.added}) {
            if (records) sum += overhead + records->bytes();
        }
    }
    return sum;
}

void ZoneJournal::push(ZoneStep step) {
    assert(steps_.empty() || steps_.back()->to == step.from);
    std::size_t bytes = bytes_ + step.bytes();
    steps_.push_back(std::make_shared<const ZoneStep>(std::move(step)));
    while (bytes > bytes_max_) {
        bytes -= steps_.front()->bytes();
        steps_.pop_front();
        dropped_.add();
    }
    bytes_ = bytes;
}

std::optional<ZoneSteps> ZoneJournal::since(std::uint32_t serial) const {
    const auto first = std::find_if(
        steps_.begin(), steps_.end(), [serial](const auto& step) { return step->from == serial; });
    if (first == steps_.end()) return std::nullopt;
    return ZoneSteps(first, steps_.end());
}

}  // namespace dns
