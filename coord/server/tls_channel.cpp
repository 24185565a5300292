#include "coord/server/tls_channel.hpp"

#include <boost/asio/error.hpp>

#include <algorithm>
#include <cassert>
#include <cerrno>
#include <new>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

namespace coord {
namespace {

namespace asio = boost::asio;

constexpr std::size_t record_bytes_max = 16384;  // RFC 8446 §5.1: of a record's content

// OpenSSL's own socket BIO writes with write(2), which raises SIGPIPE.
int socket_of(BIO* bio) {
    return static_cast<int>(reinterpret_cast<std::intptr_t>(BIO_get_data(bio)));
}

bool is_temporary() { return errno == EAGAIN || errno == EINTR; }

int send_bytes(BIO* bio, const char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const auto sent = ::send(socket_of(bio), bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL);
    if (sent < 0 && is_temporary()) BIO_set_retry_write(bio);
    return static_cast<int>(sent);
}

int receive_bytes(BIO* bio, char* bytes, int size) {
    BIO_clear_retry_flags(bio);
    const auto received = ::recv(socket_of(bio), bytes, static_cast<std::size_t>(size), 0);
    if (received < 0 && is_temporary()) BIO_set_retry_read(bio);
    return static_cast<int>(received);
}

long control(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* make_socket_method() {
    auto* const method =
        ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "socket without SIGPIPE");
    if (method == nullptr) throw std::bad_alloc();
    ::BIO_meth_set_write(method, send_bytes);
    ::BIO_meth_set_read(method, receive_bytes);
    ::BIO_meth_set_ctrl(method, control);
    return method;
}

BIO* make_socket_bio(int socket) {
    static BIO_METHOD* const method = make_socket_method();
    auto* const bio = ::BIO_new(method);
    if (bio == nullptr) throw std::bad_alloc();
    ::BIO_set_data(bio, reinterpret_cast<void*>(static_cast<std::intptr_t>(socket)));
    ::BIO_set_init(bio, 1);
    return bio;
}

TlsFailure failure_of(unsigned long complaint) {
    const int reason = ERR_GET_REASON(complaint);
    if (reason >= SSL_AD_REASON_OFFSET) return TlsFailure::refused_by_client;  // its alert
    switch (reason) {
        case SSL_R_HTTP_REQUEST:
        case SSL_R_HTTPS_PROXY_REQUEST:
        case SSL_R_WRONG_VERSION_NUMBER: return TlsFailure::not_tls;
        case SSL_R_UNEXPECTED_EOF_WHILE_READING: return TlsFailure::cut;
        case SSL_R_UNSUPPORTED_PROTOCOL:
        case SSL_R_VERSION_TOO_LOW:
        case SSL_R_NO_SHARED_CIPHER:
        case SSL_R_NO_SUITABLE_KEY_SHARE:
        case SSL_R_NO_SUITABLE_SIGNATURE_ALGORITHM: return TlsFailure::unsupported;
        case SSL_R_PEER_DID_NOT_RETURN_A_CERTIFICATE: return TlsFailure::no_certificate;
        case SSL_R_CERTIFICATE_VERIFY_FAILED: return TlsFailure::certificate_refused;
        default: return TlsFailure::malformed;
    }
}

}  // namespace

TlsChannel::TlsChannel(SSL_CTX* tls, int socket) : session_(::SSL_new(tls)) {
    if (session_ == nullptr) throw std::bad_alloc();
    auto* const bio = make_socket_bio(socket);
    ::SSL_set_bio(session_, bio, bio);
    ::SSL_set_accept_state(session_);
    ::SSL_set_read_ahead(session_, 1);  // One call for the head and the content of a record.
}

TlsChannel::~TlsChannel() { ::SSL_free(session_); }

TlsChannel::Step TlsChannel::shake_hands() {
    assert(!established_ && !broken_);
    ::ERR_clear_error();
    const int result = ::SSL_do_handshake(session_);
    if (result == 1) {
        established_ = true;
        has_unread_ = ::SSL_has_pending(session_) == 1;  // A request came along with its end.
        return Step::done;
    }
    switch (::SSL_get_error(session_, result)) {
        case SSL_ERROR_WANT_READ: return Step::wants_read;
        case SSL_ERROR_WANT_WRITE: return Step::wants_write;
        case SSL_ERROR_SSL: failure_ = failure_of(::ERR_peek_error()); break;
        default: failure_ = TlsFailure::cut;
    }
    broken_ = true;
    ::ERR_clear_error();
    return Step::failed;
}

Error TlsChannel::error_of(int result) {
    switch (::SSL_get_error(session_, result)) {
        case SSL_ERROR_WANT_READ:
        case SSL_ERROR_WANT_WRITE: return asio::error::would_block;
        case SSL_ERROR_ZERO_RETURN: return asio::error::eof;
        default: break;
    }
    broken_ = true;
    ::ERR_clear_error();
    return asio::error::connection_reset;
}

std::size_t TlsChannel::read_some(std::span<char> into, Error& error) {
    assert(established_ && into.size() >= record_bytes_max);
    std::size_t size = 0;
    error = {};
    // A call gives one record at most: with room for a whole one, none is left half read.
    while (into.size() - size >= record_bytes_max) {
        ::ERR_clear_error();
        const int got =
            ::SSL_read(session_, into.data() + size, static_cast<int>(into.size() - size));
        if (got <= 0) {
            error = error_of(got);
            break;
        }
        size += static_cast<std::size_t>(got);
        if (::SSL_has_pending(session_) == 0) break;
    }
    const bool has_waited = error == asio::error::would_block;
    has_unread_ = size > 0 && !has_waited && (error || ::SSL_has_pending(session_) == 1);
    if (size > 0) error = {};
    return size;
}

std::size_t TlsChannel::write_some(std::string_view bytes, Error& error) {
    assert(established_);
    error = {};
    if (broken_) error = asio::error::connection_reset;
    if (broken_ || bytes.empty()) return 0;
    ::ERR_clear_error();
    const auto size = std::min<std::size_t>(bytes.size(), record_bytes_max);
    const int sent = ::SSL_write(session_, bytes.data(), static_cast<int>(size));
    if (sent > 0) return static_cast<std::size_t>(sent);
    error = error_of(sent);
    return 0;
}

void TlsChannel::close_notify() {
    if (!established_ || broken_) return;
    ::ERR_clear_error();
    ::SSL_shutdown(session_);
    ::ERR_clear_error();
}

}  // namespace coord
