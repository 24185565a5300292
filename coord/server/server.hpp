#pragma once
// The embedded core: a ZooKeeper server over the replicated tree.
//
// Fed by:  client connections (ZooKeeper's protocol), the raft Node's committed entries.
// Read by: its clients; main, for metrics and status.
// Thread:  coord: the thread that runs `io`. metrics() and status() may be called from any.
// Fails:   construction and start() throw std::runtime_error with one line a person can act on
//          (port in use, directory in use, damaged log).

#include "coord/base/metrics.hpp"
#include "coord/base/result.hpp"

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

namespace coord {

struct ServerOptions {
    std::vector<std::string> listen{"127.0.0.1:2181"};  // "host:port"; port 0 takes a free one
    std::filesystem::path data_dir;
    std::chrono::milliseconds tick{2000};
    std::chrono::milliseconds session_timeout_min{4000};   // ZooKeeper's: 2 ticks
    std::chrono::milliseconds session_timeout_max{40000};  // 20 ticks
    std::chrono::milliseconds handshake_timeout{10000};
    std::size_t frame_bytes_max = 1048575;  // jute.maxbuffer
    std::size_t connections_max = 10000;
    std::size_t connections_per_address_max = 0;  // 0: no limit
    std::size_t outstanding_per_connection_max = 1000;
    std::size_t output_bytes_max = std::size_t{64} << 20U;  // per connection, then it is dropped
    std::size_t watches_per_connection_max = 1'000'000;
    std::size_t snapshot_log_bytes = std::size_t{64} << 20U;
};

struct ServerStatus {
    bool serving = false;
    std::string leader;              // "127.0.0.1:2181", empty when there is none
    std::vector<std::string> peers;  // the voters' addresses
    std::int64_t last_zxid = 0;
};

class Server {
public:
    Server(boost::asio::io_context& io, ServerOptions options);
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Binds the sockets, then replays the log; clients are served once that is done.
    void start();
    // Closes the listeners and connections, syncs and closes the log. Sessions live on.
    void stop();

    // The ports really bound, in the order of ServerOptions::listen.
    [[nodiscard]] std::vector<std::uint16_t> ports() const;
    [[nodiscard]] std::vector<Metric> metrics() const;
    [[nodiscard]] ServerStatus status() const;

private:
    struct Parts;
    std::unique_ptr<Parts> parts_;
};

}  // namespace coord
