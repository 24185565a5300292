#pragma once
// The entries that other members sent to this one because it leads, until the log has taken them.
//
// Fed by:  Server, with the letters of its peers and with who leads.
// Read by: the log, through the function that proposes.
// Thread:  coord. Pure.
// Holds:   entries of one member enter the log in the order in which they came, and only in the term
//          that they were meant for: what is older must not come behind what is newer.
// Fails:   what is not for this term, not the sender's own, or too much is dropped and counted. Its
//          sender will send it again.

#include "coord/raft/node.hpp"
#include "coord/server/letter.hpp"
#include "coord/server/server_counters.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace coord {

class ForwardedEntries {
public:
    using Entry = std::shared_ptr<const std::string>;
    // False: the log has no room for now, or this member does not lead yet.
    using Propose = std::function<bool(const Entry& entry)>;

    ForwardedEntries(std::size_t bytes_per_member_max, ServerCounters& counters, Propose propose);

    void standing_changed(const Standing& standing, MemberId self);
    void take(MemberId from, const ForwardedEntry& forwarded);
    // Proposes what may go.
    void pump();

private:
    struct Held {
        MemberId from{};
        Entry entry;
    };

    const std::size_t bytes_per_member_max_;
    ServerCounters& counters_;
    const Propose propose_;
    bool leads_ = false;  // perhaps without having been announced
    Term term_{};
    std::deque<Held> held_;
    std::map<MemberId, std::size_t> held_bytes_;
};

}  // namespace coord
