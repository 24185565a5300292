#include "dns/server.hpp"

#include "agent/endpoint.hpp"
#include "dns/answer_compiler.hpp"
#include "dns/answer_table.hpp"
#include "dns/counters.hpp"
#include "dns/grammar.hpp"
#include "dns/responder.hpp"
#include "dns/tcp_listener.hpp"
#include "dns/udp_worker.hpp"

#include <boost/asio/ip/address.hpp>

#include <chrono>
#include <random>
#include <stdexcept>
#include <system_error>
#include <thread>
#include <utility>

namespace dns {

namespace {

constexpr int port_tries_max = 16;

std::uint64_t random_seed() {
    std::random_device device;
    return std::uint64_t{device()} << 32U | device();
}

// "Address already in use" as the rest of the sentence.
std::string reason(const std::error_code& error) {
    auto text = error.message();
    if (!text.empty() && text[0] >= 'A' && text[0] <= 'Z')
        text[0] = static_cast<char>(text[0] + 32);
    return text;
}

boost::asio::ip::tcp::endpoint parse_endpoint(const std::string& listen) {
    const auto host_port = agent::parse_host_port(listen);
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host_port ? host_port->host : "", error);
    if (!host_port || error)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument));
    return {address, host_port->port};
}

}  // namespace

// Destroyed in reverse: the workers and listeners before the table they read.
struct Server::Parts {
    Parts(boost::asio::io_context& with, ServerOptions how)
        : io(with),
          options(std::move(how)),
          grammar(options.domain, options.datacenter, options.config.reverse),
          compiler(table,
                   grammar,
                   {.ttl = options.config.ttl,
                    .only_passing = options.config.only_passing,
                    .node = options.node,
                    .address = options.address}),
          responder(table,
                    grammar,
                    {.ttl = options.config.ttl,
                     .negative_ttl = options.config.negative_ttl,
                     .identity = options.node,
                     .version = options.version}) {}

    void listen(const std::string& text);
    void bind(const boost::asio::ip::tcp::endpoint& endpoint);

    boost::asio::io_context& io;
    ServerOptions options;
    AnswerTable table;
    Grammar grammar;
    AnswerCompiler compiler;
    Responder responder;
    std::vector<std::unique_ptr<TcpListener>> listeners;  // one for each address
    std::vector<std::unique_ptr<UdpWorker>> workers;
    std::vector<std::uint16_t> ports;
    std::vector<std::thread> threads;
    coord::Counter compile_rounds;
    coord::Counter compile_nanoseconds;
};

void Server::Parts::listen(const std::string& text) {
    try {
        const auto endpoint = parse_endpoint(text);
        for (int tries = 1;; ++tries) {
            try {
                return bind(endpoint);
            } catch (const std::system_error&) {
                // Any free port has to be free for both, UDP and TCP.
                if (endpoint.port() != 0 || tries == port_tries_max) throw;
            }
        }
    } catch (const std::system_error& error) {
        throw std::runtime_error("cannot listen on " + text + " (dns): " + reason(error.code()));
    }
}

// TCP first: unlike UDP sockets that share a port, it tells when another agent is there already.
void Server::Parts::bind(const boost::asio::ip::tcp::endpoint& endpoint) {
    const bool loopback = endpoint.address().is_loopback();
    const auto& config = options.config;
    const std::size_t udp_bytes = loopback ? config.udp_bytes_max_loopback : config.udp_bytes_max;
    auto listener = std::make_unique<TcpListener>(
        io,
        TcpOptions{.endpoint = endpoint, .udp_bytes_max = udp_bytes, .seed = random_seed()},
        responder);
    std::vector<std::unique_ptr<UdpWorker>> bound;
    for (std::size_t i = 0; i < config.workers; ++i) {
        bound.push_back(std::make_unique<UdpWorker>(
            UdpOptions{endpoint.address(), listener->port(), udp_bytes, random_seed()}, responder));
    }
    ports.push_back(listener->port());
    listeners.push_back(std::move(listener));
    for (auto& worker : bound) workers.push_back(std::move(worker));
}

