#pragma once
// A loopback proxy between a client and its server that can be cut, held back and closed, on the
// test's own event loop.

#include "coord/base/async.hpp"
#include "coord/base/result.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace coord {

class FaultyLink {
public:
    FaultyLink(boost::asio::io_context& io, std::uint16_t server_port);
    ~FaultyLink();
    FaultyLink(const FaultyLink&) = delete;
    FaultyLink& operator=(const FaultyLink&) = delete;

    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] std::string address() const { return "127.0.0.1:" + std::to_string(port()); }
    [[nodiscard]] std::size_t accepted() const;

    // Breaks every connection of now, in the middle of what they carry.
    void cut();
    // Breaks the connections once so many more bytes have come from the server.
    void cut_after(std::size_t bytes_from_server);
    // While closed, a connection that comes is dropped at once.
    void set_open(bool open);
    // While silent, nothing is passed on in either direction, and nothing is closed.
    void set_silent(bool silent);
    // Holds back every piece for that long.
    void set_delay(std::chrono::milliseconds delay);

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace coord
