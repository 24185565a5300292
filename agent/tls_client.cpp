#include "agent/tls_client.hpp"

#include "agent/connect.hpp"
#include "agent/endpoint.hpp"

namespace agent {
namespace {

namespace ssl = boost::asio::ssl;

// The name that is told to the server and that its certificate must be for. An address is no server
// name (RFC 6066 §3), but a certificate may be for one.
void expect_name(SSL* session, std::string& name) {
    auto* rules = ::SSL_get0_param(session);
    if (is_ip_address(name)) {
        ::X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str());
        return;
    }
    ::SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data());
    ::X509_VERIFY_PARAM_set1_host(rules, name.c_str(), name.size());
}

}  // namespace

// Cheap on Debian: its authorities are a hashed directory, of which one file is read when needed.
ssl::context client_tls() {
    ssl::context tls(ssl::context::tls_client);
    boost::system::error_code ignored;  // No authorities: then no certificate is trusted.
    tls.set_default_verify_paths(ignored);
    ::SSL_CTX_set_min_proto_version(tls.native_handle(), TLS1_2_VERSION);
    return tls;
}

coord::Task<std::string>
handshake(ssl::stream<boost::asio::ip::tcp::socket&>& stream, std::string name, bool skip_verify) {
    expect_name(stream.native_handle(), name);
    boost::system::error_code error;
    stream.set_verify_mode(skip_verify ? ssl::verify_none : ssl::verify_peer, error);
    const auto [failed] =
        co_await stream.async_handshake(ssl::stream_base::client, coord::use_tuple);
    if (!failed) co_return std::string();
    const auto verdict = ::SSL_get_verify_result(stream.native_handle());
    if (verdict == X509_V_OK) co_return "TLS: " + sentence(failed);
    co_return std::string("TLS: the certificate is refused: ") +
        ::X509_verify_cert_error_string(verdict);
}

}  // namespace agent
