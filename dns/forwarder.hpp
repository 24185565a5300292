#pragma once
// Asks upstream servers for names that are not ours: the loop of the forward thread, and the door of
// c-ares.
//
// Fed by:  UdpWorker and TcpListener, through a ForwardQueue for each thread of theirs; upstreams.
// Read by: the same, through ForwardSource; Server (metrics).
// Thread:  a thread of its own runs run(); the rest of any thread.
// Holds:   nobody waits for it: if it stalls, its queues fill up, and those who would hand over say
//          SERVFAIL. What escapes it costs the queries that are under way, and it begins anew.
//          One c-ares channel for each message sent, so each has a socket and a port of its own
//          (RFC 5452 §9.2), and no reply, timeout or missing EDNS touches another.
// Fails:   construction throws std::system_error. What no server answers is SERVFAIL.

#include "agent/config.hpp"
#include "coord/base/metrics.hpp"
#include "dns/counters.hpp"
#include "dns/forward_query.hpp"
#include "dns/forward_rules.hpp"
#include "dns/inquiry_table.hpp"
#include "dns/responder.hpp"

#include <memory>
#include <vector>

namespace dns {

struct ForwarderOptions {
    ForwardRules rules;
    ForwardCacheLimits cache = {};
    InquiryLimits inquiries = {};
};

// Those that the system is configured with.
std::vector<ServerAddress> system_servers();

class Forwarder {
public:
    Forwarder(ForwarderOptions options, ForwardInbox& inbox, const Responder& responder);
    ~Forwarder();
    Forwarder(const Forwarder&) = delete;
    Forwarder& operator=(const Forwarder&) = delete;

    void run();  // until request_stop()
    void request_stop();
    [[nodiscard]] std::vector<coord::Metric> metrics() const;
    // What it replied, by the transport of the query: to be added to the others'.
    [[nodiscard]] std::vector<Counted> counters() const;

private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace dns
