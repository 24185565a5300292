#include "coord/client/client_session.hpp"

#include "coord/base/log.hpp"
#include "coord/base/tls_peer.hpp"
#include "coord/proto/error.hpp"
#include "coord/proto/jute.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/ssl/stream.hpp>
#include <boost/asio/write.hpp>
#include <fmt/format.h>

#include <algorithm>
#include <cassert>
#include <iterator>
#include <limits>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdexcept>
#include <tuple>

namespace coord {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::milliseconds first_pause{10};
constexpr std::chrono::milliseconds longest_pause{1000};
constexpr std::chrono::milliseconds pace_min{100};  // between pings
// A port of our own host that is closed now is most likely a server that is about to start.
constexpr std::chrono::milliseconds longest_pause_nearby{20};

spdlog::logger& log() { return logger("coord.client"); }

ConnectString parsed(const std::string& connect) {
    auto parsed = parse_connect_string(connect);
    if (!parsed) throw std::invalid_argument("not a connection string: \"" + connect + "\"");
    return *parsed;
}

std::string hex(SessionId id) { return fmt::format("0x{:x}", static_cast<std::uint64_t>(id)); }

}  // namespace

struct ClientSession::Link {
    Link(asio::io_context& io, std::string name, std::size_t frame_bytes_max)
        : host(std::move(name)), socket(io), in(frame_bytes_max) {}

    // What is being read or written on it ends with an error.
    void cut() {
        Error ignored;
        socket.close(ignored);
    }

    Task<std::tuple<Error, std::size_t>> read_some() {
        const auto space = in.space();
        const auto buffer = asio::buffer(space.data(), space.size());
        return tls ? tls->async_read_some(buffer, use_tuple)
                   : socket.async_read_some(buffer, use_tuple);
    }

    template <class Token>
    auto write(const std::string& bytes, Token&& token) {
        return tls ? asio::async_write(*tls, asio::buffer(bytes), std::forward<Token>(token))
                   : asio::async_write(socket, asio::buffer(bytes), std::forward<Token>(token));
    }

    const std::string host;
    asio::ip::tcp::socket socket;
    std::optional<asio::ssl::stream<asio::ip::tcp::socket&>> tls;  // over `socket`
    ReplyBuffer in;
    std::string out;      // frames of this turn of the event loop
    std::string writing;  // on their way; empty when no write is in flight
    bool flush_posted = false;
};

ClientSession::ClientSession(asio::io_context& io, ClientOptions options, std::uint64_t seed)
    : io_(io),
      options_(std::move(options)),
      chroot_(parsed(options_.connect).chroot),
      hosts_(parsed(options_.connect).hosts, seed),
      backoff_(first_pause, longest_pause, seed),
      timeout_(options_.session_timeout),
      watchdog_(io),
      waiting_timer_(io),
      pause_(io),
      resolver_(io) {
    assert(options_.outstanding_max > 0);
    if (options_.resume) identity_ = *options_.resume;
    if (options_.tls) tls_.emplace(io, "client", TlsRole::client, options_.tls->files);
}

void ClientSession::start() {
    spawn(io_, "coord.client", [self = shared_from_this()]() { return self->run(); });
}

SessionIdentity ClientSession::identity() const {
    return attached_ ? identity_ : SessionIdentity{};
}

std::string ClientSession::full_path(std::string_view path) const {
    if (chroot_.empty()) return std::string(path);
    return path == "/" ? chroot_ : chroot_ + std::string(path);
}

std::string ClientSession::client_path(std::string_view full_path) const {
    if (chroot_.empty() || !full_path.starts_with(chroot_)) return std::string(full_path);
    const auto below = full_path.substr(chroot_.size());
    if (below.empty()) return "/";
    // "/application" is not below "/app".
    return std::string(below.front() == '/' ? below : full_path);
}

// ---- the life of a connection

Task<void> ClientSession::run() {
    const auto self = shared_from_this();
    while (!over_) {
        const auto host = hosts_.next();
        const auto link = std::make_shared<Link>(io_, host.name, options_.frame_bytes_max);
        link_ = link;
        // As Java's client: every host gets its share of the timeout to let us in.
        join_by_ = Clock::now() + options_.session_timeout / static_cast<int>(hosts_.size());
        watch_over();
        ++tried_;
        attempts_.add();
        starting_nearby_ = false;
        bool in = co_await connect(link, host);
        if (in && tls_) in = co_await secure(link);
        if (in) in = co_await handshake(link);
        if (in) co_await serve(link);
        link->cut();
        if (in) lost();
        if (!over_) co_await pause();
    }
}

