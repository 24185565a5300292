#pragma once
// The writes on their way into the log, packed into entries, and who awaits each of them.
//
// Fed by:  RequestProcessor: push() and barrier() while frames are read, pump() once a turn.
// Read by: RequestProcessor, which takes back the tickets of an entry that was applied.
// Thread:  coord. Pure: proposing is a function given to it.
// Holds:   commands enter the log in the order of push(). An idle queue proposes at once, in one
//          entry; while an entry is under way, only full entries follow it, four at most.
// Fails:   a proposal that is refused because this member does not lead, or whose entry the log
//          lost to another leader, ends in abandon(): the fate of those writes is unknown.

#include "coord/base/result.hpp"
#include "coord/raft/node.hpp"
#include "coord/server/conversation.hpp"
#include "coord/tree/state_machine.hpp"

#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coord {

// One command's, or one barrier's, claim to be told. A null conversation: no client asked.
struct Ticket {
    std::shared_ptr<Conversation> from;
    bool is_barrier = false;  // a sync: it stands between commands and is none
};

class WriteQueue {
public:
    static constexpr std::size_t entry_commands_max = 128;
    static constexpr std::size_t entry_bytes_max = std::size_t{64} << 10U;
    static constexpr std::size_t entries_in_flight_max = 4;

    // Returns the index and term under which apply() will see the entry.
    struct Position {
        Index index{};
        Term term{};
        bool operator==(const Position&) const = default;
    };
    using Propose = std::function<Result<Position>(std::string entry)>;

    explicit WriteQueue(Propose propose);

    void push(const Command& command, std::shared_ptr<Conversation> from);
    // False if nothing is under way, so there is nothing to wait for.
    bool barrier(std::shared_ptr<Conversation> from);
    // An entry with nothing but a barrier in it, from nobody: a new leader's first, which commits
    // what came before it.
    void push_empty_entry();

    // Proposes what may go. False if this member turned out not to lead.
    bool pump();
    // The tickets of the entry applied at `position`, if it is ours; barriers in their places.
    std::vector<Ticket> take(Position position);
    // Everyone who still waits, whose writes may or may not come about.
    std::vector<Ticket> abandon();

    [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }
    [[nodiscard]] std::size_t entries_in_flight() const { return in_flight_.size(); }

private:
    struct Batch {
        std::string bytes;
        std::vector<Ticket> tickets;
        std::size_t commands = 0;
    };
    struct InFlight {
        Position position;
        std::vector<Ticket> tickets;
    };

    [[nodiscard]] static bool is_full(const Batch& batch);

    const Propose propose_;
    std::deque<Batch> queued_;  // the last one is being filled
    std::deque<InFlight> in_flight_;
    std::size_t queued_bytes_ = 0;
};

}  // namespace coord
