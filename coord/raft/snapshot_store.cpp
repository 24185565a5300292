#include "coord/raft/snapshot_store.hpp"

#include "coord/raft/crc32c.hpp"
#include "coord/raft/little_endian.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <limits>
#include <stdexcept>
#include <utility>
#include <vector>

namespace coord {

namespace {

namespace fs = std::filesystem;

// A file is a header (magic, index, term, index of the configuration, its length, it, checksum),
// then chunks (length, checksum of all content up to its end, content), then a chunk of length 0.
constexpr std::string_view magic = "RSTRSNP1";
constexpr std::size_t fixed_header_bytes = 40;
constexpr std::size_t chunk_header_bytes = 8;
constexpr std::size_t kept = 2;
// The disk is the log's as well: what it has to write must not pile up in front of a sync.
constexpr std::uint64_t written_back_bytes = std::uint64_t{512} << 10U;
constexpr auto unfinished_name = "unfinished";
constexpr auto suffix = ".snapshot";

// Oldest first: the names are numbers of equal width.
std::vector<fs::path> snapshots_in(const fs::path& directory) {
    std::vector<fs::path> found;
    for (const auto& file : fs::directory_iterator(directory)) {
        if (file.path().extension() == suffix) found.push_back(file.path());
    }
    std::sort(found.begin(), found.end());
    return found;
}

std::string encode(const SnapshotMetadata& metadata) {
    std::string out(magic);
    put_number(out, number(metadata.index));
    put_number(out, number(metadata.term));
    put_number(out, number(metadata.configuration_index));
    put_number(out, std::uint64_t{metadata.configuration.size()});
    out += metadata.configuration;
    put_number(out, crc32c(out));
    return out;
}

}  // namespace

SnapshotFileWriter::SnapshotFileWriter(fs::path directory, const SnapshotMetadata& metadata)
    : directory_(std::move(directory)), index_(metadata.index) {
    fs::remove(directory_ / unfinished_name);
    file_ = File(directory_ / unfinished_name, File::Mode::create);
    put(encode(metadata));
}

SnapshotFileWriter::~SnapshotFileWriter() {
    if (finished_) return;
    std::error_code ignored;
    fs::remove(directory_ / unfinished_name, ignored);
}

void SnapshotFileWriter::write(std::string_view chunk) {
    assert(chunk.size() < std::numeric_limits<std::uint32_t>::max());
    if (chunk.empty()) return;
    crc_ = crc32c(chunk, crc_);
    std::string header;
    put_number(header, static_cast<std::uint32_t>(chunk.size()));
    put_number(header, crc_);
    put(header);
    put(chunk);
}

void SnapshotFileWriter::finish() {
    std::string end;
    put_number(end, std::uint32_t{0});
    put_number(end, crc_);
    put(end);
    file_.sync();
    adopt_snapshot(file_.path(), directory_, index_);
    finished_ = true;
}

void SnapshotFileWriter::put(std::string_view bytes) {
    file_.write_at(offset_, bytes);
    offset_ += bytes.size();
    if (offset_ - written_back_ < written_back_bytes) return;
    file_.write_back(written_back_, offset_);
    written_back_ = offset_;
}

SnapshotFileReader::SnapshotFileReader(fs::path path) : file_(std::move(path), File::Mode::read) {
    size_ = file_.size();
    auto header = take(fixed_header_bytes);
    const auto length = get_number<std::uint64_t>(header, 32);
    if (length > size_ - offset_) refuse();
    header += take(length);
    if (get_number<std::uint32_t>(take(4), 0) != crc32c(header)) refuse();
    check_format(header);
    metadata_ = {Index{get_number<std::uint64_t>(header, 8)},
                 Term{get_number<std::uint64_t>(header, 16)},
                 Index{get_number<std::uint64_t>(header, 24)},
                 header.substr(fixed_header_bytes)};
}

bool SnapshotFileReader::next(std::string& chunk) {
    const auto header = take(chunk_header_bytes);
    chunk = take(get_number<std::uint32_t>(header, 0));
    crc_ = crc32c(chunk, crc_);
    if (get_number<std::uint32_t>(header, 4) != crc_) refuse();
    if (chunk.empty() && offset_ != size_) refuse();
    return !chunk.empty();
}

std::string SnapshotFileReader::take(std::size_t count) {
    if (count > size_ - offset_) refuse();
    auto bytes = file_.read(offset_, count);
    if (bytes.size() != count) refuse();
    offset_ += count;
    return bytes;
}

// Asked of a header whose checksum is right: a newer version keeps its fields where they are.
void SnapshotFileReader::check_format(std::string_view header) const {
    if (header.starts_with(magic)) return;
    throw std::runtime_error(fmt::format("{}: this snapshot is of a format that this version does "
                                         "not know. Nothing was changed. Run "
                                         "the version that wrote it",
                                         file_.path().string()));
}

void SnapshotFileReader::refuse() const {
    throw std::runtime_error(fmt::format(
        "{}: this snapshot is damaged. Nothing was changed. Restore the data directory from a "
        "backup, or move it away and let this member join anew with an empty one",
        file_.path().string()));
}

fs::path snapshot_path(const fs::path& directory, Index index) {
    return directory / fmt::format("{:020}{}", number(index), suffix);
}

void adopt_snapshot(const fs::path& file, const fs::path& directory, Index index) {
    rename_durably(file, snapshot_path(directory, index));
    const auto all = snapshots_in(directory);
    for (std::size_t i = 0; i + kept < all.size(); ++i) fs::remove(all[i]);
}

std::optional<SnapshotFileReader> open_newest_snapshot(const fs::path& directory) {
    make_directory(directory);
    fs::remove(directory / unfinished_name);
    const auto all = snapshots_in(directory);
    if (all.empty()) return {};
    return SnapshotFileReader(all.back());
}

}  // namespace coord
