#include "coord/raft/log_store.hpp"

#include "coord/base/log.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <charconv>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace coord {

namespace {

namespace fs = std::filesystem;

spdlog::logger& log() { return logger("coord.raft"); }

// The first segment ever is small: a first start does not wait for megabytes of zeros.
constexpr std::size_t first_segment_bytes = std::size_t{256} << 10U;
constexpr std::size_t buffer_bytes = std::size_t{1} << 20U;
constexpr std::size_t mark_bytes = std::size_t{64} << 10U;
constexpr auto spare_name = "spare";
constexpr auto unfinished_spare_name = "spare.new";
constexpr std::string_view given_up_suffix = ".free";

[[noreturn]] void refuse(const fs::path& file, std::string_view what) {
    throw std::runtime_error(fmt::format(
        "{}: {}. Nothing was changed. Restore the data directory from a backup, or move it away "
        "and let this member join anew with an empty one",
        file.string(),
        what));
}

// The number of a segment from its file's name; nothing if it is another file.
std::optional<std::uint64_t> number_of(std::string_view name) {
    std::uint64_t number = 0;
    const auto* end = name.data() + name.size();
    const auto [stop, error] = std::from_chars(name.data(), end, number);
    if (name.size() != 20 || error != std::errc{} || stop != end) return {};
    return number;
}

std::vector<std::uint64_t> segment_numbers(const fs::path& directory) {
    std::vector<std::uint64_t> numbers;
    for (const auto& file : fs::directory_iterator(directory)) {
        const auto name = file.path().filename().string();
        if (const auto number = number_of(name)) numbers.push_back(*number);
    }
    std::sort(numbers.begin(), numbers.end());
    return numbers;
}

// Whole or not there: on a full disk, half a file of zeros takes the room of what is needed.
File make_blank(const fs::path& path, std::size_t bytes) {
    try {
        File file(path, File::Mode::update);
        file.zero(0, bytes);
        file.sync();
        return file;
    } catch (...) {
        std::error_code ignored;
        fs::remove(path, ignored);
        throw;
    }
}

std::uint32_t random_salt() { return std::random_device{}(); }

}  // namespace

LogStore::LogStore(fs::path directory, std::size_t segment_bytes)
    : directory_(std::move(directory)), segment_bytes_(segment_bytes) {}

fs::path LogStore::path_of(std::uint64_t number) const {
    return directory_ / fmt::format("{:020}", number);
}

LogContents LogStore::open(Index bytes_from) {
    make_directory(directory_);
    return load(bytes_from);
}

LogContents LogStore::reopen(Index bytes_from) {
    sync();
    segments_.clear();
    return load(bytes_from);
}

LogContents LogStore::load(Index bytes_from) {
    LogContents contents;
    const auto numbers = segment_numbers(directory_);
    contents.is_new = numbers.empty();
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        if (numbers[i] != numbers[0] + i) {
            refuse(path_of(numbers[0] + i), "this segment of the log is missing");
        }
        load_segment(numbers[i], bytes_from, i + 1 == numbers.size(), contents);
    }
    contents.is_unused = segments_.size() == 1 && segments_.front().header.fresh &&
                         contents.first == Index{1} && contents.entries.empty();
    // A process that was killed had perhaps written, but not synced, what is read back here.
    if (!segments_.empty()) file_.sync();
    last_ = Index{number(contents.first) + contents.entries.size() - 1};
    last_term_ = contents.entries.empty() ? contents.previous_term : contents.entries.back().term;
    return contents;
}

