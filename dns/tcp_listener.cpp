#include "dns/tcp_listener.hpp"

#include "coord/base/async.hpp"
#include "dns/frame_reader.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/v6_only.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/write.hpp>
#include <boost/system/system_error.hpp>

#include <algorithm>
#include <array>
#include <cstring>
#include <list>
#include <map>
#include <memory>
#include <openssl/ssl.h>
#include <optional>
#include <string_view>
#include <sys/socket.h>
#include <system_error>
#include <utility>
#include <vector>

namespace dns {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using Clock = std::chrono::steady_clock;

constexpr std::size_t frame_bytes_max = 65'535;
constexpr std::size_t unsent_bytes_max = 65'536;  // then the connection reads no further
constexpr std::size_t forwarded_max = 100;        // of one connection, and updates
constexpr std::size_t read_bytes = 4096;
constexpr int backlog = 1024;

IpAddress ip_of(const asio::ip::address& address) {
    IpAddress ip;
    const auto put = [&ip](const auto& octets) {
        ip.size = static_cast<std::uint8_t>(octets.size());
        std::copy(octets.begin(), octets.end(), ip.bytes.begin());
    };
    if (address.is_v4()) {
        put(address.to_v4().to_bytes());
    } else {
        put(address.to_v6().to_bytes());
    }
    return ip;
}

// RFC 7858 §3.1 names the protocol "dot"; who speaks of none means it all the same. Who speaks only of
// others came for something else: RFC 7301 §3.2 ends that with the alert no_application_protocol.
int select_protocol(SSL* /*session*/,
                    const unsigned char** selected,
                    unsigned char* bytes,
                    const unsigned char* offered,
                    unsigned offered_bytes,
                    void* /*unused*/) {
    constexpr std::string_view dot = "\3dot";
    unsigned char* chosen = nullptr;
    const int found = SSL_select_next_proto(&chosen,
                                            bytes,
                                            octets(dot).data(),
                                            static_cast<unsigned>(dot.size()),
                                            offered,
                                            offered_bytes);
    *selected = chosen;
    return found == OPENSSL_NPN_NEGOTIATED ? SSL_TLSEXT_ERR_OK : SSL_TLSEXT_ERR_ALERT_FATAL;
}

struct Connection {
    Connection(tcp::socket accepted, const IpAddress& from)
        : socket(std::move(accepted)),
          client(from),
          changed(socket.get_executor(), asio::steady_timer::time_point::max()) {}

    // What was received, or 0 octets at its end.
    coord::Task<std::size_t> read(asio::mutable_buffer room) {
        if (tls) {
            const auto [error, n] = co_await tls->async_read_some(room, coord::use_tuple);
            co_return error ? 0 : n;
        }
        const auto [error, n] = co_await socket.async_read_some(room, coord::use_tuple);
        co_return error ? 0 : n;
    }

