#pragma once
// One client's connection: requests in, replies out, in order; the limits of HTTP itself.
//
// Fed by:  a listening socket of Server; the client's bytes.
// Read by: Server, which holds the list of them and closes those past their deadline.
// Thread:  http.
// Holds:   one request at a time: what a client sends ahead waits in the socket. A header above
//          header_bytes_max is 431, a body above body_bytes_max 413, garbage 400; each ends the
//          connection.
// Fails:   nothing: whatever goes wrong ends the connection and is counted.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "http/message.hpp"
#include "http/server.hpp"

#include <boost/asio/generic/stream_protocol.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <vector>

namespace http {

struct ConnectionCounters {
    coord::Counter opened;
    coord::Counter closed;
    coord::Counter refused;       // above connections_max
    coord::Counter bad_requests;  // not HTTP
    coord::Counter large_headers;
    coord::Counter large_bodies;
    coord::Counter timeouts;  // idle, slow to ask or slow to take the reply

    [[nodiscard]] std::vector<coord::Metric> metrics() const;
};

struct ConnectionOptions {
    ServerLimits limits;
    std::size_t body_bytes_max = 0;
    Fields response_headers;  // added to every reply
    std::function<coord::Task<Response>(Request&)> answer;
};

class Connection : public std::enable_shared_from_this<Connection> {
public:
    using Socket = boost::asio::generic::stream_protocol::socket;
    using Clock = std::chrono::steady_clock;

    Connection(Socket socket, const ConnectionOptions& options, ConnectionCounters& counters);

    // Until the client leaves, breaks a rule, or close() is called.
    coord::Task<void> run();
    void close();
    // Closes when the client had its time.
    void close_if_late(Clock::time_point now);

private:
    struct Exchange;

    coord::Task<bool> read_request(Exchange& exchange);
    coord::Task<bool> refuse_unreadable(Exchange& exchange, boost::system::error_code why);
    coord::Task<bool> write(const Stream& stream);
    coord::Task<bool> write(const Exchange& exchange, Response response);
    coord::Task<void> linger();
    void allow(std::chrono::milliseconds time) { deadline_ = Clock::now() + time; }
    void watch_hangup(std::function<void()> gone);

    Socket socket_;
    const ConnectionOptions& options_;
    ConnectionCounters& counters_;
    Clock::time_point deadline_ = Clock::time_point::max();
    std::function<void()> gone_;  // while a handler wants to know
    bool watching_ = false;
};

}  // namespace http