Task<bool> ClientSession::connect(std::shared_ptr<Link> link, EnsembleHost host) {
    Error failed;
    const auto address = asio::ip::make_address(host.name, failed);
    if (!failed) {
        const asio::ip::tcp::endpoint endpoint(address, host.port);
        std::tie(failed) = co_await link->socket.async_connect(endpoint, use_tuple);
        starting_nearby_ = failed == asio::error::connection_refused && address.is_loopback();
    } else {
        const auto port = std::to_string(host.port);
        const auto [unknown, found] = co_await resolver_.async_resolve(host.name, port, use_tuple);
        if (unknown) {
            log().debug("host unknown host={} error={}", host.name, unknown.message());
            co_return false;
        }
        // A lookup cannot be cut short: the watchdog may have come and gone meanwhile.
        if (over_ || Clock::now() >= join_by_) co_return false;
        const auto [last, chosen] = co_await asio::async_connect(link->socket, found, use_tuple);
        failed = last;
    }
    if (failed) {
        log().debug("connect failed host={}:{} error={}", host.name, host.port, failed.message());
        co_return false;
    }
    Error ignored;
    link->socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    co_return !over_;
}

Task<bool> ClientSession::secure(std::shared_ptr<Link> link) {
    const auto& given = options_.tls->server_name;
    const auto& name = given.empty() ? link->host : given;
    link->tls.emplace(link->socket, *tls_->current());
    auto* const session = link->tls->native_handle();
    expect_server(session, name);
    const auto [failed] =
        co_await link->tls->async_handshake(asio::ssl::stream_base::client, use_tuple);
    if (over_) co_return false;
    if (failed) {
        const auto verdict = ::SSL_get_verify_result(session);
        complain_of_tls(link->host,
                        verdict == X509_V_OK ? failed.message()
                                             : std::string("the certificate is refused: ") +
                                                   ::X509_verify_cert_error_string(verdict));
    }
    co_return !failed;
}

// A person must act, but need not be told with every attempt.
void ClientSession::complain_of_tls(const std::string& host, const std::string& why) {
    tls_failures_.add();
    const auto complaint = host + " " + why;
    if (complaint == tls_complaint_) return;
    tls_complaint_ = complaint;
    log().warn("tls handshake failed host={} why=\"{}\"", host, why);
}

Task<bool> ClientSession::handshake(std::shared_ptr<Link> link) {
    const auto asked = identity_;
    ConnectRequest request;
    request.last_zxid_seen = last_zxid_;
    request.timeout_ms = static_cast<std::int32_t>(options_.session_timeout.count());
    request.session = asked.id;
    request.password = std::string_view(asked.password.data(), asked.password.size());
    request.read_only = false;
    std::string frame;
    Encoder out(frame);
    const auto begun = begin_frame(frame);
    request.encode(out);
    end_frame(frame, begun);
    const auto [unsent, sent] = co_await link->write(frame, use_tuple);
    if (unsent || over_) co_return false;

    std::optional<std::string_view> answer;
    while (!answer) {
        const auto [error, size] = co_await link->read_some();
        if (over_) co_return false;
        if (error) {
            // TLS 1.3: what the server says of our certificate comes after the handshake.
            if (error.category() == asio::error::get_ssl_category()) {
                complain_of_tls(link->host, error.message());
            }
            refused();
            co_return false;
        }
        link->in.commit(size);
        auto next = link->in.next();
        if (!next) bad_frames_.add();
        if (!next) co_return false;
        answer = *next;
    }
    const auto response = ConnectResponse::decode(*answer);
    if (!response) co_return false;
    const bool fresh = asked.id == SessionId{};
    if (response->timeout_ms <= 0 || response->session == SessionId{} ||
        (!fresh && response->session != asked.id)) {
        if (!fresh) expire();
        co_return false;
    }
    joined(*response);
    co_return !over_;
}

