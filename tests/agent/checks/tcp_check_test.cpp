#include "agent/checks/tcp_check.hpp"

#include "tests/support/certificate.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using agent::Health;
using asio::ip::tcp;

class TcpCheck : public testing::Test {
protected:
    TcpCheck() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
        definition_.kind = agent::CheckKind::tcp;
        definition_.tcp = "127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port());
    }

    agent::ProbeResult run() {
        agent::TcpCheck check(io_, definition_);
        std::optional<agent::ProbeResult> result;
        coord::spawn(io_, "test", [&]() -> coord::Task<void> { result = co_await check.run(); });
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        io_.restart();
        while (!result && std::chrono::steady_clock::now() < deadline) {
            io_.run_one_for(std::chrono::milliseconds(100));
        }
        return result.value();
    }

    asio::io_context io_;
    tcp::acceptor acceptor_;
    agent::CheckDefinition definition_;
};

TEST_F(TcpCheck, a_connection_passes) {
    const auto result = run();

    EXPECT_EQ(result.status.health, Health::passing);
    EXPECT_EQ(result.status.output, "TCP connect " + definition_.tcp + ": Success");
}

TEST_F(TcpCheck, a_closed_port_is_critical_at_once) {
    acceptor_.close();

    const auto before = std::chrono::steady_clock::now();
    const auto result = run();

    EXPECT_LT(std::chrono::steady_clock::now() - before, std::chrono::milliseconds(500));
    EXPECT_EQ(result.status.health, Health::critical);
    EXPECT_EQ(result.status.output, "dial tcp " + definition_.tcp + ": connection refused");
}

TEST_F(TcpCheck, what_is_no_address_is_critical) {
    definition_.tcp = "nowhere";

    EXPECT_EQ(run().status.output, "dial tcp nowhere: not an address of the form host:port");
}

// Nobody answers the handshake: the connection comes about, TLS never does.
TEST_F(TcpCheck, it_gives_up_at_its_timeout) {
    definition_.tcp_use_tls = true;
    definition_.timeout = std::chrono::milliseconds(50);

    const auto result = run();

    EXPECT_TRUE(result.timed_out);
    EXPECT_EQ(result.status.output, "dial tcp " + definition_.tcp + ": timed out after 50ms");
}

TEST_F(TcpCheck, with_tls_the_handshake_must_succeed) {
    const tests::Certificate certificate;
    ssl::context tls(ssl::context::tls_server);
    tls.use_certificate(asio::buffer(certificate.pem), ssl::context::pem);
    tls.use_private_key(asio::buffer(certificate.key_pem), ssl::context::pem);
    coord::spawn(io_, "server", [&]() -> coord::Task<void> {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(coord::use_tuple);
            if (error) co_return;
            ssl::stream<tcp::socket> stream(std::move(socket), tls);
            co_await stream.async_handshake(ssl::stream_base::server, coord::use_tuple);
        }
    });
    definition_.tcp_use_tls = true;

    const auto refused = run();
    definition_.tls_skip_verify = true;
    const auto accepted = run();

    EXPECT_EQ(refused.status.health, Health::critical);
    EXPECT_NE(refused.status.output.find("TLS: the certificate is refused"), std::string::npos);
    EXPECT_EQ(accepted.status.health, Health::passing);
    acceptor_.close();
    io_.run_for(std::chrono::milliseconds(100));
}

}  // namespace
