#include "coord/raft/segment.hpp"

#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"

#include <cassert>
#include <limits>

namespace coord {

namespace {

constexpr std::string_view magic = "RSTRLOG1";
// Entries count from 1, and no log ever comes near the end of the numbers.
constexpr Index first_max{std::numeric_limits<std::uint64_t>::max() / 2};
constexpr std::size_t header_crc_at = SegmentHeader::size - 4;
// length 4, checksum 4, index 8, term 8, durable 4, type 4
constexpr std::size_t record_header_size = 32;

constexpr std::size_t padded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

std::uint32_t checksum(std::string_view record, std::uint32_t salt) {
    return crc32c(record.substr(8), crc32c(record.substr(0, 4), salt));
}

struct RawRecord {
    Index index{};
    Term term{};
    std::size_t durable = 0;
    EntryType type{};
    std::string_view payload;
    std::size_t end = 0;
};

// The record at `offset`, if there is a good one.
std::optional<RawRecord>
read_record(std::string_view segment, std::size_t offset, std::uint32_t salt) {
    if (offset + record_header_size > segment.size()) return {};
    const auto header = segment.substr(offset, record_header_size);
    const auto length = get_number<std::uint32_t>(header, 0);
    const auto type = get_number<std::uint32_t>(header, 28);
    if (type < 1 || type > 3) return {};
    if (length > segment.size() - offset - record_header_size) return {};
    const auto record = segment.substr(offset, record_header_size + length);
    if (get_number<std::uint32_t>(header, 4) != checksum(record, salt)) return {};
    return RawRecord{Index{get_number<std::uint64_t>(header, 8)},
                     Term{get_number<std::uint64_t>(header, 16)},
                     get_number<std::uint32_t>(header, 24),
                     static_cast<EntryType>(type),
                     record.substr(record_header_size),
                     offset + padded(record.size())};
}

// Does a record behind `bad` know that what stands at `bad` was on disk once?
bool was_durable(std::string_view segment, std::size_t bad, std::uint32_t salt) {
    for (auto offset = bad + 8; offset + record_header_size <= segment.size(); offset += 8) {
        // Cheap to ask, and false nearly everywhere: the checksum is not.
        const auto durable = get_number<std::uint32_t>(segment, offset + 24);
        if (durable <= bad || durable > offset) continue;
        if (read_record(segment, offset, salt)) return true;
    }
    return false;
}

}  // namespace

std::string encode(const SegmentHeader& header) {
    std::string out(magic);
    put_number(out, number(header.first));
    put_number(out, number(header.previous_term));
    put_number<std::uint32_t>(out, header.fresh ? 1 : 0);
    put_number(out, header.bytes);
    put_number(out, header.salt);
    put_number(out, crc32c(out));
    assert(out.size() == SegmentHeader::size);
    return out;
}

std::optional<SegmentHeader> decode_header(std::string_view segment) {
    if (segment.size() < SegmentHeader::size || !segment.starts_with(magic)) return {};
    const auto crc = get_number<std::uint32_t>(segment, header_crc_at);
    if (crc != crc32c(segment.substr(0, header_crc_at))) return {};
    const Index first{get_number<std::uint64_t>(segment, 8)};
    if (first == Index{0} || first > first_max) return {};
    return SegmentHeader{first,
                         Term{get_number<std::uint64_t>(segment, 16)},
                         get_number<std::uint32_t>(segment, 24) == 1,
                         get_number<std::uint32_t>(segment, 32),
                         get_number<std::uint32_t>(segment, 28)};
}

std::size_t record_size(const LogEntry& entry) {
    return padded(record_header_size + entry.bytes->size());
}

void append_record(
    std::string& out, const LogEntry& entry, Index index, std::size_t durable, std::uint32_t salt) {
    constexpr std::size_t limit = std::numeric_limits<std::uint32_t>::max();
    assert(entry.bytes->size() < limit && durable < limit);
    const auto begin = out.size();
    put_number(out, static_cast<std::uint32_t>(entry.bytes->size()));
    put_number<std::uint32_t>(out, 0);
    put_number(out, number(index));
    put_number(out, number(entry.term));
    put_number(out, static_cast<std::uint32_t>(durable));
    put_number(out, static_cast<std::uint32_t>(entry.type));
    out.append(*entry.bytes);
    std::string crc;
    put_number(crc, checksum(std::string_view(out).substr(begin), salt));
    out.replace(begin + 4, crc.size(), crc);
    out.resize(begin + record_size(entry));
}

std::vector<LogEntry>
read_records(std::string_view part, std::uint32_t salt, Index first, Index last) {
    std::vector<LogEntry> entries;
    std::size_t offset = 0;
    while (const auto record = read_record(part, offset, salt)) {
        offset = record->end;
        if (record->index < first) continue;
        if (record->index > last || record->index != Index{number(first) + entries.size()}) break;
        entries.push_back(
            {record->term, record->type, std::make_shared<const std::string>(record->payload)});
        if (record->index == last) break;
    }
    return entries;
}

SegmentScan scan_segment(std::string_view segment, const SegmentHeader& header, Index bytes_from) {
    static const auto nothing = std::make_shared<const std::string>();
    SegmentScan scan;
    scan.end = SegmentHeader::size;
    Index expected = header.first;
    while (const auto record = read_record(segment, scan.end, header.salt)) {
        if (record->index != expected) {
            scan.state = SegmentScan::End::damaged;
            return scan;
        }
        const bool keep = record->index >= bytes_from;
        auto bytes = keep ? std::make_shared<const std::string>(record->payload) : nothing;
        scan.records.push_back(
            {record->index, {record->term, record->type, std::move(bytes)}, record->end});
        scan.end = record->end;
        expected = next(expected);
    }
    const auto last = segment.find_last_not_of('\0');
    scan.torn_end = last == std::string_view::npos ? 0 : last + 1;
    if (scan.torn_end <= scan.end) return scan;
    scan.state = was_durable(segment, scan.end, header.salt) ? SegmentScan::End::damaged
                                                             : SegmentScan::End::torn;
    return scan;
}

}  // namespace coord