void ClientSession::joined(const ConnectResponse& response) {
    const bool fresh = identity_.id == SessionId{};
    identity_ = {response.session, response.password};
    attached_ = true;
    timeout_ = std::chrono::milliseconds(response.timeout_ms);
    joined_at_ = heard_ = sent_ = Clock::now();
    refused_since_ = {};
    tls_complaint_.clear();
    tried_ = 0;
    next_xid_ = 1;
    state_ = SessionState::connected;
    connects_.add();
    log().info("session connected session={} new={} timeout_ms={}",
               hex(identity_.id),
               fresh,
               response.timeout_ms);
    // A new session knows nothing of what the old one saw: everything that exists is news to it.
    set_watches(fresh ? Zxid{} : last_zxid_);
    send_waiting();
    watch_over();
    tell(SessionState::connected);
}

Task<void> ClientSession::serve(std::shared_ptr<Link> link) {
    while (link->socket.is_open()) {
        while (true) {
            const auto frame = link->in.next();
            if (!frame) {
                bad_frames_.add();
                log().warn("frame out of range session={}", hex(identity_.id));
                co_return;
            }
            if (!frame->has_value()) break;
            if (!take(**frame) || !link->socket.is_open()) co_return;
        }
        const auto [error, size] = co_await link->read_some();
        if (error) co_return;
        heard_ = Clock::now();
        link->in.commit(size);
    }
}

void ClientSession::lost() {
    // A connection that lived proves that the ensemble works: begin anew with short pauses. One
    // that died young may be our own doing, and shall not make us hammer the servers.
    if (Clock::now() - joined_at_ >= longest_pause) backoff_.reset();
    tried_ = hosts_.size();
    losses_.add();
    auto in_flight = std::exchange(in_flight_, {});
    outstanding_ = waiting_.size();
    if (!over_) {
        log().warn("connection lost session={} in_flight={}", hex(identity_.id), in_flight.size());
        state_ = SessionState::connecting;
    }
    for (auto& request : in_flight) fail(std::move(request.done), Errc::connection_loss);
    look_after_waiting();
    if (!over_) tell(SessionState::connecting);
}

void ClientSession::expire() {
    log().warn("session expired session={}", hex(identity_.id));
    identity_ = {};
    attached_ = false;
    last_zxid_ = {};  // Or an ensemble that was restored from a backup would refuse us for ever.
    state_ = SessionState::expired;
    tried_ = 0;  // No pause: the server answers, it is only the session that is gone.
    expirations_.add();
    fail_waiting(Errc::session_expired);
    tell(SessionState::expired);
}

// A server closes without a word while it is not serving, or when we have seen a newer zxid than
// its own. If all of them do so for longer than our session can have lived, the ensemble has lost
// its past: own up to having seen nothing, and let it tell us that the session is gone.
void ClientSession::refused() {
    const auto now = Clock::now();
    if (refused_since_ == Clock::time_point{}) refused_since_ = now;
    if (last_zxid_ == Zxid{} || now - refused_since_ < timeout_ * 4 / 3) return;
    log().warn("ensemble refuses what we have seen session={} zxid=0x{:x}",
               hex(identity_.id),
               static_cast<std::int64_t>(last_zxid_));
    last_zxid_ = {};
}

// The hosts are tried one after the other without a pause; then all of them rest.
Task<void> ClientSession::pause() {
    if (tried_ < hosts_.size()) co_return;
    tried_ = 0;
    auto delay = backoff_.next();
    if (starting_nearby_) delay = std::min<std::chrono::microseconds>(delay, longest_pause_nearby);
    pause_.expires_after(delay);
    co_await pause_.async_wait(use_tuple);
}

Task<void> ClientSession::close(std::chrono::milliseconds patience) {
    const auto self = shared_from_this();
    if (over_) co_return;
    if (identity_.id == SessionId{}) co_return abandon();
    closing_ = true;
    asio::steady_timer limit(io_, patience);
    limit.async_wait([self](const Error& cancelled) {
        if (!cancelled) self->abandon();
    });
    // A request lost on its way is asked again: the session should really end.
    while (!over_) {
        auto answered = [](const ReplyView& reply) -> Result<void> {
            if (reply.error) return reply.error;
            return {};
        };
        const auto ended = co_await request<void>(OpCode::close_session, {}, answered);
        if (ended || ended.error() != Errc::connection_loss) break;
    }
    limit.cancel();
    abandon();
}

