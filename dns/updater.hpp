#pragma once
// DNS UPDATE (RFC 2136), signed (RFC 8945): from a message to a committed transaction, and its reply.
//
// Fed by:  UdpWorker and TcpListener, with messages of that opcode.
// Read by: the client, through the reply; agent::DynamicEntries.
// Thread:  take() on any; all else on the agent's, one update at a time.
// Holds:   NOERROR means that it is durable, and that this agent answers accordingly. A message that
//          comes again within the time of its signature is not carried out again: it gets the reply it
//          had.
// Fails:   an rcode for the client; SERVFAIL if the core did not take it, or not in time. Then it may
//          have been done.

#include "agent/dynamic_entries.hpp"
#include "coord/base/metrics.hpp"
#include "dns/address.hpp"
#include "dns/grammar.hpp"
#include "dns/tsig.hpp"
#include "dns/update_message.hpp"
#include "dns/update_policy.hpp"
#include "dns/update_zone.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace dns {

// One message, and where its reply goes.
struct UpdateMessage {
    std::vector<std::uint8_t> octets;
    IpAddress client;
    std::function<void(std::vector<std::uint8_t>)> reply;  // on the agent's thread, at most once
};

// Hands a message over; or says what to answer at once.
using TakeUpdate = std::function<std::optional<Rcode>(UpdateMessage)>;

inline bool is_update(Octets message) {
    return message.size() >= header_bytes && (message[2] & 0xF8U) == opcode_update << 3U;
}

struct UpdaterOptions {
    std::vector<agent::DnsKeyConfig> keys;
    std::vector<agent::DnsUpdateConfig> rules = {};
    std::vector<IpPrefix> allow = {};  // whose updates are looked at; this host's always are
    std::size_t waiting_max = 256;
    std::size_t remembered_max = 16'384;
    std::chrono::milliseconds patience{5000};
    std::function<std::int64_t()> clock_ms = {};  // since 1970
};

class Updater {
public:
    // What is answered at a name that is made of something else than UPDATE's records.
    using LookUp = std::function<ZoneRecords(const Labels& name, std::uint16_t type)>;

    Updater(boost::asio::io_context& io,
            agent::DynamicEntries& entries,
            const Grammar& grammar,
            UpdaterOptions options,
            std::function<bool(const Labels& key)> is_static,
            LookUp look_up);
    ~Updater();
    Updater(const Updater&) = delete;
    Updater& operator=(const Updater&) = delete;

    // Nothing: it was taken, and its reply will come.
    std::optional<Rcode> take(UpdateMessage message);
    void stop();  // on the agent's thread: nothing is replied any more

    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace dns