void LogStore::load_segment(std::uint64_t number,
                            Index bytes_from,
                            bool is_last,
                            LogContents& contents) {
    file_ = File(path_of(number), File::Mode::update);
    capacity_ = file_.size();
    const auto bytes = file_.read(0, capacity_);
    const auto header = decode_header(bytes);
    if (!header) refuse(file_.path(), "the header of this segment of the log is damaged");
    if (header->bytes != bytes.size()) {
        refuse(file_.path(),
               fmt::format("this segment of the log has {} bytes, but was made with {}",
                           bytes.size(),
                           header->bytes));
    }

    if (segments_.empty() || header->fresh || header->first <= contents.first) {
        contents = {header->first, header->previous_term, {}, false};
    }
    const auto before = coord::number(header->first) - coord::number(contents.first);
    if (before > contents.entries.size()) {
        refuse(file_.path(), "entries of the log before this segment are missing");
    }
    contents.entries.resize(before);
    if (before > 0 && contents.entries.back().term != header->previous_term) {
        refuse(file_.path(), "this segment does not continue the log before it");
    }
    auto scan = scan_segment(bytes, *header, bytes_from);
    const bool is_torn = scan.state == SegmentScan::End::torn;
    if (scan.state == SegmentScan::End::damaged || (is_torn && !is_last)) {
        refuse(file_.path(),
               fmt::format("the log is damaged at byte {} of this segment", scan.end));
    }
    segments_.push_back({number, *header, {}, SegmentHeader::size});
    auto begin = SegmentHeader::size;
    for (auto& record : scan.records) {
        mark(segments_.back(), record.index, begin, record.end);
        begin = record.end;
        contents.entries.push_back(std::move(record.entry));
    }
    written_ = durable_ = scan.end;
    if (is_torn) cut_torn_tail(scan);
}

void LogStore::cut_torn_tail(const SegmentScan& scan) {
    torn_bytes_ = scan.torn_end - scan.end;
    log().warn("torn write cut off file={} offset={} bytes={}",
               file_.path().string(),
               scan.end,
               torn_bytes_);
    file_.zero(scan.end, scan.torn_end);
}

void LogStore::append(Index first, Term previous_term, std::span<const LogEntry> entries) {
    assert(!entries.empty() && first <= next(last_));
    if (segments_.empty()) {
        begin_segment({first, previous_term, false, random_salt()},
                      std::min(first_segment_bytes, segment_bytes_));
    } else if (first <= last_) {
        sync();
        begin_segment({first, previous_term, false, random_salt()}, segment_bytes_);
    }
    for (const auto& entry : entries) {
        const auto size = record_size(entry);
        if (written_ + buffer_.size() + size > capacity_) {
            sync();
            begin_segment({next(last_), last_term_, false, random_salt()},
                          std::max(segment_bytes_, SegmentHeader::size + size));
        }
        last_ = next(last_);
        last_term_ = entry.term;
        const auto begin = written_ + buffer_.size();
        mark(segments_.back(), last_, begin, begin + size);
        append_record(buffer_, entry, last_, durable_, segments_.back().header.salt);
        if (buffer_.size() >= buffer_bytes) flush();
    }
}

void LogStore::flush() {
    file_.write_at(written_, buffer_);
    written_ += buffer_.size();
    buffer_.clear();
    if (buffer_.capacity() > 4 * buffer_bytes) buffer_.shrink_to_fit();  // after a large entry
}

void LogStore::sync() {
    if (!buffer_.empty()) flush();
    if (durable_ == written_) return;
    file_.sync();
    ++syncs_;
    durable_ = written_;
}

void LogStore::mark(Segment& segment, Index index, std::size_t begin, std::size_t end) {
    if (segment.marks.empty() || begin >= segment.marks.back().offset + mark_bytes) {
        segment.marks.push_back({index, begin});
    }
    segment.end = end;
}

std::vector<LogEntry> LogStore::read(Index first, std::size_t count, std::size_t bytes_max) {
    if (!buffer_.empty()) flush();
    std::vector<LogEntry> entries;
    std::size_t bytes = 0;
    const auto end = std::min(number(first) + count, number(last_) + 1);
    while (number(first) < end && (entries.empty() || bytes < bytes_max)) {
        // A later segment may replace what earlier ones end with.
        const auto has = [&](const Segment& s) { return s.header.first <= first; };
        const auto segment = std::find_if(segments_.rbegin(), segments_.rend(), has);
        if (segment == segments_.rend()) break;
        auto last = Index{end - 1};
        for (auto later = segments_.rbegin(); later != segment; ++later) {
            last = std::min(last, previous(later->header.first));
        }
        auto read = read_segment(*segment, first, last, bytes_max - std::min(bytes, bytes_max));
        if (read.empty()) refuse(path_of(segment->number), "this segment of the log is damaged");
        for (auto& entry : read) {
            bytes += entry.bytes->size();
            entries.push_back(std::move(entry));
            first = next(first);
        }
    }
    return entries;
}

