#pragma once
// DNS over TCP (RFC 7766) and over TLS (RFC 7858): any number of connections, each a state machine
// that never blocks.
//
// Fed by:  DNS clients.
// Read by: DNS clients; Server (counters).
// Thread:  the one that runs `io`; counters of any thread.
// Holds:   a half-sent frame or a client that does not read holds up nobody else. Queries of one
//          connection may be sent ahead; their replies go out together, in order, but for those of
//          the forwarder and those to updates, which come when they come. No more is read from a
//          client that leaves 64 KiB of replies unread, or waits for 100 of those. A transfer is made
//          message by message, as its client takes them; what else is asked waits behind it.
// Fails:   construction throws std::system_error if the address cannot be bound. Past the limit of
//          connections, or of bytes that wait to be read, the connection that has been quiet for
//          longest is closed; past that of one client its new ones are.

#include "dns/counters.hpp"
#include "dns/forward_query.hpp"
#include "dns/responder.hpp"
#include "dns/transfer.hpp"
#include "dns/updater.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>

namespace boost::asio::ssl {
class context;
}

namespace dns {

struct TcpOptions {
    boost::asio::ip::tcp::endpoint endpoint{};
    std::size_t udp_bytes_max = 1232;  // what EDNS says, on TCP too
    // From one complete query to the next; so also the time a half-sent one is waited for, and the
    // time a client has to read its replies.
    std::chrono::milliseconds idle_timeout{10'000};
    std::chrono::milliseconds idle_timeout_crowded{2000};  // with 3/4 of the connections taken
    std::size_t connections_max = 1000;
    std::size_t connections_max_per_client = 1000;
    std::size_t unread_bytes_max = std::size_t{64} << 20U;  // replies of all connections together
    std::uint64_t seed = 0;
    std::function<std::uint32_t()> unix_seconds = {};  // empty: time stands still
    ForwardQueue* forward = nullptr;                   // where queries for other names go
    TakeUpdate take_update = {};                       // empty: updates are not implemented
    Transfers* transfers = nullptr;                    // null: no zone is transferred
    // The context of the next handshake; empty: no TLS.
    std::function<std::shared_ptr<boost::asio::ssl::context>()> tls = {};
};

struct TcpCounters {
    coord::Counter accepted;
    coord::Counter closed;
    coord::Counter timed_out;
    coord::Counter evicted;     // to make room for a new connection, or for the replies of others
    coord::Counter crowded;     // one client had too many
    coord::Counter bad_frames;  // shorter than a header, or a response
    coord::Counter bad_handshakes;
};

class TcpListener {
public:
    TcpListener(boost::asio::io_context& io, TcpOptions options, const Responder& responder);
    ~TcpListener();
    TcpListener(const TcpListener&) = delete;
    TcpListener& operator=(const TcpListener&) = delete;

    void start();
    void stop();  // closes everything; the responder is not used any more
    [[nodiscard]] std::uint16_t port() const;
    [[nodiscard]] const Counters& counters() const;
    [[nodiscard]] const TcpCounters& tcp_counters() const;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with the connections, which end a little later
};

}  // namespace dns
