#include "http/connection.hpp"

#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <sys/socket.h>
#include <system_error>

namespace http {
namespace {

namespace beast_http = boost::beast::http;
using boost::system::error_code;

constexpr std::size_t linger_bytes_max = std::size_t{8} << 20U;
constexpr std::chrono::milliseconds linger_time{1000};

std::string_view view(boost::beast::string_view text) { return {text.data(), text.size()}; }

}  // namespace

// One request being read, and what the reply must know of it.
struct Connection::Exchange {
    boost::beast::flat_buffer& buffer;
    Request request;
    bool keep_alive = false;
    unsigned version = 11;
    bool head = false;
};

Connection::Connection(Socket socket,
                       const ConnectionOptions& options,
                       ConnectionCounters& counters)
    : socket_(std::move(socket)), options_(options), counters_(counters) {}

coord::Task<void> Connection::run() {
    counters_.opened.add();
    boost::beast::flat_buffer buffer(2 * options_.limits.header_bytes_max);
    for (bool open = true; open && socket_.is_open();) {
        Exchange exchange{buffer, {}, false, 11, false};
        if (!co_await read_request(exchange)) break;
        deadline_ = Clock::time_point::max();  // Handlers bound themselves.
        exchange.request.on_hangup = [this](std::function<void()> gone) {
            watch_hangup(std::move(gone));
        };
        auto response = co_await options_.answer(exchange.request);
        if (!socket_.is_open()) break;
        open = co_await write(exchange, std::move(response));
    }
    close();
    counters_.closed.add();
}

coord::Task<bool> Connection::read_request(Exchange& exchange) {
    beast_http::request_parser<beast_http::string_body> parser;
    parser.header_limit(static_cast<std::uint32_t>(options_.limits.header_bytes_max));
    parser.body_limit(options_.body_bytes_max);
    if (exchange.buffer.size() == 0) {
        allow(options_.limits.idle);
        const auto [idle] = co_await socket_.async_wait(Socket::wait_read, coord::use_tuple);
        if (idle) co_return false;
    }
    allow(options_.limits.request);
    const auto [bad_header, header_size] =
        co_await beast_http::async_read_header(socket_, exchange.buffer, parser, coord::use_tuple);
    exchange.version = parser.get().version();
    if (bad_header) co_return co_await refuse_unreadable(exchange, bad_header);
    if (boost::beast::iequals(parser.get()[beast_http::field::expect], "100-continue")) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        co_await boost::asio::async_write(socket_, boost::asio::buffer(go_on), coord::use_tuple);
    }
    const auto [bad_body, body_size] =
        co_await beast_http::async_read(socket_, exchange.buffer, parser, coord::use_tuple);
    if (bad_body) co_return co_await refuse_unreadable(exchange, bad_body);

    auto message = parser.release();
    exchange.keep_alive = message.keep_alive();
    exchange.head = message.method() == beast_http::verb::head;
    auto& request = exchange.request;
    request.method = view(message.method_string());
    for (const auto& field : message) {
        request.header.emplace_back(view(field.name_string()), view(field.value()));
    }
    request.body = std::move(message.body());
    auto target = parse_target(view(message.target()));
    if (!target) {
        counters_.bad_requests.add();
        exchange.keep_alive = false;
        co_await write(exchange, plain(400, "Bad Request: the target is not a valid URL"));
        co_return false;
    }
    request.target = std::move(*target);
    co_return true;
}

coord::Task<bool> Connection::refuse_unreadable(Exchange& exchange, error_code why) {
    Response response;
    if (why == beast_http::error::body_limit) {
        counters_.large_bodies.add();
        response = plain(413,
                         "Request body too large: the limit is " +
                             std::to_string(options_.body_bytes_max) + " bytes");
    } else if (why == beast_http::error::header_limit ||
               why == beast_http::error::buffer_overflow) {
        counters_.large_headers.add();
        response = plain(431, "Request header too large");
    } else if (why.category() == make_error_code(beast_http::error::bad_method).category() &&
               why != beast_http::error::end_of_stream &&
               why != beast_http::error::partial_message) {
        counters_.bad_requests.add();
        response = plain(400, "Bad Request: " + why.message());
    } else {
        co_return false;  // The client left.
    }
    exchange.keep_alive = false;
    co_await write(exchange, std::move(response));
    co_return false;
}

