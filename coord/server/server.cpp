#include "coord/server/server.hpp"

#include "coord/base/log.hpp"
#include "coord/raft/node.hpp"
#include "coord/server/client_port.hpp"
#include "coord/server/connection.hpp"
#include "coord/server/live_figures.hpp"
#include "coord/server/member_orders.hpp"
#include "coord/server/member_upkeep.hpp"
#include "coord/server/membership.hpp"
#include "coord/server/server_core.hpp"

#include <boost/asio/async_result.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/steady_timer.hpp>

#include <cassert>
#include <deque>
#include <iterator>
#include <mutex>
#include <optional>
#include <time.h>
#include <unordered_map>
#include <utility>

namespace coord {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Time = RequestProcessor::Time;

constexpr std::chrono::milliseconds accept_retry{100};

// Of which figures are kept; the walk to find them is this long at most.
constexpr std::size_t quotas_shown_max = 1000;

struct Listener {
    tcp::acceptor acceptor;
    asio::steady_timer retry;  // after a failed accept
    bool has_tls = false;
};

spdlog::logger& log() { return logger("coord.server"); }

Time steady_now() { return std::chrono::steady_clock::now(); }

std::int64_t machine_clock_ms() {
    timespec now{};
    clock_gettime(CLOCK_REALTIME, &now);
    return std::int64_t{now.tv_sec} * 1000 + now.tv_nsec / 1'000'000;
}

ServerOptions complete(ServerOptions options) {
    if (!options.wall_clock_ms) options.wall_clock_ms = machine_clock_ms;
    return options;
}

std::unique_ptr<PeerLinks> peer_links(asio::io_context& io, const ServerOptions& options) {
    if (!options.peers) return nullptr;
    auto peers = *options.peers;
    peers.snapshots = options.data_dir / "raft" / "snapshots";
    return std::make_unique<PeerLinks>(io, std::move(peers));
}

NodeOptions node_options(const ServerOptions& options, PeerLinks* links) {
    NodeOptions node;
    node.transport = links != nullptr ? links : options.transport;
    node.address = links != nullptr ? links->address() : options.peer_address;
    node.heartbeat = options.heartbeat;
    node.election_timeout =
        links != nullptr ? options.peers->election_timeout : options.election_timeout;
    node.data_dir = options.data_dir;
    node.snapshot_log_bytes = options.snapshot_log_bytes;
    node.trailing_entries = options.trailing_entries;
    return node;
}

constexpr std::chrono::seconds hand_over_max{1};

// What calls back becomes what is awaited.
template <class T, class Start>
Task<T> awaited(Start start) {
    co_return co_await asio::async_initiate<decltype(asio::use_awaitable), void(T)>(
        [&start](auto handler) {
            auto shared = std::make_shared<decltype(handler)>(std::move(handler));
            start([shared](T value) { std::move (*shared)(std::move(value)); });
        },
        asio::use_awaitable);
}

}  // namespace

struct Server::Parts : std::enable_shared_from_this<Server::Parts> {
    Parts(asio::io_context& context, ServerOptions given)
        : io(context),
          options(complete(std::move(given))),
          core(options, counters, core_surroundings()),
          host{options,
               counters,
               processor,
               [this](const Connection& asking, std::string_view word) {
                   return answer_four_letter_word(
                       word, figures.sources(asking), options.four_letter_words);
               },
               [this](Connection& connection) { forget(connection); },
               [this] { step_handshakes(); }},
          links(peer_links(context, options)),
          node(context, node_options(options, links.get()), application()),
          figures({options, counters, processor, node, connections, ports}, steady_now),
          member_orders(order_surroundings()),
          member_upkeep(upkeep_surroundings()),
          tick_timer(context),
          reap_timer(context),
          hand_over_timer(context) {
        if (!options.tls_listen.empty()) {
            tls.emplace(io, "client port", TlsRole::server, options.tls);
        }
    }

    Application application();
    ServerCore::Surroundings core_surroundings();
    MemberOrders::Surroundings order_surroundings();
    MemberUpkeep::Surroundings upkeep_surroundings();
    void publish_status();
    void wake();
    void end_turn();
    template <class Conversations>
    std::size_t end_turns(const Conversations& of);

    void start();
    void start_node();
    void hand_over(std::function<void()> done);
    void stop();
    void accept(Listener& listener);
    void listen(const std::string& where, bool has_tls);
    void welcome(tcp::socket socket, bool has_tls);
    void step_handshakes();
    void forget(Connection& connection);
    void tick();
    void reap();

