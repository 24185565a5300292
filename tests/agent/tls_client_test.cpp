#include "agent/tls_client.hpp"

#include "tests/support/certificate.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>
#include <unistd.h>

namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;

class TlsClient : public testing::Test {
protected:
    TlsClient() : server_tls_(ssl::context::tls_server) {
        server_tls_.use_certificate(asio::buffer(certificate_.pem), ssl::context::pem);
        server_tls_.use_private_key(asio::buffer(certificate_.key_pem), ssl::context::pem);
    }

    // What the client says of a handshake with a server that has the certificate.
    std::string shake(const std::string& name, bool skip_verify) {
        asio::io_context io;
        tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
        std::string said = "never finished";
        coord::spawn(io, "server", [&]() -> coord::Task<void> {
            auto [error, socket] = co_await acceptor.async_accept(coord::use_tuple);
            ssl::stream<tcp::socket> stream(std::move(socket), server_tls_);
            co_await stream.async_handshake(ssl::stream_base::server, coord::use_tuple);
            const auto* shown =
                ::SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
            server_name_ = shown == nullptr ? "" : shown;
        });
        coord::spawn(io, "client", [&]() -> coord::Task<void> {
            tcp::socket socket(io);
            co_await socket.async_connect(acceptor.local_endpoint(), coord::use_tuple);
            auto tls = agent::client_tls();
            ssl::stream<tcp::socket&> stream(socket, tls);
            said = co_await agent::handshake(stream, name, skip_verify);
        });
        io.run_for(std::chrono::seconds(10));
        return said;
    }

    tests::Certificate certificate_;
    ssl::context server_tls_;
    std::string server_name_;
};

TEST_F(TlsClient, a_certificate_nobody_vouches_for_is_refused) {
    EXPECT_TRUE(shake("test.local", false).starts_with("TLS: the certificate is refused: self"));
}

TEST_F(TlsClient, without_verification_any_certificate_will_do) {
    EXPECT_EQ(shake("other.local", true), "");
    EXPECT_EQ(server_name_, "other.local");
}

TEST_F(TlsClient, an_address_is_not_told_as_a_server_name) {
    EXPECT_EQ(shake("127.0.0.1", true), "");
    EXPECT_EQ(server_name_, "");
}

TEST_F(TlsClient, the_authorities_can_be_named_in_the_environment) {
    const auto file = std::filesystem::path(testing::TempDir()) /
                      ("tls_client_" + std::to_string(::getpid()) + ".pem");
    std::ofstream(file) << certificate_.pem;
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);

    EXPECT_EQ(shake("test.local", false), "");
    EXPECT_EQ(shake("other.local", false), "TLS: the certificate is refused: hostname mismatch");

    ::unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(file);
}

}  // namespace
