#include "coord/server/client_port.hpp"

#include "coord/base/result.hpp"

#include <charconv>
#include <cstdint>
#include <stdexcept>

namespace coord {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

[[noreturn]] void cannot_listen(const std::string& where, const std::string& why) {
    throw std::runtime_error("cannot listen on " + where + ": " + why);
}

tcp::endpoint parse_endpoint(asio::io_context& io, const std::string& text) {
    const auto colon = text.rfind(':');
    if (colon == std::string::npos) cannot_listen(text, "expected host:port");
    auto host = text.substr(0, colon);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
        host = host.substr(1, host.size() - 2);
    }
    std::uint16_t port = 0;
    const auto* const end = text.data() + text.size();
    const auto parsed = std::from_chars(text.data() + colon + 1, end, port);
    if (parsed.ec != std::errc{} || parsed.ptr != end) cannot_listen(text, "bad port");

    Error error;
    const auto found = tcp::resolver(io).resolve(host, std::to_string(port), error);
    if (error || found.empty()) cannot_listen(text, "unknown host");
    return found.begin()->endpoint();
}

}  // namespace

tcp::acceptor listen_on(asio::io_context& io, const std::string& where) {
    const auto endpoint = parse_endpoint(io, where);
    tcp::acceptor acceptor(io);
    Error error;
    acceptor.open(endpoint.protocol(), error);
    if (!error) acceptor.set_option(tcp::acceptor::reuse_address(true), error);
    if (!error) acceptor.bind(endpoint, error);
    if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
    if (error == asio::error::address_in_use) {
        cannot_listen(where, "address already in use (is another roster or ZooKeeper running?)");
    }
    if (error) cannot_listen(where, error.message());
    return acceptor;
}

tcp::endpoint unmapped(const tcp::endpoint& endpoint) {
    const auto& address = endpoint.address();
    if (!address.is_v6() || !address.to_v6().is_v4_mapped()) return endpoint;
    return {asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()), endpoint.port()};
}

std::string format(const tcp::endpoint& endpoint) {
    const auto address = endpoint.address().to_string();
    const auto port = std::to_string(endpoint.port());
    return endpoint.address().is_v6() ? "[" + address + "]:" + port : address + ":" + port;
}

}  // namespace coord
