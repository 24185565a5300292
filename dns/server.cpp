#include "dns/server.hpp"

#include "coord/base/tls_context.hpp"
#include "dns/answer_compiler.hpp"
#include "dns/answer_table.hpp"
#include "dns/counters.hpp"
#include "dns/forwarder.hpp"
#include "dns/grammar.hpp"
#include "dns/responder.hpp"
#include "dns/settings.hpp"
#include "dns/tcp_listener.hpp"
#include "dns/transfer.hpp"
#include "dns/tsig.hpp"
#include "dns/udp_worker.hpp"
#include "dns/updater.hpp"
#include "dns/zone_draft.hpp"
#include "dns/zone_lookup.hpp"
#include "dns/zone_serial.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>
#include <boost/asio/post.hpp>

#include <algorithm>
#include <chrono>
#include <limits>
#include <optional>
#include <random>
#include <set>
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

}  // namespace

// Destroyed in reverse: the workers and listeners before the table they read.
struct Server::Parts {
    explicit Parts(ServerOptions how)
        : options(std::move(how)),
          grammar(options.domain, options.datacenter, options.config.reverse),
          statics(compile_records(options.config, grammar)),
          draft(grammar, options.config.transfer_records_max),
          keys(keyring_of(options.config)),
          compiler(
              table,
              grammar,
              {.ttl = options.config.ttl,
               .service_ttl = options.config.service_ttl,
               .selection = {.only_passing = options.config.only_passing,
                             .zone = options.config.prefer_zone ? options.zone : "",
                             .zone_healthy_percent_min = options.config.zone_healthy_percent_min},
               .node = options.node,
               .address = options.address,
               .browse = options.config.browse,
               .static_names = keys_of(statics),
               .awaits_dynamic_names = options.updates.has_value(),
               .exact_at = options.exact_at,
               .draft = transferred()}),
          responder(table, grammar, responder_settings(options, keys)) {
        const auto& config = options.config;
        if (config.forward.enabled) inbox.emplace();
        NameWriter writer(table, transferred());
        for (auto& name : statics) writer.put(Space::forward, name.key, std::move(name.answers));
        if (transferred() != nullptr) {
            auto with = transfer_settings(config, keys);
            with.unix_seconds = options.unix_seconds;
            transfers.emplace(io, grammar, table, std::move(with));
        }
        if (options.updates) emplace_updater();
        if (!config.tls_listen.empty()) tls = tls_context(io, config);
    }

    void build_forwarder();
    template <class Bind>
    void listen(const std::string& text, Bind bind);
    void bind(const boost::asio::ip::tcp::endpoint& endpoint);
    void bind_tls(const boost::asio::ip::tcp::endpoint& endpoint);
    template <class Publication>
    void apply(const Publication& publication);
    void emplace_updater();
    [[nodiscard]] TakeUpdate take_update();
    [[nodiscard]] TcpOptions tcp_options(const boost::asio::ip::tcp::endpoint& endpoint);
    [[nodiscard]] std::size_t udp_bytes_max(const boost::asio::ip::address& address) const {
        return address.is_loopback() ? options.config.udp_bytes_max_loopback
                                     : options.config.udp_bytes_max;
    }
    // Null: there are no secondaries, and nothing is kept for them.
    [[nodiscard]] ZoneDraft* transferred() {
        return options.config.transfers.empty() ? nullptr : &draft;
    }
    // Every listener with what its clients are counted as.
    [[nodiscard]] std::vector<std::pair<std::string_view, const TcpListener*>> all() const;

    ServerOptions options;
    AnswerTable table;
    Grammar grammar;
    std::vector<StaticName> statics;  // their keys; their answers are in the table
    ZoneDraft draft;
    TsigKeyring keys;
    AnswerCompiler compiler;
    Responder responder;
    std::optional<ForwardInbox> inbox;
    ForwardQueue* tcp_queue = nullptr;
    std::optional<Updater> updater;
    boost::asio::io_context io{1};  // of TCP
    std::optional<Transfers> transfers;
    std::unique_ptr<coord::TlsContext> tls;
    std::vector<std::unique_ptr<TcpListener>> listeners;  // one for each address
    std::vector<std::unique_ptr<TcpListener>> tls_listeners;
    std::vector<std::unique_ptr<UdpWorker>> workers;
    std::vector<boost::asio::ip::tcp::endpoint> listening;
    std::optional<Forwarder> forwarder;
    std::vector<std::thread> threads;
    std::thread forward_thread;  // gone before those whose sockets it sends on
    coord::Counter compile_rounds;
    coord::Counter compile_nanoseconds;
};

