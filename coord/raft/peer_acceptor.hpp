#pragma once
// The port at which a member listens to its peers.
//
// Fed by:  the network.
// Read by: PeerLinks, which welcomes who comes.
// Thread:  coord. Its coroutine holds it by shared_ptr, which is why it is one.
// Fails:   the constructor throws std::runtime_error with one line a person can act on. What cannot
//          be accepted is logged, and tried again a little later.

#include "coord/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace coord {

class PeerAcceptor : public std::enable_shared_from_this<PeerAcceptor> {
public:
    using Socket = boost::asio::ip::tcp::socket;

    // "10.0.0.1:2888"; port 0 takes a free one.
    PeerAcceptor(boost::asio::io_context& io, const std::string& where);

    void start(std::function<void(Socket)> welcome);
    void stop();  // nobody is welcomed after it
    [[nodiscard]] std::uint16_t port() const { return port_; }

private:
    Task<void> accept();

    boost::asio::io_context& io_;
    boost::asio::ip::tcp::acceptor acceptor_;
    boost::asio::steady_timer pause_;
    std::uint16_t port_ = 0;
    std::function<void(Socket)> welcome_;
    bool stopped_ = false;
};

}  // namespace coord
