#pragma once
// What the servers of an ensemble write to each other, beside Raft's messages.
//
// Fed by:  Server, to its leader.
// Read by: Server of the leader.
// Thread:  any; bytes in, values out.
// Fails:   decode_letter returns nothing for bytes that are no letter.

#include "coord/proto/records.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace coord {

// An entry for the log, to whom leads in this term; in another it does not count.
struct ForwardedEntry {
    std::uint64_t term = 0;
    std::string_view entry;
};

// Sessions that were heard of since the last such letter.
struct Touches {
    std::uint64_t term = 0;
    std::vector<SessionId> sessions;
};

using Letter = std::variant<ForwardedEntry, Touches>;

std::string encode_letter(const Letter& letter);
// A forwarded entry looks into `bytes`.
std::optional<Letter> decode_letter(std::string_view bytes);

}  // namespace coord
