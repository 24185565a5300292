#include "coord/server/forwarded_entries.hpp"

#include "coord/tree/origin.hpp"

#include <utility>

namespace coord {

ForwardedEntries::ForwardedEntries(std::size_t bytes_per_member_max,
                                   ServerCounters& counters,
                                   Propose propose)
    : bytes_per_member_max_(bytes_per_member_max),
      counters_(counters),
      propose_(std::move(propose)) {}

void ForwardedEntries::standing_changed(const Standing& standing, MemberId self) {
    const bool leads = standing.leader == self;
    if (!leads || standing.term != term_) {
        held_.clear();
        held_bytes_.clear();
    }
    leads_ = leads;
    term_ = standing.term;
    pump();
}

void ForwardedEntries::take(MemberId from, const ForwardedEntry& forwarded) {
    std::string_view rest = forwarded.entry;
    const auto origin = take_origin(rest);
    const bool is_senders = origin && origin->member == number(from);
    auto& bytes = held_bytes_[from];
    const bool has_room = bytes + forwarded.entry.size() <= bytes_per_member_max_;
    if (!leads_ || forwarded.term != number(term_) || !is_senders || !has_room) {
        counters_.forwarded_dropped.add();
        return;
    }
    counters_.forwarded.add();
    bytes += forwarded.entry.size();
    held_.push_back({from, std::make_shared<const std::string>(forwarded.entry)});
    pump();
}

void ForwardedEntries::pump() {
    while (!held_.empty() && propose_(held_.front().entry)) {
        held_bytes_[held_.front().from] -= held_.front().entry->size();
        held_.pop_front();
    }
}

}  // namespace coord
