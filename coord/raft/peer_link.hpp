#pragma once
// The link to one peer, once both sides have said who they are: frames in, frames out.
//
// Fed by:  PeerLinks::send, send_letter; the network.
// Read by: PeerLinks, through the host's functions.
// Thread:  coord. Its coroutines hold it by shared_ptr, which is why it is one.
// Holds:   what is sent in one turn of the event loop goes out in one write.
// Fails:   closes when its queue is full, when the peer breaks the protocol, and when the network
//          does; `ended` is told, from the event loop.

#include "coord/raft/peer_counters.hpp"
#include "coord/raft/peer_stream.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace coord {

class PeerLink : public std::enable_shared_from_this<PeerLink> {
public:
    using Clock = std::chrono::steady_clock;
    struct Host {
        boost::asio::io_context& io;
        PeerCounters& counters;
        std::size_t queue_bytes_max;
        std::function<void(const Message&)> message;
        std::function<void(MemberId, std::string_view)> letter;
        std::function<void(PeerLink&, std::string_view why)> ended;
        std::shared_ptr<void> owner;  // of what the functions use
    };

    PeerLink(std::shared_ptr<Host> host, std::shared_ptr<PeerStream> stream, MemberId peer);

    void start();
    void send(const Message& message);
    bool send_letter(std::string_view letter);
    void close();

    [[nodiscard]] MemberId peer() const { return peer_; }
    [[nodiscard]] bool is_open() const { return open_; }
    [[nodiscard]] Clock::time_point since() const { return since_; }

private:
    Task<void> read();
    Task<void> write();
    void need_write();
    // Empty, or what the peer did wrong.
    [[nodiscard]] std::string_view take(const Frame& frame);
    [[nodiscard]] std::size_t queued() const { return queue_.size() + writing_.size(); }

    const std::shared_ptr<Host> host_;
    const std::shared_ptr<PeerStream> stream_;
    const MemberId peer_;
    const Clock::time_point since_ = Clock::now();
    std::string queue_;    // frames for the next write
    std::string writing_;  // those of the write under way
    bool write_due_ = false;
    bool open_ = true;
};

}  // namespace coord
