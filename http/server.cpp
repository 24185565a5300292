#include "http/server.hpp"

#include "agent/endpoint.hpp"
#include "coord/base/log.hpp"
#include "http/api.hpp"
#include "http/connection.hpp"
#include "http/router.hpp"

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/local/stream_protocol.hpp>

#include <stdexcept>
#include <sys/stat.h>
#include <sys/un.h>
#include <thread>
#include <unordered_set>

namespace http {
namespace {

namespace asio = boost::asio;
using Protocol = asio::generic::stream_protocol;
using Acceptor = asio::basic_socket_acceptor<Protocol>;
using boost::system::error_code;

spdlog::logger& log() { return coord::logger("http.server"); }

constexpr std::string_view unix_prefix = "unix:";

[[noreturn]] void cannot_listen(const std::string& where, std::string why) {
    if (!why.empty() && why.front() >= 'A' && why.front() <= 'Z' &&
        !(why.size() > 1 && why[1] >= 'A' && why[1] <= 'Z')) {
        why.front() = static_cast<char>(why.front() - 'A' + 'a');
    }
    throw std::runtime_error("cannot listen on " + where + " (http): " + why);
}

std::string path_of(std::string_view listen) {
    listen.remove_prefix(unix_prefix.size());
    while (listen.starts_with("//")) listen.remove_prefix(1);
    return std::string(listen);
}

// A socket that a killed agent left behind refuses connections; a living one takes them.
void remove_stale_socket(asio::io_context& io, const std::string& where, const std::string& path) {
    struct ::stat status {};
    if (::lstat(path.c_str(), &status) != 0) return;
    if (!S_ISSOCK(status.st_mode)) cannot_listen(where, "there is something that is no socket");
    asio::local::stream_protocol::socket probe(io);
    error_code refused;
    probe.connect(asio::local::stream_protocol::endpoint(path), refused);
    if (!refused) cannot_listen(where, "address already in use");
    ::unlink(path.c_str());
}

struct Listener {
    std::string where;
    Acceptor acceptor;
    std::string unix_path;  // empty: TCP
    std::uint16_t port = 0;
};

Protocol::endpoint endpoint_of(asio::io_context& io, const std::string& where, Listener& listener) {
    if (where.starts_with(unix_prefix)) {
        listener.unix_path = path_of(where);
        if (listener.unix_path.size() >= sizeof(::sockaddr_un::sun_path)) {
            cannot_listen(where, "the path is too long");
        }
        remove_stale_socket(io, where, listener.unix_path);
        return asio::local::stream_protocol::endpoint(listener.unix_path);
    }
    const auto host_port = agent::parse_host_port(where);
    error_code wrong;
    const auto address = asio::ip::make_address(host_port ? host_port->host : where, wrong);
    if (!host_port || wrong) cannot_listen(where, "not an address and port");
    return asio::ip::tcp::endpoint(address, host_port->port);
}

Listener listen_on(asio::io_context& io, const std::string& where) {
    Listener listener{where, Acceptor(io), {}, 0};
    const auto endpoint = endpoint_of(io, where, listener);
    const bool is_tcp = listener.unix_path.empty();
    error_code failed;
    auto& acceptor = listener.acceptor;
    acceptor.open(endpoint.protocol(), failed);
    if (!failed && is_tcp) acceptor.set_option(asio::socket_base::reuse_address(true), failed);
    if (!failed) acceptor.bind(endpoint, failed);
    if (!failed) acceptor.listen(asio::socket_base::max_listen_connections, failed);
    if (failed) cannot_listen(where, failed.message());
    if (is_tcp) {
        const auto bound = acceptor.local_endpoint();
        asio::ip::tcp::endpoint tcp;
        std::memcpy(tcp.data(), bound.data(), bound.size());
        listener.port = tcp.port();
    }
    return listener;
}

ConnectionOptions connection_options(const ServerOptions& options) {
    ConnectionOptions connection;
    connection.limits = options.limits;
    connection.body_bytes_max = options.config.body_bytes_max;
    connection.response_headers.emplace_back("X-Consul-Default-ACL-Policy", "allow");
    for (const auto& [name, value] : options.config.response_headers) {
        connection.response_headers.emplace_back(name, value);
    }
    return connection;
}

}  // namespace

// Destroyed from the bottom up, but for `io`: it goes first, because the coroutines in it refer to
// everything else here.
struct Server::Parts {
    Parts(ServerOptions what, Backend behind)
        : options(std::move(what)),
          backend(std::move(behind)),
          queries(*io, options.limits.waiting_max),
          door(*io, backend.agent_io),
          api{options, backend, catalog, kv, queries, door, {}},
          router(api, routes()),
          connection(connection_options(options)) {}
    ~Parts();
    Parts(const Parts&) = delete;
    Parts& operator=(const Parts&) = delete;

    coord::Task<void> accept(Listener& listener);
    coord::Task<void> sweep();
    coord::Task<void> serve(std::shared_ptr<Connection> client);
    void refuse(Connection::Socket socket);
    void close_all();