    asio::io_context& io;
    const ServerOptions options;
    ServerCounters counters;
    ServerCore core;
    RequestProcessor& processor = core.processor();
    Connection::Host host;
    const std::unique_ptr<PeerLinks> links;  // null: there are no peers
    Node node;
    LiveFigures figures;
    MemberOrders member_orders;
    MemberUpkeep member_upkeep;
    asio::steady_timer tick_timer;
    asio::steady_timer reap_timer;
    asio::steady_timer hand_over_timer;
    std::function<void()> handed_over;  // while it is being done
    std::optional<TlsContext> tls;      // if there is a port for it
    std::vector<Listener> listeners;
    LiveFigures::Connections connections;
    std::unordered_map<std::string, std::size_t> per_address;
    bool running = false;
    bool awake = false;  // end_turn() is posted
    // What a turn left to the next: a change that thousands watch is told a few hundred at a time.
    std::deque<std::shared_ptr<Conversation>> backlog;
    std::vector<std::uint16_t> ports;
    // Guards what status() tells to any thread.
    mutable std::mutex status_mutex;
    ServerStatus status;
    std::string address;
};

Server::Server(asio::io_context& io, ServerOptions options)
    : parts_(std::make_shared<Parts>(io, std::move(options))) {}

Server::~Server() { stop(); }

void Server::start() { parts_->start(); }
void Server::stop() { parts_->stop(); }
void Server::hand_over(std::function<void()> done) { parts_->hand_over(std::move(done)); }

std::vector<std::uint16_t> Server::ports() const { return parts_->ports; }

void Server::reload_tls() {
    if (parts_->tls) parts_->tls->reload();
    if (parts_->links) parts_->links->reload_tls();
}

std::vector<Metric> Server::metrics() const {
    auto metrics = parts_->counters.metrics();
    if (parts_->tls) {
        auto of_tls = parts_->tls->metrics("roster_coord_tls");
        std::move(of_tls.begin(), of_tls.end(), std::back_inserter(metrics));
    }
    auto of_node = parts_->node.metrics();
    std::move(of_node.begin(), of_node.end(), std::back_inserter(metrics));
    if (!parts_->links) return metrics;
    auto of_links = parts_->links->metrics();
    std::move(of_links.begin(), of_links.end(), std::back_inserter(metrics));
    return metrics;
}

ServerStatus Server::status() const {
    const std::lock_guard lock(parts_->status_mutex);
    auto status = parts_->status;
    status.serving = parts_->counters.serving.value() != 0;
    status.read_only = parts_->counters.read_only.value() != 0;
    status.last_zxid = parts_->counters.last_zxid.value();
    if (!status.serving) status.leader.clear();
    return status;
}

void Server::change_members(const MemberChange& change, std::function<void(Result<void>)> done) {
    parts_->node.change_members(change, std::move(done));
}

std::string Server::waits_for() const {
    return parts_->links ? parts_->links->state() : std::string();
}

std::vector<Member> Server::waiting_servers() const {
    return parts_->links ? parts_->links->waiting() : std::vector<Member>();
}

Task<MembershipAnswer> Server::order(MembershipOrder order) {
    auto start = [parts = parts_, order = std::move(order)](MemberOrders::Done done) {
        parts->member_orders.ask(order, steady_now(), std::move(done));
    };
    co_return co_await awaited<MembershipAnswer>(std::move(start));
}

Task<Result<SavedSnapshot>> Server::save_snapshot() {
    auto start = [parts = parts_](std::function<void(Result<SavedSnapshot>)> done) {
        parts->node.save_snapshot([done](const Result<Node::SavedSnapshot>& saved) {
            if (!saved) return done(saved.error());
            const auto file = saved.value().file;
            done(SavedSnapshot{number(saved.value().metadata.index),
                               file->size(),
                               [file](std::uint64_t offset, std::size_t count) {
                                   return file->read(offset, count);
                               }});
        });
    };
    co_return co_await awaited<Result<SavedSnapshot>>(std::move(start));
}

MemberOrders::Surroundings Server::Parts::order_surroundings() {
    return {[this] { return node.standing(); },
            [this] { return node.founding() ? number(node.founding()->cluster) : 0; },
            [this] { return node.last(); },
            [this] { return node.members(); },
            [this] { return links ? links->waiting() : std::vector<Member>(); },
            [this] { return links ? links->state() : std::string(); },
            [this](const MemberChange& change, std::function<void(Result<void>)> done) {
                node.change_members(change, std::move(done));
            },
            [this](MemberId to, std::string letter) {
                return node.send_letter(to, std::move(letter));
            }};
}

// Without links of its own, a server is wherever those who made it say.
MemberUpkeep::Surroundings Server::Parts::upkeep_surroundings() {
    return {[this] { return node.standing(); },
            [this] { return node.members(); },
            [this] { return links ? links->waiting() : std::vector<Member>(); },
            [this] {
                return Member{node.id(), links ? links->address() : std::string()};
            },
            [this](MembershipOrder order, MemberOrders::Done done) {
                member_orders.ask(std::move(order), steady_now(), std::move(done));
            }};
}

