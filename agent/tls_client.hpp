#pragma once
// The client's side of TLS: who is trusted, and for which name.
//
// Fed by:  http_client, checks/tcp_check.
// Thread:  the one that runs the stream.
// Holds:   TLS 1.2 or newer; the system's authorities (or $SSL_CERT_FILE, $SSL_CERT_DIR).
// Fails:   a sentence: "TLS: the certificate is refused: hostname mismatch".

#include "coord/base/async.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <string>

namespace agent {

boost::asio::ssl::context client_tls();

// Empty: done. With `skip_verify` any certificate will do.
coord::Task<std::string> handshake(boost::asio::ssl::stream<boost::asio::ip::tcp::socket&>& stream,
                                   std::string name,
                                   bool skip_verify);

}  // namespace agent
