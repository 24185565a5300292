#pragma once
// The log on disk: segments in order of their number, the last one open for appending.
//
// Fed by:  LogWriter, with what the driver appends, replaces and discards.
// Read by: Node at start, for the entries; the operator, who sees files.
// Thread:  one at a time: coord while it opens, then log. prepare_spare() may run beside it.
// Holds:   a segment is begun only when all before it is on disk, and never written again once the
//          next one is begun. Replacing a suffix begins a segment: nothing is overwritten.
// Fails:   throws std::system_error if the disk fails. Reading throws std::runtime_error if the
//          log is damaged; a write that a crash cut short at the very end is cut off instead.

#include "coord/raft/entry.hpp"
#include "coord/raft/file.hpp"
#include "coord/raft/segment.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace coord {

struct LogContents {
    Index first{1};
    Term previous_term{};
    std::vector<LogEntry> entries;
    bool is_new = false;     // there is no log yet; the first append begins one
    bool is_unused = false;  // there is one, and nothing was ever written to it
};

class LogStore {
public:
    LogStore(std::filesystem::path directory, std::size_t segment_bytes);

    // To be called once, before anything else. Bytes of entries before `bytes_from` are left out.
    LogContents open(Index bytes_from);

    // Reads all of it once more.
    LogContents reopen(Index bytes_from);

    // Replaces what there is from `first` on. On disk only after sync().
    void append(Index first, Term previous_term, std::span<const LogEntry> entries);
    void sync();
    // Up to `count` entries from `first` on, about `bytes_max` of them but at least one; fewer or
    // none if the log no longer has them.
    [[nodiscard]] std::vector<LogEntry> read(Index first, std::size_t count, std::size_t bytes_max);
    // Nothing in the log counts any longer; it goes on behind a snapshot.
    void restart(Index first, Term previous_term);
    // Gives up segments that have only entries up to `last`. They stay as files to be recycled.
    void discard_through(Index last);

    [[nodiscard]] Index last() const { return last_; }
    // The file that is appended to.
    [[nodiscard]] const std::filesystem::path& last_segment() const { return file_.path(); }
    [[nodiscard]] std::size_t segments() const { return segments_.size(); }
    [[nodiscard]] std::uint64_t syncs() const { return syncs_; }
    // Grows whenever a segment is begun or given up.
    [[nodiscard]] std::uint64_t segments_changed() const { return segments_changed_; }
    [[nodiscard]] std::uint64_t torn_bytes() const { return torn_bytes_; }

private:
    // Where a record begins; one for every so many bytes, so that a read need not scan from the top.
    struct Mark {
        Index index;
        std::size_t offset;
    };
    struct Segment {
        std::uint64_t number;
        SegmentHeader header;
        std::vector<Mark> marks = {};
        std::size_t end = SegmentHeader::size;  // of its records
    };

    LogContents load(Index bytes_from);
    void load_segment(std::uint64_t number, Index bytes_from, bool is_last, LogContents& contents);
    void cut_torn_tail(const SegmentScan& scan);
    void begin_segment(SegmentHeader header, std::size_t bytes_needed);
    File blank_segment(std::size_t bytes_needed);
    void flush();
    static void mark(Segment& segment, Index index, std::size_t begin, std::size_t end);
    [[nodiscard]] std::vector<LogEntry>
    read_segment(const Segment& segment, Index first, Index last, std::size_t bytes_max) const;
    [[nodiscard]] std::filesystem::path path_of(std::uint64_t number) const;

    const std::filesystem::path directory_;
    const std::size_t segment_bytes_;
    std::deque<Segment> segments_;
    Index last_{};
    Term last_term_{};

    File file_;  // of the last segment
    std::uint64_t capacity_ = 0;
    std::size_t written_ = 0;  // handed to the system
    std::size_t durable_ = 0;  // on disk
    std::string buffer_;       // to be written at written_
    std::uint64_t syncs_ = 0;
    std::uint64_t segments_changed_ = 0;
    std::uint64_t torn_bytes_ = 0;
};

// Sees to it that a blank segment lies ready, so that beginning one costs no waiting for zeros:
// from a segment that was given up, or a new one. Removes what else was given up.
void prepare_spare(const std::filesystem::path& directory, std::size_t segment_bytes);

}  // namespace coord
