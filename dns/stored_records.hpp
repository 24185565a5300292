#pragma once
// The records of one name as a zone has them: without an owner, in one order, each once.
//
// Fed by:  ZoneDraft, from the answers the compiler made; ZoneHistory.
// Read by: ZoneVersion, ZoneJournal, TransferStream.
// Thread:  any; immutable.
// Holds:   equal sets of records are equal octets, whoever made them.
// Fails:   what a zone cannot say is left out and counted: records above the limit of a set, an
//          alias beside other records (RFC 1034 §3.6.2), all aliases but one.

#include "dns/answer_table.hpp"
#include "dns/name.hpp"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace dns {

// One record from TYPE on, as it is on the wire; names in it are complete.
struct StoredRecord {
    Octets octets;

    [[nodiscard]] std::uint16_t type() const {
        return static_cast<std::uint16_t>(octets[0] << 8U | octets[1]);
    }
    [[nodiscard]] Octets rdata() const { return octets.subspan(10); }
};

class StoredRecords;
using StoredRecordsPointer = std::shared_ptr<const StoredRecords>;  // null: none

class StoredRecords {
public:
    [[nodiscard]] Octets octets() const { return octets_; }
    [[nodiscard]] std::size_t bytes() const { return octets_.size(); }
    // The record that begins at this offset; the next begins behind it.
    [[nodiscard]] StoredRecord at(std::size_t offset) const;
    template <class Visit>
    void each(Visit visit) const {
        for (std::size_t offset = 0; offset < octets_.size();) {
            const auto record = at(offset);
            visit(record);
            offset += record.octets.size();
        }
    }
    bool operator==(const StoredRecords&) const = default;

private:
    friend class StoredRecordsBuilder;
    explicit StoredRecords(std::vector<std::uint8_t> octets) : octets_(std::move(octets)) {}

    std::vector<std::uint8_t> octets_;
};

class StoredRecordsBuilder {
public:
    void add(std::uint16_t type, std::uint32_t ttl, Octets rdata);
    void add(const StoredRecord& record) { records_.emplace_back(text(record.octets)); }
    [[nodiscard]] StoredRecordsPointer build();

private:
    std::vector<std::string> records_;
};

// Of each set of `answers` at most `limit`, the first the compiler took.
StoredRecordsPointer
stored_records(const AnswerSet& answers, std::size_t limit, std::size_t& left_out);

// Those that `from` has and `other` has not.
StoredRecordsPointer difference(const StoredRecordsPointer& from,
                                const StoredRecordsPointer& other);

}  // namespace dns