    std::unique_ptr<asio::io_context> io = std::make_unique<asio::io_context>(1);
    ServerOptions options;
    Backend backend;
    CatalogView catalog;
    KvView kv;
    BlockingQueries queries;
    AgentDoor door;
    Api api;
    Router router;
    ConnectionOptions connection;
    ConnectionCounters counters;
    std::unordered_set<std::shared_ptr<Connection>> connections;
    std::vector<Listener> listeners;
    bool stopping = false;
    std::thread thread;
};

Server::Parts::~Parts() {
    for (const auto& listener : listeners) {
        if (!listener.unix_path.empty()) ::unlink(listener.unix_path.c_str());
    }
    listeners.clear();
    connections.clear();
    io.reset();
}

coord::Task<void> Server::Parts::accept(Listener& listener) {
    while (!stopping) {
        auto [failed, socket] = co_await listener.acceptor.async_accept(coord::use_tuple);
        if (stopping) break;
        if (failed) {
            // Out of descriptors, mostly: what is open must end before there is room.
            log().warn("accept failed listen={} error={}", listener.where, failed.message());
            asio::steady_timer pause(*io, std::chrono::milliseconds(100));
            co_await pause.async_wait(coord::use_tuple);
            continue;
        }
        if (connections.size() >= options.config.connections_max) {
            refuse(std::move(socket));
            continue;
        }
        error_code ignored;
        if (listener.unix_path.empty()) {
            socket.set_option(asio::ip::tcp::no_delay(true), ignored);
        }
        auto client = std::make_shared<Connection>(std::move(socket), connection, counters);
        connections.insert(client);
        coord::spawn(*io, "http connection", [this, client] { return serve(client); });
    }
}

coord::Task<void> Server::Parts::serve(std::shared_ptr<Connection> client) {
    co_await client->run();
    connections.erase(client);
}

void Server::Parts::refuse(Connection::Socket socket) {
    constexpr std::string_view sentence =
        "HTTP/1.1 429 Too Many Requests\r\nContent-Type: text/plain\r\nConnection: close\r\n"
        "Content-Length: 34\r\n\r\nToo many connections to this agent";
    counters.refused.add();
    error_code ignored;
    socket.non_blocking(true, ignored);
    socket.send(asio::buffer(sentence), 0, ignored);
    socket.shutdown(Connection::Socket::shutdown_send, ignored);
}

// Ends the connections past their deadline; one timer for all of them.
coord::Task<void> Server::Parts::sweep() {
    using std::chrono::milliseconds;
    const auto& limits = options.limits;
    const auto shortest = std::min({limits.idle, limits.request, limits.reply});
    const auto period = std::clamp(shortest / 4, milliseconds(10), milliseconds(500));
    asio::steady_timer timer(*io);
    while (!stopping) {
        timer.expires_after(period);
        co_await timer.async_wait(coord::use_tuple);
        const auto now = Connection::Clock::now();
        for (const auto& client : connections) client->close_if_late(now);
    }
}

void Server::Parts::close_all() {
    stopping = true;
    error_code ignored;
    for (auto& listener : listeners) listener.acceptor.close(ignored);
    for (const auto& client : connections) client->close();
}

Server::Server(ServerOptions options, Backend backend)
    : parts_(std::make_unique<Parts>(std::move(options), std::move(backend))) {
    auto& parts = *parts_;
    parts.connection.answer = [&router = parts.router](Request& request) {
        return router.answer(request);
    };
    parts.api.own_metrics = [this] { return metrics(); };
    for (const auto& where : parts.options.config.listen) {
        parts.listeners.push_back(listen_on(*parts.io, where));
    }
}

Server::~Server() { stop(); }

void Server::start() {
    auto& parts = *parts_;
    assert(!parts.thread.joinable());
    for (auto& listener : parts.listeners) {
        coord::spawn(*parts.io, "http accept", [&] { return parts.accept(listener); });
        log().info("listening address={} port={}", listener.where, listener.port);
    }
    coord::spawn(*parts.io, "http sweep", [&] { return parts.sweep(); });
    parts.thread = std::thread([&io = *parts.io] { io.run(); });
}

void Server::stop() {
    auto& parts = *parts_;
    parts.door.close();
    if (!parts.thread.joinable()) return;
    asio::post(*parts.io, [&parts] { parts.close_all(); });
    // What still waits for the agent is not waited for: this may be the agent's own thread.
    asio::post(*parts.io, [&io = *parts.io] { io.stop(); });
    parts.thread.join();
}

void Server::publish(const std::shared_ptr<const agent::Publication>& publication) {
    parts_->door.post([&parts = *parts_, publication] {
        const auto touched = parts.catalog.apply(*publication, std::chrono::steady_clock::now());
        if (touched.restored) parts.queries.wake_all();
        parts.queries.touch(touched.keys, parts.catalog.index());
    });
}

void Server::publish(const std::shared_ptr<const agent::KvPublication>& publication) {
    parts_->door.post([&parts = *parts_, publication] {
        const auto change = parts.kv.apply(*publication);
        if (change.restored) parts.queries.wake_all();
        parts.queries.touch_kv(change.keys, parts.kv.index());
    });
}

std::vector<std::uint16_t> Server::ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& listener : parts_->listeners) ports.push_back(listener.port);
    return ports;
}

std::vector<coord::Metric> Server::metrics() const {
    auto all = parts_->router.metrics();
    for (auto& metric : parts_->counters.metrics()) all.push_back(std::move(metric));
    for (auto& metric : parts_->queries.metrics()) all.push_back(std::move(metric));
    return all;
}

}  // namespace http