void ClientSession::abandon() {
    if (over_) return;
    over_ = true;
    state_ = SessionState::closed;
    if (link_) link_->cut();
    watchdog_.cancel();
    waiting_timer_.cancel();
    pause_.cancel();
    resolver_.cancel();
    for (auto& request : std::exchange(in_flight_, {})) {
        fail(std::move(request.done), Errc::connection_loss);
    }
    fail_waiting(Errc::connection_loss);
    tell(SessionState::closed);
}

// ---- frames

void ClientSession::enqueue(OpCode op, std::string body, Completion done) {
    assert(owner_.here());
    if (over_ || (closing_ && op != OpCode::close_session)) {
        return fail(std::move(done), Errc::session_expired);
    }
    if (body.size() > options_.request_bytes_max) {
        return fail(std::move(done), Errc::bad_arguments);
    }
    const bool connected = state_ == SessionState::connected;
    if (waiting_.size() >= options_.waiting_max && !closing_) {
        refusals_.add();
        return fail(std::move(done), connected ? Errc::throttled_op : Errc::connection_loss);
    }
    waiting_.push_back({op, std::move(body), std::move(done), Clock::now()});
    outstanding_ = waiting_.size() + in_flight_.size();
    if (connected) return send_waiting();
    if (waiting_.size() == 1) look_after_waiting();
}

void ClientSession::send_waiting() {
    while (!waiting_.empty() && in_flight_.size() < options_.outstanding_max) {
        auto request = std::move(waiting_.front());
        waiting_.pop_front();
        const auto xid = next_xid_;
        next_xid_ = xid == std::numeric_limits<std::int32_t>::max() ? 1 : xid + 1;
        send(request.op, request.body, xid);
        requests_.add();
        in_flight_.push_back({xid, std::move(request.done)});
    }
}

void ClientSession::set_watches(Zxid seen) {
    for (const auto& request : watches_.requests(seen)) {
        send(request.op, request.body, set_watches_xid);
    }
}

void ClientSession::send(OpCode op, std::string_view body, std::int32_t xid) {
    const auto& link = link_;
    Encoder out(link->out);
    const auto begun = begin_frame(link->out);
    encode(out, RequestHeader{xid, op});
    link->out += body;
    end_frame(link->out, begun);
    flush_soon(link);
}

// One write per turn of the event loop takes along all that was asked in it.
void ClientSession::flush_soon(const std::shared_ptr<Link>& link) {
    if (link->flush_posted || !link->writing.empty()) return;
    link->flush_posted = true;
    asio::post(io_, [self = shared_from_this(), link] {
        link->flush_posted = false;
        self->flush(link);
    });
}

void ClientSession::flush(const std::shared_ptr<Link>& link) {
    assert(link->writing.empty());
    if (link->out.empty() || !link->socket.is_open()) return;
    std::swap(link->out, link->writing);
    sent_ = Clock::now();
    link->write(link->writing, [self = shared_from_this(), link](const Error& error, std::size_t) {
        link->writing.clear();
        if (error) return link->cut();
        self->flush(link);
    });
}

bool ClientSession::take(std::string_view frame) {
    Decoder in(frame);
    const auto header = decode_reply_header(in);
    if (in.failed()) {
        bad_frames_.add();
        return false;
    }
    switch (header.xid) {
        case notification_xid: take_event(in.rest()); return true;
        case ping_xid: return true;
        case auth_xid: return true;
        case set_watches_xid:
            if (header.error != 0) log().warn("watches refused error={}", header.error);
            return true;
        default: return take_reply(header, in.rest());
    }
}

bool ClientSession::take_reply(const ReplyHeader& header, std::string_view body) {
    if (in_flight_.empty() || in_flight_.front().xid != header.xid) {
        bad_frames_.add();
        log().warn("reply out of order session={} xid={}", hex(identity_.id), header.xid);
        return false;
    }
    const auto done = std::move(in_flight_.front().done);
    in_flight_.pop_front();
    outstanding_ = waiting_.size() + in_flight_.size();
    replies_.add();
    if (header.zxid > last_zxid_) last_zxid_ = header.zxid;
    send_waiting();
    done(ReplyView{make_error_code(Errc{header.error}), body});
    return true;
}