coord::Task<bool> Connection::write(const Exchange& exchange, Response response) {
    beast_http::response<beast_http::string_body> message;
    message.result(static_cast<unsigned>(response.status));
    message.version(exchange.version < 11 ? 10 : 11);
    const bool keep_alive = exchange.keep_alive && !response.close;
    message.keep_alive(keep_alive);
    if (!response.content_type.empty()) {
        message.set(beast_http::field::content_type, response.content_type);
    }
    for (const auto& [name, value] : options_.response_headers) message.set(name, value);
    for (const auto& [name, value] : response.header) message.set(name, value);
    message.content_length(response.stream ? response.stream->bytes : response.body.size());
    if (!exchange.head) message.body() = std::move(response.body);

    allow(options_.limits.reply);
    beast_http::response_serializer<beast_http::string_body> serializer(message);
    const auto [failed, written] =
        exchange.head || response.stream
            ? co_await beast_http::async_write_header(socket_, serializer, coord::use_tuple)
            : co_await beast_http::async_write(socket_, serializer, coord::use_tuple);
    const bool all_sent =
        !failed && (exchange.head || !response.stream || co_await write(*response.stream));
    if (response.sent) response.sent();
    if (!all_sent) co_return false;
    if (!keep_alive) co_await linger();
    co_return keep_alive;
}

// The client has its time for each piece.
coord::Task<bool> Connection::write(const Stream& stream) {
    constexpr std::size_t piece_bytes = std::size_t{256} << 10U;
    for (std::uint64_t offset = 0; offset < stream.bytes;) {
        const auto count = std::min<std::uint64_t>(piece_bytes, stream.bytes - offset);
        std::string piece;
        try {
            piece = stream.read(offset, count);
        } catch (const std::system_error&) {
            co_return false;
        }
        if (piece.empty()) co_return false;
        allow(options_.limits.reply);
        const auto [failed, written] = co_await boost::asio::async_write(
            socket_, boost::asio::buffer(piece), coord::use_tuple);
        if (failed) co_return false;
        offset += piece.size();
    }
    co_return true;
}

// RFC 9112 §9.6: closing with unread bytes would reset the connection, and the client would lose
// the reply. So close our side, and read a little of what it still sends.
coord::Task<void> Connection::linger() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    allow(linger_time);
    std::vector<char> sink(std::size_t{16} << 10U);
    for (std::size_t total = 0; total < linger_bytes_max;) {
        const auto [failed, size] =
            co_await socket_.async_read_some(boost::asio::buffer(sink), coord::use_tuple);
        if (failed) break;
        total += size;
    }
    deadline_ = Clock::time_point::max();
}

// Tells `gone` when the client closes while its request is worked on. What it sends ahead stays in
// the socket; after that its closing shows only when the reply is written.
void Connection::watch_hangup(std::function<void()> gone) {
    gone_ = std::move(gone);
    if (!gone_ || watching_) return;
    watching_ = true;
    socket_.async_wait(Socket::wait_read, [self = shared_from_this()](error_code failed) {
        self->watching_ = false;
        if (!self->gone_) return;
        char byte = 0;
        const auto size =
            failed ? 0 : ::recv(self->socket_.native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
        if (size > 0 || (size < 0 && errno == EAGAIN)) return;
        auto told = std::move(self->gone_);
        self->close();
        told();
    });
}

void Connection::close() {
    error_code ignored;
    socket_.close(ignored);
}

void Connection::close_if_late(Clock::time_point now) {
    if (now < deadline_) return;
    counters_.timeouts.add();
    deadline_ = Clock::time_point::max();
    close();
}

std::vector<coord::Metric> ConnectionCounters::metrics() const {
    const auto number = [](const coord::Counter& c) { return static_cast<double>(c.value()); };
    const auto refused_for = [&](std::string limit, const coord::Counter& count) {
        return coord::Metric{coord::MetricKind::counter,
                             "roster_http_limits_hit_total",
                             "Connections ended or refused because a limit was hit.",
                             number(count),
                             {{"limit", std::move(limit)}}};
    };
    return {
        {coord::MetricKind::gauge,
         "roster_http_connections",
         "HTTP connections open now.",
         number(opened) - number(closed),
         {}},
        {coord::MetricKind::counter,
         "roster_http_connections_total",
         "HTTP connections accepted.",
         number(opened),
         {}},
        {coord::MetricKind::counter,
         "roster_http_bad_requests_total",
         "Requests that were not HTTP.",
         number(bad_requests),
         {}},
        refused_for("connections", refused),
        refused_for("header_bytes", large_headers),
        refused_for("body_bytes", large_bodies),
        refused_for("time", timeouts),
    };
}

}  // namespace http
