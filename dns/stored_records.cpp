#include "dns/stored_records.hpp"

#include "dns/query.hpp"
#include "dns/reply_draft.hpp"

#include <algorithm>
#include <cassert>
#include <iterator>

namespace dns {

namespace {

std::vector<std::string_view> views(const StoredRecordsPointer& records) {
    std::vector<std::string_view> all;
    if (records) records->each([&](const auto& record) { all.push_back(text(record.octets)); });
    return all;
}

bool is_alone(const AnswerSet& answers, std::size_t slot) {
    for (std::size_t i = 0; i < slot_count; ++i) {
        if (i != slot && answers.slots[i]) return false;
    }
    return true;
}

}  // namespace

StoredRecord StoredRecords::at(std::size_t offset) const {
    const auto rest = Octets(octets_).subspan(offset);
    return {rest.first(10U + read_u16(rest, 8))};
}

void StoredRecordsBuilder::add(std::uint16_t type, std::uint32_t ttl, Octets rdata) {
    assert(rdata.size() <= UINT16_MAX);
    std::vector<std::uint8_t> octets;
    append_u16(octets, type);
    append_u16(octets, class_in);
    append_u32(octets, ttl);
    append_u16(octets, static_cast<std::uint16_t>(rdata.size()));
    append(octets, rdata);
    records_.emplace_back(text(octets));
}

StoredRecordsPointer StoredRecordsBuilder::build() {
    std::sort(records_.begin(), records_.end());
    records_.erase(std::unique(records_.begin(), records_.end()), records_.end());
    if (records_.empty()) return nullptr;
    std::size_t bytes = 0;
    for (const auto& record : records_) bytes += record.size();
    std::vector<std::uint8_t> octets;
    octets.reserve(bytes);
    for (const auto& record : records_) append(octets, dns::octets(record));
    records_.clear();
    return std::shared_ptr<const StoredRecords>(new StoredRecords(std::move(octets)));
}

StoredRecordsPointer
stored_records(const AnswerSet& answers, std::size_t limit, std::size_t& left_out) {
    StoredRecordsBuilder builder;
    for (std::size_t slot = 0; slot < slot_count; ++slot) {
        const auto& answer = answers.slots[slot];
        if (!answer) continue;
        std::size_t room = limit;
        if (static_cast<Slot>(slot) == Slot::cname) room = is_alone(answers, slot) ? 1 : 0;
        const auto count = std::min(room, answer->count());
        // Before TYPE there is a pointer to the question.
        for (std::size_t i = 0; i < count; ++i) builder.add({answer->record(i).subspan(2)});
        left_out += answer->count() - count;
    }
    return builder.build();
}

StoredRecordsPointer difference(const StoredRecordsPointer& from,
                                const StoredRecordsPointer& other) {
    const auto all = views(from);
    const auto without = views(other);
    std::vector<std::string_view> left;
    std::set_difference(
        all.begin(), all.end(), without.begin(), without.end(), std::back_inserter(left));
    StoredRecordsBuilder builder;
    for (const auto record : left) builder.add({octets(record)});
    return builder.build();
}

}  // namespace dns