void ClientSession::take_event(std::string_view body) {
    Decoder in(body);
    auto event = decode_watcher_event(in);
    if (in.failed()) return bad_frames_.add();
    events_.add();
    watches_.fired(event);
    event.path = client_path(event.path);
    for (std::size_t i = 0; i < event_told_.size() && !muted_; ++i) event_told_[i](event);
}

// ---- time

// ZooKeeper's rule: speak at least every third of the session timeout, and give up a server that
// has been silent for two thirds, so that another one can be reached in the last.
void ClientSession::watch_over() {
    if (over_) return;
    const auto now = Clock::now();
    const bool connected = state_ == SessionState::connected;
    // However short a timeout the server grants: a ping in every turn would help nobody.
    const auto third = std::max(timeout_ / 3, pace_min);
    auto wake = connected ? heard_ + 2 * third : join_by_;
    if (now >= wake) {
        log().debug("server is silent session={}", hex(identity_.id));
        return link_->cut();
    }
    if (connected) {
        if (now >= sent_ + third) {
            send(OpCode::ping, {}, ping_xid);
            sent_ = now;
        }
        wake = std::min(wake, sent_ + third);
    }
    watchdog_.expires_at(wake);
    watchdog_.async_wait([weak = weak_from_this()](const Error& cancelled) {
        const auto self = weak.lock();
        if (self && !cancelled) self->watch_over();
    });
}

// Requests wait for a connection as long as their session might live without one.
void ClientSession::look_after_waiting() {
    if (over_ || state_ == SessionState::connected) return;
    const auto now = Clock::now();
    while (!waiting_.empty() && waiting_.front().asked + timeout_ <= now) {
        fail(std::move(waiting_.front().done), Errc::connection_loss);
        waiting_.pop_front();
    }
    outstanding_ = waiting_.size() + in_flight_.size();
    if (waiting_.empty()) return;
    waiting_timer_.expires_at(waiting_.front().asked + timeout_);
    waiting_timer_.async_wait([weak = weak_from_this()](const Error& cancelled) {
        const auto self = weak.lock();
        if (self && !cancelled) self->look_after_waiting();
    });
}

// ---- telling

void ClientSession::tell(SessionState state) {
    for (std::size_t i = 0; i < state_told_.size() && !muted_; ++i) state_told_[i](state);
}

// Posted: whoever asks must have begun to wait, and whoever is destroyed must not be called back.
void ClientSession::fail(Completion done, Errc error) {
    asio::post(io_, [done = std::move(done), error] { done(ReplyView{error, {}}); });
}

void ClientSession::fail_waiting(Errc error) {
    for (auto& request : std::exchange(waiting_, {})) fail(std::move(request.done), error);
    outstanding_ = in_flight_.size();
}

std::vector<Metric> ClientSession::metrics() const {
    const auto counter = [](const char* name, const char* help, const Counter& counted) {
        return Metric{MetricKind::counter, name, help, static_cast<double>(counted.value())};
    };
    std::vector<Metric> metrics = {
        counter("roster_client_connect_attempts_total", "Connections tried.", attempts_),
        counter("roster_client_connects_total", "Handshakes that succeeded.", connects_),
        counter("roster_client_connection_losses_total", "Connections that broke.", losses_),
        counter("roster_client_expirations_total", "Sessions that expired.", expirations_),
        counter("roster_client_requests_total", "Requests sent.", requests_),
        counter("roster_client_replies_total", "Replies received.", replies_),
        counter("roster_client_events_total", "Watch events received.", events_),
        counter("roster_client_refused_total",
                "Requests refused because too many were waiting.",
                refusals_),
        counter("roster_client_bad_frames_total",
                "Frames that could not be read or came out of order.",
                bad_frames_),
        {MetricKind::gauge,
         "roster_client_outstanding",
         "Requests waiting or in flight.",
         static_cast<double>(outstanding_.load())},
    };
    if (!tls_) return metrics;
    metrics.push_back(counter("roster_client_tls_failures_total",
                              "TLS handshakes with servers that failed.",
                              tls_failures_));
    auto of_tls = tls_->metrics("roster_client_tls");
    std::move(of_tls.begin(), of_tls.end(), std::back_inserter(metrics));
    return metrics;
}

}  // namespace coord
