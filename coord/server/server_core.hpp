#pragma once
// A server of the ensemble without its sockets, files and timers: clients' frames, committed entries
// and the letters of other servers go in; entries, letters and replies come out.
//
// Fed by:  Server or a simulator: frames through processor(), the rest through application(); the time.
// Read by: Server, which sends what the conversations named by end_turn() hold.
// Thread:  coord. The member of the Raft cluster below it is given as functions.
// Holds:   an entry goes into the own log if this member leads, else in a letter to whom leads.

#include "coord/raft/replica.hpp"
#include "coord/server/forwarded_entries.hpp"
#include "coord/server/request_processor.hpp"
#include "coord/server/room_notice.hpp"

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class ServerCore {
public:
    using Time = RequestProcessor::Time;
    using Entry = WriteQueue::Entry;

    // Asked only while the member runs.
    struct Surroundings {
        std::function<MemberId()> self;
        std::function<Standing()> standing;
        std::function<std::vector<MemberStatus>()> members;
        std::function<bool()> has_room;  // see Node::has_room
        std::function<bool(const Entry& entry)> propose;
        std::function<bool(MemberId to, std::string letter)> send_letter;
        std::function<void()> wake;  // asks for end_turn() to be called soon, once
        std::function<Time()> now;
    };

    ServerCore(const ServerOptions& options, ServerCounters& counters, Surroundings surroundings);

    // What the member calls.
    [[nodiscard]] Application application();
    // To be called twice a tick or more often.
    void tick();
    // See RequestProcessor::end_turn.
    std::vector<std::shared_ptr<Conversation>> end_turn();

    [[nodiscard]] RequestProcessor& processor() { return processor_; }
    [[nodiscard]] const RequestProcessor& processor() const { return processor_; }

private:
    bool send(const Entry& entry);
    void read(MemberId from, std::string_view letter);
    [[nodiscard]] std::string membership() const;

    const ServerOptions& options_;
    ServerCounters& counters_;
    const Surroundings surroundings_;
    RequestProcessor processor_;
    ForwardedEntries forwarded_;
    RoomNotice room_notice_;
};

}  // namespace coord