ServerCore::Surroundings Server::Parts::core_surroundings() {
    return {
        [this] { return node.id(); },
        [this] { return node.standing(); },
        [this] { return node.members(); },
        [this] { return node.has_room(); },
        [this](const ServerCore::Entry& entry) { return node.propose(entry).has_value(); },
        [this](MemberId to, std::string letter) { return node.send_letter(to, std::move(letter)); },
        [this] { wake(); },
        steady_now};
}

Application Server::Parts::application() {
    auto application = core.application();
    application.standing_changed = [this, told = application.standing_changed](const auto& now) {
        told(now);
        publish_status();
        const bool another_leads = now.role != Role::leader && now.leader != MemberId{0};
        if (handed_over && another_leads) hand_over_timer.cancel();
    };
    application.letter = [this, read = application.letter](MemberId from, std::string_view letter) {
        if (!member_orders.read(from, letter)) read(from, letter);
    };
    application.link_changed = [this, told = application.link_changed](MemberId peer,
                                                                       bool connected) {
        told(peer, connected);
        if (!connected) member_orders.disconnected(peer);
    };
    return application;
}

void Server::Parts::publish_status() {
    ServerStatus fresh;
    const auto& standing = node.standing();
    fresh.role = standing.role;
    fresh.self = node.id();
    if (!options.has_peers()) {
        fresh.leader = address;
        fresh.peers = {address};
    } else {
        fresh.members = node.members();
        for (const auto& [member, connected, match] : fresh.members) {
            if (member.role == MemberRole::voter) fresh.peers.push_back(member.address);
            if (member.id == standing.leader) fresh.leader = member.address;
        }
    }
    const std::lock_guard lock(status_mutex);
    status = std::move(fresh);
}

// One post per turn: whatever happens until it runs is sent together.
void Server::Parts::wake() {
    if (std::exchange(awake, true)) return;
    asio::post(io, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (self && self->running) self->end_turn();
    });
}

// As many as one turn has room for; says how many that were.
template <class Conversations>
std::size_t Server::Parts::end_turns(const Conversations& of) {
    if (of.empty()) return 0;
    const auto until = steady_now() + options.turn_max;
    std::size_t done = 0;
    for (const auto& conversation : of) {
        static_cast<Connection&>(*conversation).end_turn();
        ++done;
        if (steady_now() >= until) break;
    }
    return done;
}

// Whoever has just asked comes before those that are still to be told of an earlier change.
void Server::Parts::end_turn() {
    awake = false;
    const auto begin_of = [](auto& from, std::size_t count) {
        return std::next(from.begin(), static_cast<std::ptrdiff_t>(count));
    };
    auto fresh = core.end_turn();
    const auto done = end_turns(fresh);
    backlog.erase(backlog.begin(), begin_of(backlog, end_turns(backlog)));
    std::move(begin_of(fresh, done), fresh.end(), std::back_inserter(backlog));
    if (!backlog.empty()) {
        counters.yielded.add();
        wake();
    }
    if (host.starved.empty() || processor.is_overloaded()) return;
    for (const auto& weak : std::exchange(host.starved, {})) {
        if (const auto connection = weak.lock()) connection->end_turn();
    }
}

void Server::Parts::start() {
    assert(!running);
    for (const auto& where : options.listen) listen(where, false);
    for (const auto& where : options.tls_listen) listen(where, true);
    if (!listeners.empty()) address = format(listeners.front().acceptor.local_endpoint());
    running = true;
    processor.set_member(node.id());
    publish_status();
    start_node();
    for (auto& listener : listeners) {
        log().info("listening address={} tls={}",
                   format(listener.acceptor.local_endpoint()),
                   listener.has_tls);
        accept(listener);
    }
    tick();
    reap();
}

void Server::Parts::listen(const std::string& where, bool has_tls) {
    listeners.push_back({listen_on(io, where), asio::steady_timer(io), has_tls});
    ports.push_back(listeners.back().acceptor.local_endpoint().port());
}

void Server::Parts::start_node() {
    if (!links) return node.start();
    if (node.founding()) {
        links->join(node.id(), *node.founding(), options.servers);
        return node.start();
    }
    links->form(node.id(), options.servers, [this](const Founding& founding) {
        node.found(founding);
        node.start();
    });
}

