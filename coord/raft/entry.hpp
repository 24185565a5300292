#pragma once
// A log entry, and the numbers that say where it stands.
//
// Fed by:  Driver, for what is proposed and received; LogStore, for what is read back.
// Read by: everything in this room, and the Server (Index, Term).
// Thread:  any; the bytes are shared and never change.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

namespace coord {

enum class Index : std::uint64_t {};
enum class Term : std::uint64_t {};
enum class MemberId : std::uint64_t {};  // 0: nobody

constexpr std::uint64_t number(Index index) { return static_cast<std::uint64_t>(index); }
constexpr std::uint64_t number(Term term) { return static_cast<std::uint64_t>(term); }
constexpr std::uint64_t number(MemberId id) { return static_cast<std::uint64_t>(id); }
constexpr Index next(Index index) { return Index{number(index) + 1}; }
constexpr Index previous(Index index) { return Index{number(index) - 1}; }

// The numbers are those on disk and on the wire.
enum class EntryType : std::uint8_t { command = 1, barrier = 2, configuration = 3 };

struct LogEntry {
    Term term{};
    EntryType type = EntryType::command;
    std::shared_ptr<const std::string> bytes;  // never null

    [[nodiscard]] std::string_view view() const { return *bytes; }
};

// What a snapshot is of; its content is elsewhere.
struct SnapshotMetadata {
    Index index{};  // the last entry that it contains
    Term term{};
    Index configuration_index{};
    std::string configuration;  // encoded, see configuration.hpp
};

}  // namespace coord
