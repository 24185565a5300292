#include "coord/raft/data_directory.hpp"

#include "coord/base/log.hpp"

#include <fmt/format.h>

#include <cassert>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

namespace coord {

namespace {

namespace fs = std::filesystem;

[[noreturn]] void refuse(const fs::path& file, std::string_view what) {
    throw std::runtime_error(fmt::format(
        "{}: {}. Nothing was changed. Restore the data directory from a backup, or move it away "
        "and let this member join anew with an empty one",
        file.string(),
        what));
}

DirectoryLock locked(const fs::path& data_dir) {
    make_directory(data_dir / "raft");
    return {data_dir, data_dir / "raft" / "lock"};
}

Founding unwritten_founding() {
    std::random_device random;
    return {ClusterId{(std::uint64_t{random()} << 32U) | random() | 1U}, {}};
}

// A new id and an old log or snapshot do not belong together.
const fs::path&
checked_metadata(const fs::path& metadata, const fs::path& log, const fs::path& snapshots) {
    const auto has_files = [](const fs::path& at) { return fs::exists(at) && !fs::is_empty(at); };
    const bool has_past = has_files(log) || has_files(snapshots);
    if (has_past && !fs::exists(metadata)) refuse(metadata, "term and vote are missing");
    return metadata;
}

}  // namespace

DataDirectory::DataDirectory(const fs::path& data_dir,
                             const std::string& address,
                             std::size_t segment_bytes,
                             WhenEmpty when_empty)
    : log_path_(data_dir / "raft" / "log"),
      snapshots_path_(data_dir / "raft" / "snapshots"),
      metadata_path_(data_dir / "raft" / "meta"),
      cluster_path_(data_dir / "raft" / "cluster"),
      lock_(locked(data_dir)),
      metadata_(checked_metadata(metadata_path_, log_path_, snapshots_path_)),
      founding_(read_founding(cluster_path_)),
      snapshot_(open_newest_snapshot(snapshots_path_)),
      log_(log_path_, segment_bytes) {
    auto contents = log_.open(next(contained()));
    check(contents);
    if (snapshot_) {
        restored_.snapshot = snapshot_->metadata();
        if (log_ends_before_snapshot(contents)) {
            // A snapshot from the leader was to take the log's place, and a crash came in between.
            log_.restart(next(contained()), snapshot_->metadata().term);
            contents = {next(contained()), snapshot_->metadata().term, {}, false};
        }
    }
    restored_.vote = metadata_.vote();
    restored_.first = contents.first;
    restored_.entries = std::move(contents.entries);
    begin(address, when_empty, !contents.is_new);
}

// Also goes on with a beginning that was cut short.
void DataDirectory::begin(const std::string& address, WhenEmpty when_empty, bool has_log) {
    const bool is_first_start = restored_.vote.term == Term{0} && !snapshot_;
    if (!is_first_start) {
        // It has a past, and is from before clusters had an id: it has been alone.
        if (!founding_) write_founding(cluster_path_, founding_.emplace(unwritten_founding()));
        return;
    }
    // An empty log that is there is told from one that was lost.
    if (when_empty == WhenEmpty::wait && !has_log) log_.restart(Index{1}, Term{0});
    if (founding_) {
        begin_log();
    } else if (when_empty == WhenEmpty::bootstrap) {
        const std::vector<Member> self{{metadata_.id(), address, MemberRole::voter}};
        found({cluster_of(self), self});
    }
}

void DataDirectory::found(const Founding& founding) {
    assert(!founding_);
    write_founding(cluster_path_, founding);
    founding_ = founding;
    logger("coord.raft")
        .info("member of a cluster id={:016x} cluster={:016x} founders={}",
              number(metadata_.id()),
              number(founding.cluster),
              founding.founders.size());
    begin_log();
}

// The configuration comes first; the term that Driver::start gives says that it is complete.
void DataDirectory::begin_log() {
    if (!founding_->is_founder(metadata_.id())) return;
    if (restored_.entries.empty()) {
        auto bytes = std::make_shared<const std::string>(encode_configuration(founding_->founders));
        restored_.entries.push_back({Term{1}, EntryType::configuration, std::move(bytes)});
        log_.append(Index{1}, Term{0}, restored_.entries);
        log_.sync();
    }
    restored_.vote.term = Term{1};
}

// Its last entries may also be others than those that the snapshot contains.
bool DataDirectory::log_ends_before_snapshot(const LogContents& contents) const {
    if (log_.last() < contained()) return true;
    if (contents.first > contained()) return false;
    const auto at = number(contained()) - number(contents.first);
    return contents.entries.at(at).term != snapshot_->metadata().term;
}

void DataDirectory::check(const LogContents& contents) const {
    const auto& entries = contents.entries;
    if (metadata_.vote().term == Term{0} && !snapshot_)
        return;  // a first start, perhaps one that was cut short
    if (contents.is_new) refuse(log_path_, "the log is missing");
    if (contents.first > next(contained())) {
        refuse(log_path_,
               fmt::format("the log begins with entry {}, but the newest snapshot ends with {}",
                           number(contents.first),
                           number(contained())));
    }
    if (!snapshot_ && entries.empty() && !contents.is_unused)
        refuse(log_path_, "the log has lost its entries");
    if (!entries.empty() && entries.back().term > metadata_.vote().term) {
        refuse(metadata_path_, "the term is older than the log, so this file is an old copy");
    }
}

Index DataDirectory::contained() const {
    return snapshot_ ? snapshot_->metadata().index : Index{0};
}

std::uint64_t DataDirectory::bytes_since_snapshot() const {
    const auto index = restored_.snapshot ? restored_.snapshot->index : Index{0};
    std::uint64_t bytes = 0;
    for (auto i = number(index) + 1 - number(restored_.first); i < restored_.entries.size(); ++i) {
        bytes += record_size(restored_.entries[i]);
    }
    return bytes;
}

}  // namespace coord