void Server::Parts::hand_over(std::function<void()> done) {
    assert(!handed_over);
    if (!running || !node.hand_over()) return done();
    handed_over = std::move(done);
    hand_over_timer.expires_after(hand_over_max);
    hand_over_timer.async_wait([weak = weak_from_this()](const Error&) {
        const auto self = weak.lock();
        if (self && self->handed_over) std::exchange(self->handed_over, nullptr)();
    });
}

void Server::Parts::stop() {
    if (!std::exchange(running, false)) return;
    tick_timer.cancel();
    reap_timer.cancel();
    for (auto& listener : listeners) {
        Error ignored;
        listener.acceptor.close(ignored);
        listener.retry.cancel();
    }
    // What has been answered is sent, what has been asked for reaches the log.
    do end_turn();
    while (!backlog.empty());
    while (!connections.empty()) connections.begin()->second->close();
    if (links) links->stop();
    node.stop();
    counters.serving.set(0);
}

void Server::Parts::accept(Listener& listener) {
    listener.acceptor.async_accept(
        [weak = weak_from_this(), &listener](const Error& error, tcp::socket socket) {
            const auto self = weak.lock();
            if (!self || !self->running) return;
            if (!error) {
                self->welcome(std::move(socket), listener.has_tls);
                self->accept(listener);
                return;
            }
            // Out of file descriptors, mostly: to try again at once would spin.
            self->counters.accept_failures.add();
            log().warn("accept failed error={}", error.message());
            listener.retry.expires_after(accept_retry);
            listener.retry.async_wait([weak, &listener](const Error& cancelled) {
                const auto again = weak.lock();
                if (!cancelled && again && again->running) again->accept(listener);
            });
        });
}

void Server::Parts::welcome(tcp::socket socket, bool has_tls) {
    Error error;
    const auto from_where = socket.remote_endpoint(error);
    if (error) return;  // It has gone already.
    const auto remote = unmapped(from_where);
    if (connections.size() >= options.connections_max) {
        counters.refused_total.add();
        return;
    }
    auto from = remote.address().to_string();
    auto& count = per_address[from];
    if (options.connections_per_address_max != 0 && count >= options.connections_per_address_max) {
        counters.refused_address.add();
        return;
    }
    ++count;
    counters.connections.add();
    auto channel = has_tls ? std::make_unique<TlsChannel>(tls->current()->native_handle(),
                                                          socket.native_handle())
                           : nullptr;
    const auto connection =
        std::make_shared<Connection>(host, std::move(socket), std::move(channel));
    connection->address = format(remote);
    connection->figures.established_ms = options.wall_clock_ms();
    connection->command.ids.push_back({"ip", std::move(from)});
    connections.emplace(connection.get(), connection);
    counters.open_connections.set(static_cast<std::int64_t>(connections.size()));
    connection->start();
}

// One step of one handshake in each turn of the event loop: a crowd that comes at once must not
// keep the others waiting, nor a leader from its heartbeats.
void Server::Parts::step_handshakes() {
    asio::post(io, [weak = weak_from_this()] {
        const auto self = weak.lock();
        if (!self || !self->running) return;
        auto& waiting = self->host.handshakes;
        const auto connection = waiting.front().lock();
        if (connection) connection->shake_hands();
        waiting.pop_front();
        if (!waiting.empty()) self->step_handshakes();
    });
}

void Server::Parts::forget(Connection& connection) {
    const auto& from = connection.command.ids.front().id;
    const auto count = per_address.find(from);
    assert(count != per_address.end());
    if (--count->second == 0) per_address.erase(count);
    connections.erase(&connection);  // Its callbacks may hold it a little longer.
    counters.open_connections.set(static_cast<std::int64_t>(connections.size()));
}

// At every multiple of the tick, where sessions expire.
void Server::Parts::tick() {
    const auto now = steady_now();
    core.tick();
    counters.quotas.set(processor.state().quotas(quotas_shown_max));
    publish_status();
    member_orders.tick(now);
    member_upkeep.tick(now);
    while (!host.deadlines.empty() && host.deadlines.front().first <= now) {
        const auto connection = host.deadlines.front().second.lock();
        host.deadlines.pop_front();
        if (connection) connection->meet_deadline();
    }
    const auto half = options.tick / 2;
    const auto next = now.time_since_epoch() / half + 1;
    tick_timer.expires_at(Time(half * next));
    tick_timer.async_wait([weak = weak_from_this()](const Error& cancelled) {
        const auto self = weak.lock();
        if (!cancelled && self && self->running) self->tick();
    });
}

void Server::Parts::reap() {
    processor.reap();
    reap_timer.expires_after(options.reap_interval);
    reap_timer.async_wait([weak = weak_from_this()](const Error& cancelled) {
        const auto self = weak.lock();
        if (!cancelled && self && self->running) self->reap();
    });
}

}  // namespace coord
