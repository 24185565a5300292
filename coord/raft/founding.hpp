#pragma once
// Which cluster a member belongs to, and how that began: what tells clusters apart for ever.
//
// Fed by:  Formation, which decides it once; the file `cluster` in the data directory.
// Read by: DataDirectory; PeerLinks, which tells it to the others.
// Thread:  coord.
// Holds:   write_founding() returns when it is on disk. It is written once and never changes.
// Fails:   read_founding() throws std::runtime_error if the file is damaged, write_founding()
//          std::system_error.

#include "coord/raft/configuration.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <vector>

namespace coord {

enum class ClusterId : std::uint64_t {};  // 0: none
constexpr std::uint64_t number(ClusterId id) { return static_cast<std::uint64_t>(id); }

struct Founding {
    ClusterId cluster{};
    // The configuration of entry 1. Empty: it was not written down.
    std::vector<Member> founders;

    [[nodiscard]] bool is_founder(MemberId id) const;
    bool operator==(const Founding&) const = default;
};

// The same on every server that founds with the same.
ClusterId cluster_of(const std::vector<Member>& founders);

void write_founding(const std::filesystem::path& file, const Founding& founding);
// Nothing: there is no such file.
std::optional<Founding> read_founding(const std::filesystem::path& file);

}  // namespace coord