std::vector<LogEntry> LogStore::read_segment(const Segment& segment,
                                             Index first,
                                             Index last,
                                             std::size_t bytes_max) const {
    const auto& marks = segment.marks;
    const auto behind = [](Index index, const Mark& mark) { return index < mark.index; };
    const auto above = std::upper_bound(marks.begin(), marks.end(), first, behind);
    if (above == marks.begin()) return {};
    const auto begin = std::prev(above)->offset;
    // Up to the mark behind the last entry, or as many marks as make `bytes_max`.
    auto stop = above;
    while (stop != marks.end() && stop->index <= last && stop->offset - begin < bytes_max) ++stop;
    const auto end = stop == marks.end() ? segment.end : stop->offset;
    const File file(path_of(segment.number), File::Mode::read);
    return read_records(file.read(begin, end - begin), segment.header.salt, first, last);
}

void LogStore::restart(Index first, Term previous_term) {
    sync();
    begin_segment({first, previous_term, true, random_salt()}, segment_bytes_);
    discard_through(previous(first));
}

// The header is on disk before the file has its name, so a segment with a name has a header.
void LogStore::begin_segment(SegmentHeader header, std::size_t bytes_needed) {
    const auto number = segments_.empty() ? 1 : segments_.back().number + 1;
    auto file = blank_segment(bytes_needed);
    header.bytes = static_cast<std::uint32_t>(file.size());
    file.write_at(0, encode(header));
    file.sync();
    rename_durably(file.path(), path_of(number));
    file.renamed(path_of(number));
    file_ = std::move(file);
    capacity_ = file_.size();
    written_ = durable_ = SegmentHeader::size;
    segments_.push_back({number, header, {}, SegmentHeader::size});
    ++segments_changed_;
    last_ = previous(header.first);
    last_term_ = header.previous_term;
}

File LogStore::blank_segment(std::size_t bytes_needed) {
    const auto spare = directory_ / spare_name;
    if (fs::exists(spare)) {
        File file(spare, File::Mode::update);
        if (file.size() >= bytes_needed) return file;
        fs::remove(spare);
    }
    const auto made = directory_ / "segment.new";
    fs::remove(made);
    return make_blank(made, bytes_needed);
}

void LogStore::discard_through(Index last) {
    // A later segment may replace what earlier ones end with: a segment is of use only up to the
    // lowest beginning behind it.
    const auto begin = [](const Segment& s) { return s.header.first; };
    while (segments_.size() > 1) {
        auto lowest = begin(segments_[1]);
        for (std::size_t i = 2; i < segments_.size(); ++i) {
            lowest = std::min(lowest, begin(segments_[i]));
        }
        if (segments_[1].header.fresh) lowest = Index{0};
        if (lowest > next(last)) return;
        auto given_up = path_of(segments_.front().number);
        given_up += given_up_suffix;
        // One by one and in order, so that a crash leaves no gap.
        rename_durably(path_of(segments_.front().number), given_up);
        segments_.pop_front();
        ++segments_changed_;
    }
}

void prepare_spare(const fs::path& directory, std::size_t segment_bytes) {
    const auto spare = directory / spare_name;
    const auto unfinished = directory / unfinished_spare_name;
    fs::remove(unfinished);
    std::vector<fs::path> given_up;
    for (const auto& file : fs::directory_iterator(directory)) {
        if (file.path().string().ends_with(given_up_suffix)) given_up.push_back(file.path());
    }
    for (const auto& file : given_up) {
        const bool is_of_use =
            !fs::exists(spare) && !fs::exists(unfinished) && fs::file_size(file) == segment_bytes;
        if (is_of_use) {
            fs::rename(file, unfinished);
        } else {
            fs::remove(file);
        }
    }
    if (fs::exists(spare)) return;
    // A recycled file keeps its blocks: writing to it later changes no metadata of the filesystem.
    make_blank(unfinished, segment_bytes);
    rename_durably(unfinished, spare);
}

}  // namespace coord