Server::Server(boost::asio::io_context& io, ServerOptions options)
    : parts_(std::make_unique<Parts>(io, std::move(options))) {
    for (const auto& listen : parts_->options.config.listen) parts_->listen(listen);
}

Server::~Server() { stop(); }

void Server::start() {
    for (auto& listener : parts_->listeners) listener->start();
    for (auto& worker : parts_->workers) {
        parts_->threads.emplace_back([&worker = *worker] { worker.run(); });
    }
}

void Server::stop() {
    for (auto& listener : parts_->listeners) listener->stop();
    for (auto& worker : parts_->workers) worker->request_stop();
    for (auto& thread : parts_->threads) thread.join();
    parts_->threads.clear();
}

void Server::publish(const std::shared_ptr<const agent::Publication>& publication) {
    const auto begin = std::chrono::steady_clock::now();
    parts_->compiler.apply(*publication);
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    parts_->compile_rounds.add();
    parts_->compile_nanoseconds.add(static_cast<std::uint64_t>(took.count()));
}

std::vector<std::uint16_t> Server::ports() const { return parts_->ports; }

std::vector<coord::Metric> Server::metrics() const {
    using coord::MetricKind;
    std::vector<Counted> sets;
    for (const auto& worker : parts_->workers) sets.push_back({"udp", &worker->counters()});
    for (const auto& listener : parts_->listeners) sets.push_back({"tcp", &listener->counters()});
    auto metrics = collect(sets);
    const auto add = [&](MetricKind kind, const char* name, const char* help, double value) {
        metrics.push_back({kind, name, help, value});
    };
    const auto count = [&](const char* name, const char* help, const coord::Counter& counter) {
        add(MetricKind::counter, name, help, static_cast<double>(counter.value()));
    };
    const auto tcp = [&](const char* name, const char* help, coord::Counter TcpCounters::*member) {
        std::uint64_t sum = 0;
        for (const auto& listener : parts_->listeners) {
            sum += (listener->tcp_counters().*member).value();
        }
        add(MetricKind::counter, name, help, static_cast<double>(sum));
    };
    tcp("roster_dns_tcp_connections_total", "TCP connections accepted.", &TcpCounters::accepted);
    tcp("roster_dns_tcp_closed_total", "TCP connections closed again.", &TcpCounters::closed);
    tcp("roster_dns_tcp_idle_total",
        "TCP connections closed because their time was up.",
        &TcpCounters::timed_out);
    tcp("roster_dns_tcp_evicted_total",
        "TCP connections closed to stay below the limit.",
        &TcpCounters::evicted);
    tcp("roster_dns_tcp_bad_frames_total",
        "TCP connections closed because of a message that may not be answered.",
        &TcpCounters::bad_frames);
    add(MetricKind::gauge,
        "roster_dns_names",
        "Names in the answer table.",
        static_cast<double>(parts_->table.names()));
    add(MetricKind::counter,
        "roster_dns_compile_seconds_total",
        "Time spent compiling publications into answers.",
        static_cast<double>(parts_->compile_nanoseconds.value()) / 1e9);
    count("roster_dns_compiles_total", "Publications compiled.", parts_->compile_rounds);
    const auto& compiler = parts_->compiler.counters();
    count("roster_dns_rebuilt_total", "Services and nodes compiled anew.", compiler.rebuilt);
    count("roster_dns_unpublishable_total",
          "Names and addresses that DNS cannot carry.",
          compiler.unpublishable);
    count("roster_dns_records_left_out_total",
          "Records above the limit of one answer.",
          compiler.records_left_out);
    count("roster_dns_tags_left_out_total",
          "Tags above the limit of one service.",
          compiler.tags_left_out);
    return metrics;
}

}  // namespace dns