template <class Bind>
void Server::Parts::listen(const std::string& text, Bind bind) {
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

void Server::Parts::emplace_updater() {
    UpdaterOptions with;
    with.keys = options.config.keys;
    with.rules = options.config.updates;
    with.allow = prefixes_of(options.config.allow);
    with.clock_ms = options.updates->clock_ms;
    updater.emplace(
        options.updates->io,
        options.updates->entries,
        grammar,
        std::move(with),
        [keys = keys_of(statics)](const Labels& key) { return keys.contains(key); },
        [this](const Labels& name, std::uint16_t type) {
            return records_at(responder, name, type);
        });
}

// Before the catalog's first sync prerequisites cannot be judged.
TakeUpdate Server::Parts::take_update() {
    if (!updater) return {};
    return [this](UpdateMessage message) -> std::optional<Rcode> {
        if (table.freshness() == Freshness::unsynced) return Rcode::server_failure;
        return updater->take(std::move(message));
    };
}

TcpOptions Server::Parts::tcp_options(const boost::asio::ip::tcp::endpoint& endpoint) {
    const auto& config = options.config;
    TcpOptions tcp;
    tcp.endpoint = endpoint;
    tcp.udp_bytes_max = udp_bytes_max(endpoint.address());
    tcp.idle_timeout = config.tcp_idle_timeout;
    tcp.connections_max = config.tcp_connections_max;
    // On loopback all are one client: its limit is that of all, beyond which the longest idle goes.
    tcp.connections_max_per_client = endpoint.address().is_loopback()
                                         ? std::numeric_limits<std::size_t>::max()
                                         : config.tcp_connections_max_per_client;
    tcp.seed = random_seed();
    tcp.unix_seconds = options.unix_seconds;
    tcp.forward = tcp_queue;
    tcp.take_update = take_update();
    tcp.transfers = transfers ? &*transfers : nullptr;
    return tcp;
}

// TCP first: unlike UDP sockets that share a port, it tells when another agent is there already.
void Server::Parts::bind(const boost::asio::ip::tcp::endpoint& endpoint) {
    const auto& config = options.config;
    auto listener = std::make_unique<TcpListener>(io, tcp_options(endpoint), responder);
    // A client's packets may come to any of the workers: each gives its share.
    const auto count = static_cast<std::uint32_t>(config.workers);
    const RateLimit limit{(config.rate_limit + count - 1) / count, config.rate_limit_slip};
    std::vector<std::unique_ptr<UdpWorker>> bound;
    for (std::size_t i = 0; i < config.workers; ++i) {
        bound.push_back(std::make_unique<UdpWorker>(UdpOptions{endpoint.address(),
                                                               listener->port(),
                                                               udp_bytes_max(endpoint.address()),
                                                               random_seed(),
                                                               limit,
                                                               options.unix_seconds,
                                                               inbox ? &inbox->attach() : nullptr,
                                                               take_update()},
                                                    responder));
    }
    listening.emplace_back(endpoint.address(), listener->port());
    listeners.push_back(std::move(listener));
    for (auto& worker : bound) workers.push_back(std::move(worker));
}

void Server::Parts::bind_tls(const boost::asio::ip::tcp::endpoint& endpoint) {
    auto with = tcp_options(endpoint);
    with.tls = [this] { return tls->current(); };
    tls_listeners.push_back(std::make_unique<TcpListener>(io, std::move(with), responder));
}

std::vector<std::pair<std::string_view, const TcpListener*>> Server::Parts::all() const {
    std::vector<std::pair<std::string_view, const TcpListener*>> found;
    for (const auto& listener : listeners) found.emplace_back("tcp", listener.get());
    for (const auto& listener : tls_listeners) found.emplace_back("tls", listener.get());
    return found;
}

void Server::Parts::build_forwarder() {
    const auto& config = options.config.forward;
    ForwarderOptions with{.rules = forward_rules(config, listening)};
    with.cache = {.entries_max = config.cache_entries_max,
                  .bytes_max = config.cache_bytes_max,
                  .stale_max = config.serve_stale,
                  .prefetch = config.prefetch,
                  .seed = random_seed()};
    with.inquiries.waiting_max_per_client = config.queries_max_per_client;
    with.inquiries.timeout = config.timeout;
    with.inquiries.tries = config.tries;
    with.inquiries.ttl_max = config.ttl_max;
    with.inquiries.negative_ttl_max = config.negative_ttl_max;
    forwarder.emplace(std::move(with), *inbox, responder);
}

Server::Server(ServerOptions options) : parts_(std::make_unique<Parts>(std::move(options))) {
    auto& parts = *parts_;
    if (parts.inbox) parts.tcp_queue = &parts.inbox->attach();
    for (const auto& text : parts.options.config.listen) {
        parts.listen(text, [&](const auto& endpoint) { parts.bind(endpoint); });
    }
    for (const auto& text : parts.options.config.tls_listen) {
        parts.listen(text, [&](const auto& endpoint) { parts.bind_tls(endpoint); });
    }
    if (parts.inbox) parts.build_forwarder();
}

Server::~Server() { stop(); }

void Server::start() {
    for (auto& listener : parts_->listeners) listener->start();
    for (auto& listener : parts_->tls_listeners) listener->start();
    parts_->threads.emplace_back([&io = parts_->io] { io.run(); });
    for (auto& worker : parts_->workers) {
        parts_->threads.emplace_back([&worker = *worker] { worker.run(); });
    }
    if (auto& forwarder = parts_->forwarder) {
        parts_->forward_thread = std::thread([&forwarder = *forwarder] { forwarder.run(); });
    }
}

void Server::stop() {
    if (parts_->updater) parts_->updater->stop();
    if (parts_->threads.empty()) return;
    if (parts_->forwarder) {
        parts_->forwarder->request_stop();
        parts_->forward_thread.join();
    }
    boost::asio::post(parts_->io, [this] {
        for (auto& listener : parts_->listeners) listener->stop();
        for (auto& listener : parts_->tls_listeners) listener->stop();
        if (parts_->transfers) parts_->transfers->stop();
        parts_->tls.reset();
    });
    for (auto& worker : parts_->workers) worker->request_stop();
    for (auto& thread : parts_->threads) thread.join();
    parts_->threads.clear();
}

void Server::reload() {
    boost::asio::post(parts_->io, [this] {
        if (parts_->tls) parts_->tls->reload();
    });
}

template <class Publication>
void Server::Parts::apply(const Publication& publication) {
    const auto begin = std::chrono::steady_clock::now();
    compiler.apply(publication);
    if (transfers && compiler.exact_at()) {
        boost::asio::post(
            io, [this, serial = serial_of(*compiler.exact_at()), changes = draft.take()]() mutable {
                transfers->take(serial, std::move(changes));
            });
    }
    const std::chrono::nanoseconds took = std::chrono::steady_clock::now() - begin;
    compile_rounds.add();
    compile_nanoseconds.add(static_cast<std::uint64_t>(took.count()));
}

void Server::publish(const std::shared_ptr<const agent::Publication>& publication) {
    parts_->apply(*publication);
}

void Server::publish(const std::shared_ptr<const agent::DynamicPublication>& publication) {
    parts_->apply(*publication);
}

std::vector<std::uint16_t> Server::ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& listener : parts_->listeners) ports.push_back(listener->port());
    return ports;
}

