#pragma once
// Entries for tests of the log: what they say is a function of their index.

#include "coord/raft/entry.hpp"

#include <algorithm>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace coord {

inline LogEntry numbered_entry(std::uint64_t index, Term term = Term{1}, std::size_t length = 50) {
    auto bytes =
        "entry " + std::to_string(index) + " of term " + std::to_string(number(term)) + " ";
    bytes.resize(std::max(bytes.size(), length), static_cast<char>('a' + index % 26));
    return {term, EntryType::command, std::make_shared<const std::string>(std::move(bytes))};
}

inline std::vector<LogEntry> numbered_entries(std::uint64_t first,
                                              std::uint64_t last,
                                              Term term = Term{1},
                                              std::size_t length = 50) {
    std::vector<LogEntry> entries;
    for (auto i = first; i <= last; ++i) entries.push_back(numbered_entry(i, term, length));
    return entries;
}

inline std::vector<std::string> bytes_of(const std::vector<LogEntry>& entries) {
    std::vector<std::string> bytes;
    for (const auto& entry : entries) bytes.push_back(*entry.bytes);
    return bytes;
}

}  // namespace coord
