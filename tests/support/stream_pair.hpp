#pragma once
// Two ends of one TCP connection over loopback.
//
// Fed by:  tests of what stands on a stream.
// Thread:  the one that runs `io`.

#include "coord/raft/peer_stream.hpp"

#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <memory>
#include <utility>

namespace coord {

struct StreamPair {
    using tcp = boost::asio::ip::tcp;

    explicit StreamPair(boost::asio::io_context& io) {
        constexpr std::chrono::seconds user_timeout{3};
        tcp::acceptor acceptor(io, {boost::asio::ip::make_address("127.0.0.1"), 0});
        tcp::socket socket(io);
        socket.connect(acceptor.local_endpoint());
        dialled = std::make_shared<PeerStream>(std::move(socket), user_timeout);
        accepted = std::make_shared<PeerStream>(acceptor.accept(), user_timeout);
    }

    std::shared_ptr<PeerStream> dialled;
    std::shared_ptr<PeerStream> accepted;
};

}  // namespace coord