std::vector<std::uint16_t> Server::tls_ports() const {
    std::vector<std::uint16_t> ports;
    for (const auto& listener : parts_->tls_listeners) ports.push_back(listener->port());
    return ports;
}

std::vector<coord::Metric> Server::metrics() const {
    using coord::MetricKind;
    std::vector<Counted> sets;
    for (const auto& worker : parts_->workers) sets.push_back({"udp", &worker->counters()});
    for (const auto& [transport, listener] : parts_->all()) {
        sets.push_back({transport, &listener->counters()});
    }
    if (parts_->forwarder) {
        for (const auto& counted : parts_->forwarder->counters()) sets.push_back(counted);
    }
    auto metrics = collect(sets);
    if (parts_->forwarder) {
        for (auto& metric : parts_->forwarder->metrics()) metrics.push_back(std::move(metric));
    }
    if (parts_->updater) {
        for (auto& metric : parts_->updater->metrics()) metrics.push_back(std::move(metric));
    }
    const auto add = [&](MetricKind kind, const char* name, const char* help, double value) {
        metrics.push_back({kind, name, help, value});
    };
    const auto count = [&](const char* name, const char* help, const coord::Counter& counter) {
        add(MetricKind::counter, name, help, static_cast<double>(counter.value()));
    };
    const auto tcp = [&](const char* name, const char* help, coord::Counter TcpCounters::*member) {
        std::uint64_t sum = 0;
        for (const auto& [transport, listener] : parts_->all()) {
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
    tcp("roster_dns_tcp_crowded_total",
        "TCP connections refused because their client had too many.",
        &TcpCounters::crowded);
    tcp("roster_dns_tls_handshakes_failed_total",
        "TLS connections whose handshake failed.",
        &TcpCounters::bad_handshakes);
    tcp("roster_dns_tcp_bad_frames_total",
        "TCP connections closed because of a message that may not be answered.",
        &TcpCounters::bad_frames);
    if (parts_->tls) {
        for (auto& metric : parts_->tls->metrics("roster_dns_tls")) {
            metrics.push_back(std::move(metric));
        }
    }
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
          "Tags, and sets of tags, above the limits of one service.",
          compiler.tags_left_out);
    count("roster_dns_ports_left_out_total",
          "Named ports above the limit of one service.",
          compiler.ports_left_out);
    count("roster_dns_settings_ignored_total",
          "Settings in the metadata of instances that could not be read.",
          compiler.settings_ignored);
    if (parts_->transfers) {
        count("roster_dns_transfer_records_left_out_total",
              "Records that a zone cannot say, or above dns.transfer_records_max.",
              parts_->draft.left_out());
        for (auto& metric : parts_->transfers->metrics()) metrics.push_back(std::move(metric));
    }
    return metrics;
}

}  // namespace dns
