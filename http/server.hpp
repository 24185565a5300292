#pragma once
// The HTTP face: Consul's v1 API over Beast, on a thread of its own.
//
// Fed by:  HTTP clients; Catalog's and KvStore's publications, posted from the agent thread.
// Read by: HTTP clients.
// Thread:  runs one io_context on one thread of its own, to which all state here is confined.
//          publish() may be called from the agent thread. Writes are co_spawned onto that, where
//          Registrar and KvStore live.
// Holds:   no lookup waits for coord: reads come from the indexes here. A blocking query is woken
//          only when its own filtered result changed.
// Fails:   construction throws std::runtime_error with one line (port in use).

#include "agent/catalog.hpp"
#include "agent/config.hpp"
#include "agent/journal.hpp"
#include "agent/kv.hpp"
#include "agent/registrar.hpp"
#include "coord/base/async.hpp"
#include "coord/base/membership.hpp"
#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"
#include "coord/base/saved_snapshot.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace http {

// What operators do with the embedded core. Both empty: there is none.
struct CoreDoor {
    std::function<coord::Task<coord::MembershipAnswer>(coord::MembershipOrder)> order = {};
    std::function<coord::Task<coord::Result<coord::SavedSnapshot>>()> save_snapshot = {};
};

// What stands behind the API. All references are used on the agent thread only.
struct Backend {
    boost::asio::io_context& agent_io;
    agent::Registrar& registrar;
    agent::Catalog& catalog;
    agent::KvStore& kv;
    agent::Journal& journal;
    // The newest zxid of the agent's client: a registration waits until the catalog has reached it,
    // so that who registers and then asks finds it. Empty: nobody waits.
    std::function<coord::Zxid()> last_zxid = {};
    CoreDoor core = {};
};

// What a client may take of this room; each has a counter for "hit it".
struct ServerLimits {
    std::size_t header_bytes_max = std::size_t{64} << 10U;
    std::size_t kv_value_bytes_max = std::size_t{512} << 10U;
    std::size_t waiting_max = 20'000;           // blocking queries
    std::chrono::milliseconds idle{120'000};    // between two requests of a connection
    std::chrono::milliseconds request{30'000};  // from its first byte to its last
    std::chrono::milliseconds reply{60'000};    // until the client has taken it
};

struct CoordStatus {
    bool known_leader = false;
    std::string leader;  // "127.0.0.1:2181"
    std::vector<std::string> peers;
};

struct ServerOptions {
    agent::HttpConfig config;
    std::string node;
    std::string node_id;
    std::string address;
    std::string datacenter;
    std::string domain;
    std::string version;
    bool script_checks_over_http = false;
    std::vector<coord::MetricSource> metrics;   // any thread
    std::function<CoordStatus()> coord_status;  // any thread
    std::function<void()> leave;                // PUT /v1/agent/leave; any thread
    std::function<void()> reload;               // PUT /v1/agent/reload; any thread
    std::function<std::int64_t()> clock_ms;     // milliseconds since 1970; any thread
    ServerLimits limits;
};

class Server {
public:
    Server(ServerOptions options, Backend backend);  // binds
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    void start();  // starts the thread
    void stop();   // answers nothing more, joins the thread
    void publish(const std::shared_ptr<const agent::Publication>& publication);
    void publish(const std::shared_ptr<const agent::KvPublication>& publication);

    // The TCP ports really bound, in the order of HttpConfig::listen (0 for a unix socket).
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace http
