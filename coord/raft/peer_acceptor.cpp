#include "coord/raft/peer_acceptor.hpp"

#include "coord/base/log.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/peer_address.hpp"

#include <chrono>
#include <stdexcept>
#include <utility>

namespace coord {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::chrono::milliseconds retry{100};

spdlog::logger& log() { return logger("coord.peers"); }

[[noreturn]] void cannot_listen(const std::string& where, const std::string& why) {
    throw std::runtime_error("cannot listen for peers on " + where + ": " + why);
}

tcp::acceptor listen_on(asio::io_context& io, const std::string& where) {
    const auto place = parse_peer_address(where);
    if (!place) cannot_listen(where, "expected host:port");
    Error error;
    const auto found = tcp::resolver(io).resolve(place->host, place->port, error);
    if (error || found.empty()) cannot_listen(where, "unknown host");
    const auto endpoint = found.begin()->endpoint();
    tcp::acceptor acceptor(io);
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error == asio::error::address_in_use) {
        cannot_listen(where, "address already in use (is another roster running?)");
    }
    if (error) cannot_listen(where, error.message());
    return acceptor;
}

}  // namespace

PeerAcceptor::PeerAcceptor(asio::io_context& io, const std::string& where)
    : io_(io),
      acceptor_(listen_on(io, where)),
      pause_(io),
      port_(acceptor_.local_endpoint().port()) {}

void PeerAcceptor::start(std::function<void(Socket)> welcome) {
    welcome_ = std::move(welcome);
    spawn(io_, "peer acceptor", [self = shared_from_this()] { return self->accept(); });
}

void PeerAcceptor::stop() {
    stopped_ = true;
    welcome_ = nullptr;
    Error ignored;
    acceptor_.close(ignored);
    pause_.cancel();
}

Task<void> PeerAcceptor::accept() {
    while (!stopped_) {
        auto [error, socket] = co_await acceptor_.async_accept(use_tuple);
        if (stopped_) break;
        if (!error) {
            const auto welcome = welcome_;  // which may stop this
            welcome(std::move(socket));
            continue;
        }
        // Out of file descriptors, mostly: to try again at once would spin.
        log().warn("accept failed error={}", error.message());
        pause_.expires_after(retry);
        co_await pause_.async_wait(use_tuple);
    }
}

}  // namespace coord
