#include "coord/raft/peer_stream.hpp"

#include "coord/base/tls_peer.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/connect.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/write.hpp>

#include <algorithm>
#include <netinet/tcp.h>
#include <utility>

namespace coord {

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

template <int Name>
using TcpOption = asio::detail::socket_option::integer<IPPROTO_TCP, Name>;

std::string lower(std::string text) {
    std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) {
        return static_cast<char>(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    });
    return text;
}

}  // namespace

PeerStream::PeerStream(asio::io_context& io, std::chrono::milliseconds user_timeout)
    : socket_(io), deadline_(io), user_timeout_(user_timeout) {}

PeerStream::PeerStream(Socket socket, std::chrono::milliseconds user_timeout)
    : socket_(std::move(socket)), deadline_(socket_.get_executor()), user_timeout_(user_timeout) {
    tune();
}

Task<Error> PeerStream::connect(std::string host, std::string port) {
    Error error;
    const auto literal = asio::ip::make_address(host, error);
    if (!error) {
        const tcp::endpoint endpoint(literal, static_cast<std::uint16_t>(std::stoul(port)));
        const auto [failed] = co_await socket_.async_connect(endpoint, use_tuple);
        tune();
        co_return outcome(failed);
    }
    tcp::resolver resolver(socket_.get_executor());
    const auto [unknown, found] = co_await resolver.async_resolve(host, port, use_tuple);
    if (unknown || timed_out_) co_return outcome(unknown);
    const auto [failed, at] = co_await asio::async_connect(socket_, found, use_tuple);
    tune();
    co_return outcome(failed);
}

Task<Error> PeerStream::handshake_with(std::shared_ptr<Tls> tls, std::string name) {
    return shake(std::move(tls), true, std::move(name));
}

Task<Error> PeerStream::handshake(std::shared_ptr<Tls> tls) {
    return shake(std::move(tls), false, {});
}

Task<Error> PeerStream::shake(std::shared_ptr<Tls> tls, bool dialled, std::string name) {
    tls_.emplace(socket_, *tls);
    if (dialled) expect_server(tls_->native_handle(), name);
    const auto side = dialled ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
    const auto [error] = co_await tls_->async_handshake(side, use_tuple);
    co_return outcome(error);
}

Task<Result<Frame>> PeerStream::read_frame() {
    for (;;) {
        auto frame = buffer_.next();
        if (!frame) co_return frame.error();
        if (frame.value()) co_return *frame.value();
        const auto room = buffer_.prepare();
        const auto into = asio::buffer(room.data(), room.size());
        std::size_t count = 0;
        Error error;
        if (tls_) {
            std::tie(error, count) = co_await tls_->async_read_some(into, use_tuple);
        } else {
            std::tie(error, count) = co_await socket_.async_read_some(into, use_tuple);
        }
        if (error) co_return outcome(error);
        buffer_.commit(count);
        bytes_read_ += count;
    }
}

Task<Error> PeerStream::write(std::string_view bytes) {
    const auto from = asio::buffer(bytes.data(), bytes.size());
    std::size_t count = 0;
    Error error;
    if (tls_) {
        std::tie(error, count) = co_await asio::async_write(*tls_, from, use_tuple);
    } else {
        std::tie(error, count) = co_await asio::async_write(socket_, from, use_tuple);
    }
    co_return outcome(error);
}

// Without TLS's own farewell: what is said and what was lost, the frames tell.
void PeerStream::close() {
    Error ignored;
    socket_.close(ignored);
    clear_deadline();
}

void PeerStream::clear_deadline() {
    ++deadlines_;
    deadline_.cancel();
}

void PeerStream::set_deadline(std::chrono::milliseconds after) {
    deadline_.expires_after(after);
    deadline_.async_wait([weak = weak_from_this(), number = ++deadlines_](const Error&) {
        const auto self = weak.lock();
        if (!self || self->deadlines_ != number) return;
        self->timed_out_ = true;
        self->close();
    });
}

// No delay, and probes when idle.
void PeerStream::tune() {
    Error ignored;
    const auto ms = static_cast<int>(user_timeout_.count());
    socket_.set_option(tcp::no_delay(true), ignored);
    socket_.set_option(asio::socket_base::keep_alive(true), ignored);
    socket_.set_option(TcpOption<TCP_KEEPIDLE>(1), ignored);
    socket_.set_option(TcpOption<TCP_KEEPINTVL>(1), ignored);
    socket_.set_option(TcpOption<TCP_USER_TIMEOUT>(ms), ignored);
}

bool PeerStream::is_certified_for(const std::string& host) {
    if (!tls_) return true;
    const auto peer = tls_peer(tls_->native_handle());
    if (!peer) return false;
    Error not_an_address;
    const auto address = asio::ip::make_address(host, not_an_address);
    const auto is_this = [&](const std::string& name) {
        return not_an_address ? lower(name) == lower(host) : name == address.to_string();
    };
    const auto& names = not_an_address ? peer->dns_names : peer->addresses;
    return std::any_of(names.begin(), names.end(), is_this);
}

std::string PeerStream::remote_address() const {
    Error error;
    const auto remote = socket_.remote_endpoint(error);
    return error ? std::string("unknown") : remote.address().to_string();
}

Error PeerStream::outcome(const Error& error) const {
    if (timed_out_) return make_error_code(boost::system::errc::timed_out);
    return error;
}

}  // namespace coord
