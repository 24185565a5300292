#pragma once
// The writes on their way into the log, packed into entries, and who awaits each of them.
//
// Fed by:  RequestProcessor: push() and barrier() while frames are read, pump() once a turn.
// Read by: RequestProcessor, which takes back the tickets of an entry that was applied.
// Thread:  coord. Pure: sending to the leader is a function given to it.
// Holds:   commands enter the log in the order of push(). An idle queue sends at once, in one entry;
//          while an entry is under way, only full entries follow it, four at most. An entry that was
//          sent is sent again, as often as it takes: its origin sees to it that it is applied once.
// Fails:   when there is nobody to send to for too long, abandon() gives up: the fate of the writes
//          under way is unknown, and what comes later is of a new incarnation.

#include "coord/server/conversation.hpp"
#include "coord/tree/state_machine.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
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

    using Entry = std::shared_ptr<const std::string>;
    // Towards the leader. False: there is none, or it has no room for now.
    using Send = std::function<bool(const Entry& entry)>;

    explicit WriteQueue(Send send);

    // Who makes the entries; to be told before the first is sent.
    void set_origin(std::uint64_t member, std::uint64_t incarnation);

    void push(const Command& command, std::shared_ptr<Conversation> from);
    // Waits for what is under way. False if that is nothing, so there is nothing to wait for.
    bool barrier_behind(std::shared_ptr<Conversation> from);
    // Waits for an entry that is not sent yet, so that it comes behind all that any member had
    // committed by now.
    void barrier_through(std::shared_ptr<Conversation> from);

    // Sends what may go.
    void pump();
    // The leader is another one, or may have missed something: all under way is to be sent again.
    void send_again();
    [[nodiscard]] bool is_own(const Origin& origin) const;
    // The tickets of our entry that was just applied; barriers in their places.
    std::vector<Ticket> take(const Origin& origin);
    // Everyone who still waits, whose writes may or may not come about.
    std::vector<Ticket> abandon(std::uint64_t next_incarnation);

    [[nodiscard]] std::size_t queued_bytes() const { return queued_bytes_; }
    [[nodiscard]] std::size_t entries_in_flight() const { return in_flight_.size(); }

private:
    struct Batch {
        std::string bytes;
        std::vector<Ticket> tickets;
        std::size_t commands = 0;
    };
    struct InFlight {
        std::uint64_t sequence;
        Entry entry;
        std::vector<Ticket> tickets;
        bool is_sent;
    };

    [[nodiscard]] static bool is_full(const Batch& batch);
    Batch& last_batch();

    const Send send_;
    Origin origin_;             // of the entry sent last
    std::deque<Batch> queued_;  // the last one is being filled
    std::deque<InFlight> in_flight_;
    std::size_t queued_bytes_ = 0;
};

}  // namespace coord
