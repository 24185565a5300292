#include "http/server.hpp"

#include "tests/http/face.hpp"
#include "tests/support/running_core.hpp"

#include <gtest/gtest.h>

#include <fstream>

namespace http {
namespace {

std::string cannot_start(std::vector<std::string> listen) {
    ServerOptions options;
    options.config.listen = std::move(listen);
    try {
        const Face face(std::move(options));
    } catch (const std::runtime_error& error) {
        return error.what();
    }
    return "it started";
}

TEST(Server, listens_on_several_addresses) {
    ServerOptions options;
    options.config.listen = {"127.0.0.1:0", "127.0.0.1:0"};
    Face face(std::move(options));

    const auto ports = face.server().ports();

    ASSERT_EQ(ports.size(), 2U);
    for (const auto port : ports) {
        EXPECT_EQ(RawClient(port).exchange("GET", "/v1/status/leader").status, 200);
    }
}

TEST(Server, says_in_one_line_which_port_is_in_use) {
    Face face;
    const auto taken = "127.0.0.1:" + std::to_string(face.server().ports().front());

    EXPECT_EQ(cannot_start({taken}),
              "cannot listen on " + taken + " (http): address already in use");
}

TEST(Server, says_in_one_line_which_address_is_none) {
    EXPECT_EQ(cannot_start({"somewhere"}),
              "cannot listen on somewhere (http): not an address and port");
    EXPECT_EQ(cannot_start({"unix:/" + std::string(200, 'x')}),
              "cannot listen on unix:/" + std::string(200, 'x') + " (http): the path is too long");
}

TEST(Server, listens_on_a_unix_socket_and_takes_it_away_again) {
    const coord::TemporaryDirectory directory;
    const auto path = (directory.path() / "http.sock").string();
    {
        ServerOptions options;
        options.config.listen = {"unix:" + path};
        Face face(std::move(options));

        EXPECT_EQ(face.server().ports(), (std::vector<std::uint16_t>{0}));
        EXPECT_EQ(RawClient(path).exchange("GET", "/v1/status/leader").status, 200);
    }
    EXPECT_FALSE(std::filesystem::exists(path));
}

TEST(Server, takes_over_a_socket_that_a_dead_agent_left) {
    const coord::TemporaryDirectory directory;
    const auto path = (directory.path() / "http.sock").string();
    {
        boost::asio::io_context io;
        const boost::asio::local::stream_protocol::acceptor left(
            io, boost::asio::local::stream_protocol::endpoint(path));
    }
    ASSERT_TRUE(std::filesystem::exists(path));
    ServerOptions options;
    options.config.listen = {"unix:" + path};

    const Face face(std::move(options));

    EXPECT_EQ(RawClient(path).exchange("GET", "/v1/status/leader").status, 200);
}

TEST(Server, leaves_a_socket_in_use_and_a_file_alone) {
    const coord::TemporaryDirectory directory;
    const auto path = (directory.path() / "http.sock").string();
    ServerOptions options;
    options.config.listen = {"unix:" + path};
    const Face face(std::move(options));
    const auto file = (directory.path() / "file").string();
    std::ofstream(file) << "precious";

    EXPECT_EQ(cannot_start({"unix:" + path}),
              "cannot listen on unix:" + path + " (http): address already in use");
    EXPECT_EQ(cannot_start({"unix:" + file}),
              "cannot listen on unix:" + file + " (http): there is something that is no socket");
    EXPECT_TRUE(std::filesystem::exists(file));
}

TEST(Server, refuses_connections_above_the_limit_with_429) {
    ServerOptions options;
    options.config.connections_max = 1;
    const Face face(std::move(options));
    auto first = face.client();
    ASSERT_EQ(first.exchange("GET", "/v1/status/leader").status, 200);

    auto second = face.client();

    EXPECT_EQ(second.receive().status, 429);
    EXPECT_TRUE(second.closed());
    EXPECT_EQ(first.exchange("GET", "/v1/status/leader").status, 200);
    EXPECT_EQ(face.metric("roster_http_limits_hit_total", "connections"), 1);
}

TEST(Server, stops_with_queries_parked_and_connections_open) {
    auto face = std::make_unique<Face>();
    face->publish(web_publication(10));
    auto waiting = face->client();
    waiting.ask("GET", "/v1/health/service/web?index=10");
    auto idle = face->client();
    ASSERT_TRUE(face->parked(1));

    face.reset();

    EXPECT_TRUE(waiting.closed());
    EXPECT_TRUE(idle.closed());
}

TEST(Server, takes_publications_after_it_stopped) {
    Face face;
    face.server().stop();

    face.publish(web_publication(10));
}

}  // namespace
}  // namespace http
