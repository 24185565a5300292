#include "dns/zone_draft.hpp"

#include "dns/apex.hpp"

namespace dns {

void ZoneDraft::put(Space space, std::string_view key, const AnswerSet& answers) {
    std::size_t left_out = 0;
    set(space, key, stored_records(answers, records_max_, left_out));
    left_out_.add(left_out);
}

void ZoneDraft::remove(Space space, std::string_view key) { set(space, key, nullptr); }

void ZoneDraft::set(Space space, std::string_view key, StoredRecordsPointer records) {
    if (key == apex::name_server && space == Space::forward) return;  // every agent's own
    const auto* zone = grammar_.zone_of(space, key);
    if (zone == nullptr || !zone->number) return;  // of loopback: every host's own
    changes_[{*zone->number, Labels(key)}] = std::move(records);
}

}  // namespace dns
