#pragma once
// The sockets that ZooKeeper's clients connect to, and how clients are told apart by address.
//
// Fed by:  Server, with the addresses of the configuration.
// Read by: Server.
// Thread:  any.
// Fails:   listen_on throws std::runtime_error with one line a person can act on.

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <string>

namespace coord {

// `where`: "127.0.0.1:2181", "[::1]:2181", "localhost:2181"; port 0 is any that is free.
boost::asio::ip::tcp::acceptor listen_on(boost::asio::io_context& io, const std::string& where);

// Who comes by IPv4 to a socket that listens to both is the same client, for ACLs and limits.
boost::asio::ip::tcp::endpoint unmapped(const boost::asio::ip::tcp::endpoint& endpoint);

// "127.0.0.1:2181", "[::1]:2181".
std::string format(const boost::asio::ip::tcp::endpoint& endpoint);

}  // namespace coord
