#pragma once
// One UDP socket and the loop that answers what arrives there, a batch at a time.
//
// Fed by:  DNS clients; Forwarder, with the replies to what was handed over to it.
// Read by: DNS clients; Forwarder; Server (counters).
// Thread:  a thread of its own runs run(); request_stop() of any thread, replies of the forward one.
// Holds:   a reply is written into the buffer of its query; nothing is allocated and nothing
//          logged per query. Idle, it waits in the kernel. Two calls of it serve a whole batch.
// Fails:   construction throws std::system_error if the address cannot be bound. A reply the kernel
//          refuses is counted, and the rest of its batch is sent.

#include "dns/counters.hpp"
#include "dns/forward_query.hpp"
#include "dns/rate_limiter.hpp"
#include "dns/responder.hpp"
#include "dns/updater.hpp"

#include <boost/asio/ip/address.hpp>

#include <cstdint>
#include <functional>
#include <memory>

namespace dns {

struct UdpOptions {
    boost::asio::ip::address address;
    std::uint16_t port = 0;
    std::size_t udp_bytes_max = 1232;
    std::uint64_t seed = 0;
    RateLimit limit = {};                              // this worker's share of it
    std::function<std::uint32_t()> unix_seconds = {};  // empty: time stands still
    ForwardQueue* forward = nullptr;                   // where queries for other names go
    TakeUpdate take_update = {};                       // empty: updates are not implemented
};

class UdpWorker {
public:
    UdpWorker(UdpOptions options, const Responder& responder);
    ~UdpWorker();
    UdpWorker(const UdpWorker&) = delete;
    UdpWorker& operator=(const UdpWorker&) = delete;

    void run();  // until request_stop()
    void request_stop();
    [[nodiscard]] const Counters& counters() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dns