    // Whether all of `sending` is on its way.
    coord::Task<bool> write() {
        if (tls) {
            const auto [error, n] =
                co_await asio::async_write(*tls, asio::buffer(sending), coord::use_tuple);
            co_return !error;
        }
        // What the kernel takes at once needs no turn of the event loop: a reply hardly ever does.
        const auto taken = ::send(
            socket.native_handle(), sending.data(), sending.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (taken == static_cast<ssize_t>(sending.size())) co_return true;
        const auto rest =
            asio::buffer(sending) + static_cast<std::size_t>(std::max(taken, ssize_t{0}));
        const auto [error, n] = co_await asio::async_write(socket, rest, coord::use_tuple);
        co_return !error;
    }

    // RFC 9103 §7.1, §7.2: over TLS they go only where it is 1.3 at least, and agreed to be for DNS.
    bool carries_transfers() {
        if (!tls) return true;
        const unsigned char* protocol = nullptr;
        unsigned size = 0;
        SSL_get0_alpn_selected(tls->native_handle(), &protocol, &size);
        return size > 0 && SSL_version(tls->native_handle()) >= TLS1_3_VERSION;
    }

    void close() {
        boost::system::error_code ignored;
        socket.close(ignored);
        changed.cancel();
    }

    // Until something was sent, or came from the forwarder, or the connection was closed.
    coord::Task<void> change() { co_await changed.async_wait(coord::use_tuple); }

    tcp::socket socket;
    std::optional<asio::ssl::stream<tcp::socket&>> tls;
    IpAddress client;
    FrameReader received;
    std::vector<std::uint8_t> unsent;
    std::vector<std::uint8_t> sending;
    std::size_t unread = 0;  // octets of both
    bool is_sending = false;
    bool broken = false;
    std::size_t forwarded = 0;  // queries whose replies come later
    std::uint64_t number = 0;   // by which those find this connection; 0: there were none
    asio::steady_timer changed;
    std::unique_ptr<Transfer> transfer;  // under way
    Clock::time_point quiet_since;
    std::list<Connection*>::iterator place;  // in State::by_age, while it is open
};

}  // namespace

struct TcpListener::State : ForwardSource, std::enable_shared_from_this<TcpListener::State> {
    State(asio::io_context& with, TcpOptions how, const Responder& answering)
        : io(with),
          options(std::move(how)),
          responder(&answering),
          acceptor(io),
          sweeper(io),
          random(options.seed) {
        transport_.tcp = true;
        transport_.tls = static_cast<bool>(options.tls);
        transport_.loopback = options.endpoint.address().is_loopback();
        transport_.udp_bytes_max = options.udp_bytes_max;
        transport_.keepalive = static_cast<std::uint16_t>(
            std::clamp<std::int64_t>(options.idle_timeout.count() / 100, 1, 65'535));
        listen();
    }

    void listen();
    // Each coroutine keeps the state alive, from before its first step: it starts only when `io`
    // runs, and the listener may be gone by then.
    using Alive = std::shared_ptr<State>;
    coord::Task<void> accept(Alive alive);
    void take(tcp::socket socket, const IpAddress& client, const Alive& alive);
    coord::Task<void> serve(std::shared_ptr<Connection> connection, Alive alive);
    coord::Task<bool> shake_hands(Connection& connection);
    coord::Task<void> exchange(const std::shared_ptr<Connection>& connection, const Alive& alive);
    coord::Task<void> sweep(Alive alive);
    [[nodiscard]] bool is_crowded() const {
        return by_age.size() * 4 > options.connections_max * 3;
    }
    [[nodiscard]] std::chrono::milliseconds patience() const;
    void touch(Connection& connection);
    void evict();
    void leave(Connection& connection);
    coord::Task<bool> flush(std::shared_ptr<Connection> connection, Alive alive);
    bool answer(const std::shared_ptr<Connection>& connection);
    bool answer_frame(const std::shared_ptr<Connection>& connection, Octets frame);
    bool hand_over(const std::shared_ptr<Connection>& connection);
    void expect_reply(const std::shared_ptr<Connection>& connection);
    void take_update(const std::shared_ptr<Connection>& connection, Octets message);
    bool reply(const ForwardedQuery& query, Octets message) override;
    [[nodiscard]] const Transport& transport() const override { return transport_; }
    void take_reply(std::uint64_t number, const std::vector<std::uint8_t>& message);
    void queue(Connection& connection, Octets message);
    void settle(Connection& connection, std::size_t bytes);
    void begin_transfer(Connection& connection, Octets frame);
    void go_on(Connection& connection);
    void stop();

    asio::io_context& io;
    TcpOptions options;
    const Responder* responder;  // null once stopped
    Transport transport_;
    tcp::acceptor acceptor;
    asio::steady_timer sweeper;
    Random random;
    std::list<Connection*> by_age;  // the longest quiet first
    std::map<IpAddress, std::size_t> by_client;
    std::map<std::uint64_t, std::shared_ptr<Connection>> forwarding;  // those by number
    std::uint64_t last_number = 0;
    std::size_t unread_bytes = 0;
    bool handed_over = false;  // something, since the forwarder was woken
    Exchange exchange_of_frame;
    std::array<std::uint8_t, frame_bytes_max> scratch{};
    Counters counters;
    TcpCounters tcp_counters;
};

void TcpListener::State::listen() {
    try {
        acceptor.open(options.endpoint.protocol());
        acceptor.set_option(tcp::acceptor::reuse_address(true));
        if (options.endpoint.address().is_v6()) acceptor.set_option(asio::ip::v6_only(true));
        acceptor.set_option(tcp::no_delay(true));  // What is accepted inherits it.
        acceptor.bind(options.endpoint);
        acceptor.listen(backlog);
    } catch (const boost::system::system_error& error) {
        // Boost's is no std::system_error, which is what the UDP side throws.
        throw std::system_error(std::error_code(error.code()));
    }
}

coord::Task<void> TcpListener::State::accept(Alive alive) {
    asio::steady_timer pause(io);
    tcp::endpoint peer;
    while (responder != nullptr) {
        auto [error, socket] = co_await acceptor.async_accept(peer, coord::use_tuple);
        if (responder == nullptr) co_return;
        if (error) {
            // Out of file descriptors, or a client that is gone already: others will come.
            pause.expires_after(std::chrono::milliseconds(50));
            co_await pause.async_wait(coord::use_tuple);
            continue;
        }
        take(std::move(socket), ip_of(peer.address()), alive);
    }
}

void TcpListener::State::take(tcp::socket socket, const IpAddress& client, const Alive& alive) {
    tcp_counters.accepted.add();
    const bool is_here = options.endpoint.address().is_unspecified() && client.is_loopback();
    if (by_client[client] >= options.connections_max_per_client && !is_here) {
        tcp_counters.crowded.add();
        tcp_counters.closed.add();
        return;
    }
    ++by_client[client];
    auto connection = std::make_shared<Connection>(std::move(socket), client);
    if (by_age.size() >= options.connections_max) evict();
    const bool was_crowded = is_crowded();
    connection->place = by_age.insert(by_age.end(), connection.get());
    touch(*connection);
    if (is_crowded() && !was_crowded) sweeper.cancel();  // It waits for too long now.
    coord::spawn(io, "dns.tcp serve", serve(std::move(connection), alive));
}

std::chrono::milliseconds TcpListener::State::patience() const {
    return is_crowded() ? std::min(options.idle_timeout, options.idle_timeout_crowded)
                        : options.idle_timeout;
}

// One timer for all: who has been quiet for longest stands first.
coord::Task<void> TcpListener::State::sweep([[maybe_unused]] Alive alive) {
    while (responder != nullptr) {
        const auto now = Clock::now();
        for (auto* connection : by_age) {
            if (connection->quiet_since + patience() > now) break;
            if (!connection->socket.is_open()) continue;
            tcp_counters.timed_out.add();
            connection->close();
        }
        // Whoever is closed leaves the list a little later.
        const auto waiting = std::find_if(
            by_age.begin(), by_age.end(), [](const auto* one) { return one->socket.is_open(); });
        const auto next = waiting == by_age.end() ? now : (*waiting)->quiet_since;
        sweeper.expires_at(std::max(next + patience(), now + std::chrono::milliseconds(10)));
        co_await sweeper.async_wait(coord::use_tuple);
    }
}

void TcpListener::State::touch(Connection& connection) {
    connection.quiet_since = Clock::now();
    by_age.splice(by_age.end(), by_age, connection.place);
}

void TcpListener::State::evict() {
    tcp_counters.evicted.add();
    Connection& oldest = *by_age.front();
    by_age.splice(by_age.end(), by_age, oldest.place);
    oldest.close();
}

void TcpListener::State::leave(Connection& connection) {
    connection.close();
    tcp_counters.closed.add();
    settle(connection, connection.unread);
    forwarding.erase(connection.number);
    by_age.erase(connection.place);
    const auto client = by_client.find(connection.client);
    if (--client->second == 0) by_client.erase(client);
}

coord::Task<void> TcpListener::State::serve(std::shared_ptr<Connection> connection, Alive alive) {
    const bool ready = co_await shake_hands(*connection);
    if (ready) {
        co_await exchange(connection, alive);
    }
    leave(*connection);
}

coord::Task<bool> TcpListener::State::shake_hands(Connection& connection) {
    if (!options.tls) co_return responder != nullptr;
    const auto context = options.tls();
    SSL_CTX_set_alpn_select_cb(context->native_handle(), &select_protocol, nullptr);
    connection.tls.emplace(connection.socket, *context);
    const auto [error] =
        co_await connection.tls->async_handshake(asio::ssl::stream_base::server, coord::use_tuple);
    if (error) tcp_counters.bad_handshakes.add();
    co_return !error && responder != nullptr;
}

coord::Task<void> TcpListener::State::exchange(const std::shared_ptr<Connection>& connection,
                                               const Alive& alive) {
    std::array<std::uint8_t, read_bytes> chunk;
    for (;;) {
        const bool good = answer(connection);
        const bool had_replies = !connection->unsent.empty();
        const bool sent = co_await flush(connection, alive);
        if (!sent || responder == nullptr || !good) co_return;
        if (had_replies) continue;  // There may be queries that found no room for their replies.
        if (connection->forwarded >= forwarded_max) {
            co_await connection->change();
            if (connection->broken || responder == nullptr) co_return;
            continue;
        }
        const auto room = asio::buffer(chunk);
        const std::size_t n = co_await connection->read(room);
        if (responder == nullptr) co_return;
        if (n == 0) break;
        connection->received.append(Octets(chunk).first(n));
    }
    // A client may say that it is done and still wait for its replies (RFC 7766 §6.2.3): for those
    // to come, and for one that is on its way.
    while (connection->socket.is_open() && responder != nullptr) {
        const bool sent = co_await flush(connection, alive);
        if (!sent || connection->forwarded == 0) co_return;
        co_await connection->change();
    }
}

// Sends what there is, and what comes meanwhile. One at a time: whoever comes second waits for the
// first. False if the connection is of no use any more.
coord::Task<bool> TcpListener::State::flush(std::shared_ptr<Connection> connection,
                                            [[maybe_unused]] Alive alive) {
    while (connection->is_sending) co_await connection->change();
    connection->is_sending = true;
    while (!connection->unsent.empty() && !connection->broken) {
        std::swap(connection->sending, connection->unsent);
        const bool sent = co_await connection->write();
        connection->broken = !sent;
        settle(*connection, connection->sending.size());
        connection->sending.clear();
    }
    connection->is_sending = false;
    connection->changed.cancel();
    co_return !connection->broken;
}

// Answers the whole queries that were received, as far as there is room for replies. False if the
// connection is to be closed.
bool TcpListener::State::answer(const std::shared_ptr<Connection>& connection) {
    bool good = true;
    bool touched = false;
    const ReadSection section;
    while (good && connection->unsent.size() < unsent_bytes_max &&
           connection->forwarded < forwarded_max) {
        if (connection->transfer) {
            go_on(*connection);
            touched = true;
            continue;
        }
        const auto frame = connection->received.next();
        if (!frame) break;
        const bool is_transfer = options.transfers != nullptr && Transfers::is_request(*frame);
        if (is_transfer && connection->carries_transfers()) {
            begin_transfer(*connection, *frame);
            continue;
        }
        good = answer_frame(connection, *frame);
        touched |= good;
    }
    if (handed_over) options.forward->wake();
    handed_over = false;
    if (touched) touch(*connection);
    if (unread_bytes > options.unread_bytes_max) evict();
    return good;
}

bool TcpListener::State::answer_frame(const std::shared_ptr<Connection>& connection, Octets frame) {
    if (is_update(frame) && options.take_update) {
        take_update(connection, frame);
        return true;
    }
    std::memcpy(scratch.data(), frame.data(), frame.size());
    auto& exchange = exchange_of_frame;
    exchange.buffer = scratch;
    exchange.query_bytes = frame.size();
    exchange.client = {connection->client, options.unix_seconds ? options.unix_seconds() : 0};
    responder->respond({&exchange, 1}, transport_, random);
    const auto& reply = exchange.reply;
    counters.count_query(reply);
    if (reply.forward) {
        if (hand_over(connection)) return true;
        counters.forward_full.add();
        responder->refuse_forward(exchange, transport_);
    }
    if (reply.bytes == 0) {
        tcp_counters.bad_frames.add();
        return false;
    }
    counters.count_response(reply);
    queue(*connection, Octets(scratch).first(reply.bytes));
    return true;
}

void TcpListener::State::queue(Connection& connection, Octets message) {
    append_u16(connection.unsent, static_cast<std::uint16_t>(message.size()));
    append(connection.unsent, message);
    connection.unread += 2 + message.size();
    unread_bytes += 2 + message.size();
}

// So many octets are with the client, or will never be.
void TcpListener::State::settle(Connection& connection, std::size_t bytes) {
    const std::size_t settled = std::min(bytes, connection.unread);
    connection.unread -= settled;
    unread_bytes -= settled;
}

bool TcpListener::State::hand_over(const std::shared_ptr<Connection>& connection) {
    ForwardedQuery* const query = options.forward != nullptr ? options.forward->claim() : nullptr;
    if (query == nullptr) return false;
    expect_reply(connection);
    Responder::hand_over(exchange_of_frame, *query);
    query->source = this;
    std::memcpy(query->to.bytes.data(), &connection->number, sizeof connection->number);
    options.forward->push();
    handed_over = true;
    counters.forwarded.add();
    return true;
}

// One that comes from another thread, by the connection's number.
void TcpListener::State::expect_reply(const std::shared_ptr<Connection>& connection) {
    ++connection->forwarded;
    if (connection->number != 0) return;
    connection->number = ++last_number;
    forwarding.emplace(connection->number, connection);
}

// Updates are not for this thread.
void TcpListener::State::take_update(const std::shared_ptr<Connection>& connection,
                                     Octets message) {
    expect_reply(connection);
    UpdateMessage update{{message.begin(), message.end()}, connection->client, {}};
    update.reply = [alive = shared_from_this(),
                    number = connection->number](std::vector<std::uint8_t> reply) {
        asio::post(alive->io,
                   [alive, number, reply = std::move(reply)] { alive->take_reply(number, reply); });
    };
    const auto refused = options.take_update(std::move(update));
    if (!refused) return;
    --connection->forwarded;
    std::memcpy(scratch.data(), message.data(), message.size());
    const auto reply = reply_with_header(scratch, *refused);
    counters.count_response(reply);
    queue(*connection, Octets(scratch).first(reply.bytes));
}

// On the forward thread, which is gone before this is.
bool TcpListener::State::reply(const ForwardedQuery& query, Octets message) {
    std::uint64_t number = 0;
    std::memcpy(&number, query.to.bytes.data(), sizeof number);
    asio::post(io,
               [alive = shared_from_this(),
                number,
                message = std::vector<std::uint8_t>(message.begin(), message.end())] {
                   alive->take_reply(number, message);
               });
    return true;
}

void TcpListener::State::take_reply(std::uint64_t number,
                                    const std::vector<std::uint8_t>& message) {
    const auto found = forwarding.find(number);
    if (found == forwarding.end()) return;  // Its client did not wait for it.
    const auto connection = found->second;
    --connection->forwarded;
    connection->changed.cancel();
    if (responder == nullptr || connection->broken || !connection->socket.is_open()) return;
    queue(*connection, message);
    touch(*connection);
    if (unread_bytes > options.unread_bytes_max) evict();
    if (connection->is_sending) return;
    coord::spawn(io, "dns.tcp send", [](auto sending, auto kept) -> coord::Task<void> {
        const bool sent = co_await kept->flush(sending, kept);
        if (!sent) sending->close();
    }(connection, shared_from_this()));
}

void TcpListener::State::begin_transfer(Connection& connection, Octets frame) {
    connection.transfer = options.transfers->answer(frame, connection.client);
    Reply reply;
    reply.bytes = frame.size();
    reply.type = connection.transfer->type();
    reply.rcode = connection.transfer->rcode();
    counters.count_query(reply);
    counters.count_response(reply);
}

// Its next message, when those before it have found room.
void TcpListener::State::go_on(Connection& connection) {
    const std::size_t before = connection.unsent.size();
    const bool more = connection.transfer->append_to(connection.unsent);
    if (!more) connection.transfer.reset();
    const std::size_t bytes = connection.unsent.size() - before;
    connection.unread += bytes;
    unread_bytes += bytes;
}

void TcpListener::State::stop() {
    responder = nullptr;
    boost::system::error_code ignored;
    acceptor.close(ignored);
    sweeper.cancel();
    for (auto* connection : by_age) connection->close();
}

TcpListener::TcpListener(asio::io_context& io, TcpOptions options, const Responder& responder)
    : state_(std::make_shared<State>(io, std::move(options), responder)) {}

TcpListener::~TcpListener() { stop(); }

void TcpListener::start() {
    coord::spawn(state_->io, "dns.tcp accept", state_->accept(state_));
    coord::spawn(state_->io, "dns.tcp sweep", state_->sweep(state_));
}

void TcpListener::stop() { state_->stop(); }

std::uint16_t TcpListener::port() const { return state_->acceptor.local_endpoint().port(); }

const Counters& TcpListener::counters() const { return state_->counters; }

const TcpCounters& TcpListener::tcp_counters() const { return state_->tcp_counters; }

}  // namespace dns
