#pragma once
// Which member made a log entry, and which of its entries have been applied: each once, in their order,
// however often a member sends one that it does not know the fate of.
//
// Fed by:  StateMachine::begin, one committed entry at a time; SnapshotReader.
// Read by: SnapshotWriter.
// Thread:  coord. Part of the replicated state: what is accepted depends on nothing but the log.
// Holds:   of each member's latest life, the entries accepted are 1, 2, 3, … without a gap. Of the
//          members heard of least recently only so many are remembered.

#include "coord/proto/jute.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct Origin {
    std::uint64_t member = 0;
    std::uint64_t incarnation = 0;  // drawn anew for each life of the member
    std::uint64_t sequence = 0;     // of its entries in this life: from 1

    bool operator==(const Origin&) const = default;
};

// What every entry of the log begins with: a byte for the format, and its origin.
inline constexpr std::size_t origin_bytes = 25;
void write_origin(std::string& entry, const Origin& origin);  // over the first bytes of it
// Takes it off the front; nullopt if the entry is of a format that this version does not know.
std::optional<Origin> take_origin(std::string_view& entry);

class OriginTable {
public:
    static constexpr std::size_t members_max = 64;

    // False: it was accepted before, an earlier one is missing, or it is of a life before.
    bool accept(const Origin& origin);

    // The last accepted of each member, the one heard of least recently first.
    [[nodiscard]] std::vector<Origin> all() const;
    // For a table that is empty, in the order of all().
    void restore(const Origin& origin);

private:
    struct Last {
        std::uint64_t incarnation = 0;
        std::uint64_t sequence = 0;
        std::uint64_t age = 0;  // grows with each acceptance
    };

    std::map<std::uint64_t, Last> members_;
    std::uint64_t age_ = 0;
};

}  // namespace coord
