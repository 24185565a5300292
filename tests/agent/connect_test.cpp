#include "agent/connect.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <gtest/gtest.h>

#include <string>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

std::string try_to_connect(const std::string& host, std::uint16_t port) {
    asio::io_context io;
    tcp::socket socket(io);
    std::string why = "never finished";
    coord::spawn(io, "test", [&]() -> coord::Task<void> {
        const agent::HostPort to{host, port};
        why = co_await agent::connect(socket, to);
    });
    io.run_for(std::chrono::seconds(10));
    return why;
}

TEST(Connect, an_address_and_localhost_need_no_resolver) {
    asio::io_context io;
    const tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    const auto port = acceptor.local_endpoint().port();

    EXPECT_EQ(try_to_connect("127.0.0.1", port), "");
    EXPECT_EQ(try_to_connect("localhost", port), "");
}

TEST(Connect, localhost_is_also_the_ipv6_loopback) {
    asio::io_context io;
    const tcp::acceptor acceptor(io, {asio::ip::address_v6::loopback(), 0});

    EXPECT_EQ(try_to_connect("localhost", acceptor.local_endpoint().port()), "");
}

TEST(Connect, a_failure_is_a_sentence) {
    asio::io_context io;
    tcp::acceptor acceptor(io, {asio::ip::address_v4::loopback(), 0});
    const auto port = acceptor.local_endpoint().port();
    acceptor.close();

    EXPECT_EQ(try_to_connect("127.0.0.1", port), "connection refused");
    EXPECT_TRUE(try_to_connect("no-such-host.invalid", 80)
                    .starts_with("cannot resolve no-such-host.invalid: "));
}

TEST(Connect, the_name_of_an_error_loses_its_capital_but_not_its_meaning) {
    EXPECT_EQ(agent::sentence(asio::error::connection_refused), "connection refused");
    EXPECT_EQ(agent::sentence(asio::error::eof), "the connection was closed by the other side");
}

}  // namespace
