#pragma once
// TLS over a client's socket that does not block: the handshake in steps, then bytes in and out.
//
// Fed by:  Connection, whenever its socket is ready.
// Thread:  coord.
// Holds:   it neither waits nor owns the socket, which outlives it. It raises no SIGPIPE.
// Fails:   a failed handshake has told the client why, as far as the socket took it.

#include "coord/base/result.hpp"
#include "coord/base/tls_peer.hpp"

#include <cstddef>
#include <cstdint>
#include <openssl/types.h>
#include <optional>
#include <span>
#include <string_view>

namespace coord {

enum class TlsFailure : std::uint8_t {
    not_tls,              // what came first is no TLS
    cut,                  // the client went away
    unsupported,          // too old a protocol, or no cipher in common
    no_certificate,       // the client has none, and it is required
    certificate_refused,  // ours of the client's: expired, or of an authority that is not trusted
    refused_by_client,    // the client's of ours
    malformed,            // whatever else
};

class TlsChannel {
public:
    enum class Step : std::uint8_t { done, wants_read, wants_write, failed };

    TlsChannel(SSL_CTX* tls, int socket);
    ~TlsChannel();
    TlsChannel(const TlsChannel&) = delete;
    TlsChannel& operator=(const TlsChannel&) = delete;

    // As far as it goes with what the socket has and takes.
    Step shake_hands();
    [[nodiscard]] bool is_established() const { return established_; }
    [[nodiscard]] TlsFailure failure() const { return failure_; }  // valid after Step::failed

    // As a socket's read_some and write_some, would_block among the errors.
    std::size_t read_some(std::span<char> into, Error& error);
    std::size_t write_some(std::string_view bytes, Error& error);
    // More could be read although the socket may have nothing: do not wait for it.
    [[nodiscard]] bool has_unread() const { return has_unread_; }
    // Tells the client that nothing more comes.
    void close_notify();

    [[nodiscard]] std::optional<TlsPeer> peer() const { return tls_peer(session_); }

private:
    Error error_of(int result);

    SSL* session_;
    bool established_ = false;
    bool broken_ = false;  // after a fatal error nothing may be sent
    bool has_unread_ = false;
    TlsFailure failure_{};
};

}  // namespace coord
