#pragma once
// The DNS face: UDP workers, the TCP listener, and the table they answer from.
//
// Fed by:  the publications of Catalog and DynamicNames, compiled on the agent thread.
// Read by: DNS clients.
// Thread:  publish() on the agent thread; each UDP worker is a thread of its own, and all of TCP is
//          one more.
// Holds:   no answer waits for anything: workers read an RCU table. Before the first synced
//          publication every answer in our zones is SERVFAIL.
// Fails:   construction throws std::runtime_error with one line (port in use, a certificate that
//          cannot be read).

#include "agent/catalog.hpp"
#include "agent/config.hpp"
#include "agent/dynamic_entries.hpp"
#include "agent/dynamic_names.hpp"
#include "coord/base/metrics.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace dns {

// What DNS UPDATE is carried out with.
struct UpdateBackend {
    boost::asio::io_context& io;  // the agent's
    agent::DynamicEntries& entries;
    std::function<std::int64_t()> clock_ms;  // since 1970
};

struct ServerOptions {
    agent::DnsConfig config;
    std::string domain;      // "roster.internal"
    std::string datacenter;  // "dc1"
    std::string zone = {};   // of this agent; empty: none
    std::string node;        // this agent's node name, for NS and SOA
    std::string address;     // this node's address, for the NS name when the node is not yet known
    std::string version = {};                          // ours, for CH TXT version.bind
    std::function<std::uint32_t()> unix_seconds = {};  // of cookies; empty: time stands still
    std::optional<UpdateBackend> updates = {};         // with it, dynamic names are waited for
    // The transaction at which all that is published is exactly what the core had; none while more
    // is under way. Empty: the catalog's publications say it.
    std::function<std::optional<agent::CatalogIndex>()> exact_at = {};
};

class Server {
public:
    explicit Server(ServerOptions options);  // binds
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();
    void stop();  // joins the threads
    // Takes up a changed certificate now; it is looked for every second anyway.
    void reload();
    void publish(const std::shared_ptr<const agent::Publication>& publication);
    void publish(const std::shared_ptr<const agent::DynamicPublication>& publication);

    // The ports really bound, in the order of DnsConfig::listen and ::tls_listen.
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    [[nodiscard]] std::vector<std::uint16_t> tls_ports() const;
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace dns
