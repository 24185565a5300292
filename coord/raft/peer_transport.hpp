#pragma once
// What a member asks of the wire to its peers. The network fulfils it, and so does a simulated one.
//
// Fed by:  Node: messages, letters, and who the members are.
// Read by: Node, through the listener.
// Thread:  coord: every call, and every call back, which never comes from within a call.
// Holds:   what arrives over one link is in the order in which it was sent, without a gap: a link
//          that loses something breaks. A link that a peer opens anew replaces its old one, whose
//          unread bytes are dropped. Nothing is promised to arrive.
// Fails:   by dropping, which it counts; a peer that breaks the protocol loses its link.

#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/configuration.hpp"
#include "coord/raft/message.hpp"

#include <filesystem>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class PeerTransport {
public:
    struct Listener {
        // Raft's, whose sender the link has proven; is_well_formed() has passed it.
        std::function<void(const Message&)> message;
        // The application's own, opaque to this room: at most letter_bytes_max.
        std::function<void(MemberId from, std::string_view letter)> letter;
        std::function<void(MemberId)> connected;
        std::function<void(MemberId)> disconnected;  // it is to be suspected at once
    };
    static constexpr std::size_t letter_bytes_max = std::size_t{4} << 20U;

    PeerTransport() = default;
    PeerTransport(const PeerTransport&) = delete;
    PeerTransport& operator=(const PeerTransport&) = delete;
    virtual ~PeerTransport() = default;

    virtual void start(Listener listener) = 0;
    virtual void stop() = 0;  // nothing is called after it

    // Whom to keep links with, this member itself included; from the newest configuration.
    virtual void set_members(const std::vector<Member>& members) = 0;

    virtual void send(const Message& message) = 0;  // to message.peer
    // False: there is no link to it, or its queue is full.
    virtual bool send_letter(MemberId to, std::string letter) = 0;
    [[nodiscard]] virtual bool is_connected(MemberId peer) const = 0;

    // Fetches the file of the peer's snapshot at snapshot.index to `into`, checked and on disk when
    // `done` says so; goes on where a broken link left off. One at a time; a new call gives up the
    // one before, whose `done` is then not called.
    virtual void fetch_snapshot(MemberId from,
                                const SnapshotMetadata& snapshot,
                                std::filesystem::path into,
                                std::function<void(Result<void>)> done) = 0;

    [[nodiscard]] virtual std::vector<Metric> metrics() const = 0;  // of any thread
};

}  // namespace coord
