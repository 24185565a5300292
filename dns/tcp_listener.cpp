#include "dns/tcp_listener.hpp"

#include "coord/base/async.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <system_error>
#include <utility>
#include <vector>

namespace dns {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::size_t frame_bytes_max = 65'535;
constexpr std::size_t unsent_bytes_max = 65'536;  // then the connection reads no further
constexpr std::size_t read_bytes = 4096;
constexpr int backlog = 1024;

struct Connection {
    explicit Connection(tcp::socket accepted)
        : socket(std::move(accepted)), idle(socket.get_executor()) {}

    tcp::socket socket;
    asio::steady_timer idle;
    std::vector<std::uint8_t> received;  // queries not yet answered, whole and half ones
    std::vector<std::uint8_t> unsent;
    std::list<Connection*>::iterator place;  // in State::by_age, while it is open

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
        idle.cancel();
    }
};

}  // namespace

struct TcpListener::State {
    State(asio::io_context& with, TcpOptions how, const Responder& answering)
        : io(with), options(how), responder(&answering), acceptor(io), random(options.seed) {
        transport.tcp = true;
        transport.loopback = options.endpoint.address().is_loopback();
        transport.udp_bytes_max = options.udp_bytes_max;
        listen();
    }

    void listen();
    // Each coroutine keeps the state alive, from before its first step: it starts only when `io`
    // runs, and the listener may be gone by then.
    using Alive = std::shared_ptr<State>;
    coord::Task<void> accept(Alive alive);
    coord::Task<void> serve(std::shared_ptr<Connection> connection, Alive alive);
    coord::Task<void> watch(std::shared_ptr<Connection> connection, Alive alive);
    void touch(Connection& connection);
    void evict();
    bool answer(Connection& connection);
    bool answer_frame(Octets frame, std::vector<std::uint8_t>& unsent);
    void stop();

    asio::io_context& io;
    TcpOptions options;
    const Responder* responder;  // null once stopped
    Transport transport;
    tcp::acceptor acceptor;
    Random random;
    std::list<Connection*> by_age;  // the longest idle first
    std::array<std::uint8_t, frame_bytes_max> scratch{};
    Counters counters;
    TcpCounters tcp_counters;
};

void TcpListener::State::listen() {
    try {
        acceptor.open(options.endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        if (options.endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true));
        acceptor.bind(options.endpoint);
        acceptor.listen(backlog);
    } catch (const boost::system::system_error& error) {
        // Boost's is no std::system_error, which is what the UDP side throws.
        throw std::system_error(std::error_code(error.code()));
    }
}

coord::Task<void> TcpListener::State::accept([[maybe_unused]] Alive alive) {
    asio::steady_timer pause(io);
    while (responder != nullptr) {
        auto [error, socket] = co_await acceptor.async_accept(coord::use_tuple);
        if (responder == nullptr) co_return;
        if (error) {
            // Out of file descriptors, or a client that is gone already: others will come.
            pause.expires_after(std::chrono::milliseconds(50));
            co_await pause.async_wait(coord::use_tuple);
            continue;
        }
        tcp_counters.accepted.add();
        socket.set_option(tcp::no_delay(true), error);
        auto connection = std::make_shared<Connection>(std::move(socket));
        if (by_age.size() >= options.connections_max) evict();
        connection->place = by_age.insert(by_age.end(), connection.get());
        touch(*connection);
        coord::spawn(io, "dns.tcp watch", watch(connection, alive));
        coord::spawn(io, "dns.tcp serve", serve(std::move(connection), alive));
    }
}

// Closes the connection when its time is up. Each touch() gives it more.
coord::Task<void> TcpListener::State::watch(std::shared_ptr<Connection> connection,
                                            [[maybe_unused]] Alive alive) {
    while (connection->socket.is_open()) {
        co_await connection->idle.async_wait(coord::use_tuple);
        if (!connection->socket.is_open()) break;
        if (connection->idle.expiry() > std::chrono::steady_clock::now()) continue;
        tcp_counters.timed_out.add();
        connection->close();
    }
}

void TcpListener::State::touch(Connection& connection) {
    connection.idle.expires_after(options.idle_timeout);
    by_age.splice(by_age.end(), by_age, connection.place);
}

void TcpListener::State::evict() {
    tcp_counters.evicted.add();
    Connection& oldest = *by_age.front();
    by_age.splice(by_age.end(), by_age, oldest.place);
    oldest.close();
}

coord::Task<void> TcpListener::State::serve(std::shared_ptr<Connection> connection,
                                            [[maybe_unused]] Alive alive) {
    std::array<std::uint8_t, read_bytes> chunk;
    for (;;) {
        if (!answer(*connection)) break;
        if (!connection->unsent.empty()) {
            const auto [error, n] = co_await asio::async_write(
                connection->socket, asio::buffer(connection->unsent), coord::use_tuple);
            if (error || responder == nullptr) break;
            connection->unsent.clear();
            continue;  // There may be queries that found no room for their replies.
        }
        const auto [error, n] =
            co_await connection->socket.async_read_some(asio::buffer(chunk), coord::use_tuple);
        if (error || responder == nullptr) break;
        connection->received.insert(connection->received.end(), chunk.begin(), chunk.begin() + n);
    }
    connection->close();
    tcp_counters.closed.add();
    by_age.erase(connection->place);
}

// Answers the whole queries that were received, as far as there is room for replies. False if the
// connection is to be closed.
bool TcpListener::State::answer(Connection& connection) {
    auto& received = connection.received;
    std::size_t at = 0;
    bool good = true;
    const ReadSection section;
    while (received.size() - at >= 2 && connection.unsent.size() < unsent_bytes_max) {
        const std::size_t frame_bytes = read_u16(received, at);
        if (received.size() - at - 2 < frame_bytes) break;
        good = answer_frame(Octets(received).subspan(at + 2, frame_bytes), connection.unsent);
        if (!good) break;
        at += 2 + frame_bytes;
    }
    received.erase(received.begin(), received.begin() + static_cast<std::ptrdiff_t>(at));
    if (at > 0) touch(connection);
    return good;
}

bool TcpListener::State::answer_frame(Octets frame, std::vector<std::uint8_t>& unsent) {
    std::memcpy(scratch.data(), frame.data(), frame.size());
    const auto reply = responder->respond(scratch, frame.size(), transport, random);
    counters.count(reply);
    if (reply.bytes == 0) {
        tcp_counters.bad_frames.add();
        return false;
    }
    append_u16(unsent, static_cast<std::uint16_t>(reply.bytes));
    append(unsent, Octets(scratch).first(reply.bytes));
    return true;
}

void TcpListener::State::stop() {
    responder = nullptr;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    for (auto* connection : by_age) connection->close();
}

TcpListener::TcpListener(asio::io_context& io, TcpOptions options, const Responder& responder)
    : state_(std::make_shared<State>(io, options, responder)) {}

TcpListener::~TcpListener() { stop(); }

void TcpListener::start() { coord::spawn(state_->io, "dns.tcp accept", state_->accept(state_)); }

void TcpListener::stop() { state_->stop(); }

std::uint16_t TcpListener::port() const { return state_->acceptor.local_endpoint().port(); }

const Counters& TcpListener::counters() const { return state_->counters; }

const TcpCounters& TcpListener::tcp_counters() const { return state_->tcp_counters; }

}  // namespace dns
