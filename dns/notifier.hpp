#pragma once
// Tells secondaries that a zone has a new serial (NOTIFY, RFC 1996), until they have heard it.
//
// Fed by:  Transfers, with each new version.
// Read by: secondaries, over UDP.
// Thread:  dns tcp; counters of any thread.
// Holds:   of each zone a secondary is told at most once an interval, and always of the newest serial.
//          Who does not answer is told again after 1, 2, 4 … 60 seconds, for ever.
// Fails:   a reply that is not signed as it should be counts as none. One that refuses is a reply.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "dns/tsig.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace dns {

struct NotifyTarget {
    boost::asio::ip::udp::endpoint endpoint;
    const TsigKey* key = nullptr;  // null: not signed
};

struct NotifierOptions {
    std::vector<NotifyTarget> targets;
    std::function<std::uint32_t()> unix_seconds = {};  // of signatures
    std::chrono::milliseconds interval{1000};
    std::chrono::milliseconds retry_max{60'000};
};

// What is told: a zone, and its SOA from TYPE on.
struct Notice {
    Labels apex;
    std::string soa;
};

class Notifier {
public:
    Notifier(boost::asio::io_context& io, NotifierOptions options);
    ~Notifier();
    Notifier(const Notifier&) = delete;
    Notifier& operator=(const Notifier&) = delete;

    void tell(const std::vector<Notice>& notices);
    void stop();

    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;  // shared with what waits for replies
};

}  // namespace dns
