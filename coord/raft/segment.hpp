#pragma once
// The format of a log segment: a header, then records, then zeros up to the end of the file.
//
// Fed by:  LogStore.
// Thread:  any; bytes in, bytes out, no file.
// Holds:   a record says how much of its segment was on disk when it was written. So damage before
//          that point is told from a write that a crash cut short, which is always behind it.
//          Checksums start from the segment's salt: a record inside a record's payload is no record.

#include "coord/raft/entry.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct SegmentHeader {
    static constexpr std::size_t size = 40;

    Index first{};         // of the first record; replaces what earlier segments have from here on
    Term previous_term{};  // of the entry before it; 0 if there is none
    bool fresh = false;    // earlier segments no longer count: a snapshot took their place
    std::uint32_t salt = 0;
    std::uint32_t bytes = 0;  // of the whole file, which is never shorter
};

std::string encode(const SegmentHeader& header);
std::optional<SegmentHeader> decode_header(std::string_view segment);

struct Record {
    Index index{};
    LogEntry entry;
    std::size_t end = 0;  // offset of the byte behind it
};

std::size_t record_size(const LogEntry& entry);
void append_record(std::string& out,
                   const LogEntry& entry,
                   Index index,
                   std::size_t durable,  // offset up to which the segment is on disk
                   std::uint32_t salt);

struct SegmentScan {
    enum class End { clean, torn, damaged };

    std::vector<Record> records;
    std::size_t end = 0;       // offset behind the last good record
    std::size_t torn_end = 0;  // behind the last byte that is not zero
    End state = End::clean;
};

// Reads the records from entry `first` up to entry `last` out of a part of a segment that begins with
// the record of an entry not behind `first`; as many as are there and whole.
std::vector<LogEntry>
read_records(std::string_view part, std::uint32_t salt, Index first, Index last);

// Reads all records. The bytes of entries before `bytes_from` are checked, but not kept.
SegmentScan scan_segment(std::string_view segment, const SegmentHeader& header, Index bytes_from);

}  // namespace coord
