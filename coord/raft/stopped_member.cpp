#include "coord/raft/stopped_member.hpp"

#include "coord/raft/configuration.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <utility>

namespace coord {

namespace {

namespace fs = std::filesystem;

constexpr std::size_t segment_bytes = std::size_t{8} << 20U;

const fs::path& checked(const fs::path& data_dir) {
    if (fs::exists(data_dir / "raft" / "meta")) return data_dir;
    throw std::runtime_error(data_dir.string() +
                             ": there is no member of a cluster in this directory");
}

ClusterId drawn_cluster() {
    std::random_device random;
    return ClusterId{(std::uint64_t{random()} << 32U) | random() | 1U};
}

// `name`, or with the first number that is free.
fs::path free_name(const fs::path& name) {
    auto found = name;
    for (int i = 2; fs::exists(found); ++i) found = fmt::format("{}-{}", name.string(), i);
    return found;
}

LogEntry command(Term term, std::string bytes) {
    return {term, EntryType::command, std::make_shared<const std::string>(std::move(bytes))};
}

void copy_durably(const fs::path& from, const fs::path& to) {
    fs::copy_file(from, to);
    File(to, File::Mode::update).sync();
}

}  // namespace

StoppedMember::StoppedMember(const fs::path& data_dir)
    : path_(checked(data_dir) / "raft"), directory_(data_dir, "", segment_bytes, WhenEmpty::wait) {}

Term StoppedMember::last_term() {
    const auto& restored = directory_.restored();
    if (!restored.entries.empty()) return restored.entries.back().term;
    return restored.snapshot ? restored.snapshot->term : Term{0};
}

std::vector<Member> StoppedMember::members() {
    const auto& restored = directory_.restored();
    std::optional<std::vector<Member>> found;
    if (restored.snapshot) found = decode_configuration(restored.snapshot->configuration);
    for (const auto& entry : restored.entries) {
        // Entries that the snapshot contains came without their bytes.
        if (entry.type != EntryType::configuration || entry.bytes->empty()) continue;
        found = decode_configuration(entry.view());
    }
    return found.value_or(std::vector<Member>());
}

Member StoppedMember::self() {
    const auto all = members();
    const auto is_self = [this](const Member& member) { return member.id == id(); };
    const auto at = std::find_if(all.begin(), all.end(), is_self);
    return {id(), at == all.end() ? "local" : at->address, MemberRole::voter};
}

fs::path StoppedMember::make_alone(std::string first) {
    auto& log = directory_.log();
    if (!founding() || last() == Index{0}) {
        throw std::runtime_error(path_.string() + ": this server was never a member of a cluster, "
                                                  "so there is nothing to recover");
    }
    const auto kept = free_name(path_ / "before-recovery");
    make_directory(kept);
    copy_durably(path_ / "meta", kept / "meta");
    copy_durably(path_ / "cluster", kept / "cluster");
    const auto segment = log.last_segment();
    copy_durably(segment, kept / segment.filename());
    sync_directory(kept);

    const std::vector<Member> alone{self()};
    write_founding(path_ / "cluster", {drawn_cluster(), {}});
    // The term first: a log that is ahead of it is taken for one with an old copy of `meta`.
    const Term term{number(vote().term) + 1};
    directory_.metadata().save({term, MemberId{0}});
    auto bytes = std::make_shared<const std::string>(encode_configuration(alone));
    const std::vector<LogEntry> entries{{term, EntryType::configuration, std::move(bytes)},
                                        command(term, std::move(first))};
    log.append(next(last()), last_term(), entries);
    log.sync();
    return kept;
}

void restore_member(SnapshotFileReader& snapshot,
                    const fs::path& data_dir,
                    const std::string& address,
                    std::string first) {
    const auto made = data_dir / "raft.restoring";
    fs::remove_all(made);
    make_directory(made / "snapshots");
    MetadataStore metadata(made / "meta");
    const std::vector<Member> alone{{metadata.id(), address, MemberRole::voter}};
    auto restored = snapshot.metadata();
    restored.configuration = encode_configuration(alone);
    SnapshotFileWriter writer(made / "snapshots", restored);
    for (std::string chunk; snapshot.next(chunk);) writer.write(chunk);
    writer.finish();
    LogStore log(made / "log", segment_bytes);
    log.open(next(restored.index));
    log.restart(next(restored.index), restored.term);
    const std::vector<LogEntry> entries{command(restored.term, std::move(first))};
    log.append(next(restored.index), restored.term, entries);
    log.sync();
    write_founding(made / "cluster", {drawn_cluster(), {}});
    metadata.save({restored.term, MemberId{0}});
    rename_durably(made, data_dir / "raft");
}

std::optional<fs::path> set_aside(const fs::path& data_dir) {
    const auto present = data_dir / "raft";
    if (!fs::exists(present)) return {};
    const DirectoryLock lock(data_dir, present / "lock");
    const auto aside = free_name(data_dir / "raft.replaced");
    rename_durably(present, aside);
    return aside;
}

}  // namespace coord
