#pragma once
// One TCP connection to a name or an address, each of its addresses tried in turn.
//
// Fed by:  http_client, checks/tcp_check.
// Thread:  the one that runs `socket`.
// Holds:   `localhost` is loopback by definition (RFC 6761 §6.3): no resolver is asked.
// Fails:   a sentence: "connection refused", "cannot resolve web.local: …".

#include "agent/endpoint.hpp"
#include "coord/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/system/error_code.hpp>

#include <string>

namespace agent {

// Lower case, without the full stop and the category: "connection refused".
std::string sentence(const boost::system::error_code& error);

// Empty: connected. Closing the socket ends an attempt under way.
coord::Task<std::string> connect(boost::asio::ip::tcp::socket& socket, HostPort to);

}  // namespace agent
