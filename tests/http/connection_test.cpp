#include "http/connection.hpp"

#include "tests/http/face.hpp"

#include <gtest/gtest.h>

#include <thread>

namespace http {
namespace {

using std::chrono::milliseconds;

ServerOptions short_times() {
    ServerOptions options;
    options.limits.idle = milliseconds(60);
    options.limits.request = milliseconds(60);
    return options;
}

TEST(Connection, answers_what_was_sent_ahead_in_order) {
    const Face face;
    auto client = face.client();

    client.send("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /v1/catalog/datacenters HTTP/1.1\r\nHost: a\r\n\r\n"
                "GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT_EQ(client.receive().body, R"("")");
    EXPECT_EQ(client.receive().body, R"(["dc1"])");
    EXPECT_EQ(client.receive().status, 404);
}

TEST(Connection, waits_for_the_rest_of_half_a_request) {
    const Face face;
    auto client = face.client();

    client.send("GET /v1/catalog/data");
    EXPECT_TRUE(client.silent_for(milliseconds(5)));
    client.send("centers HTTP/1.1\r\nHost: a\r\n\r\n");

    EXPECT_EQ(client.receive().body, R"(["dc1"])");
}

TEST(Connection, is_kept_alive_unless_the_client_asks_otherwise) {
    const Face face;
    auto client = face.client();
    EXPECT_EQ(client.exchange("GET", "/v1/status/leader").status, 200);
    EXPECT_EQ(client.exchange("GET", "/v1/status/leader").status, 200);

    client.send("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");

    EXPECT_EQ(client.receive().status, 200);
    EXPECT_TRUE(client.closed());
}

TEST(Connection, closes_after_a_request_of_http_1_0) {
    const Face face;
    auto client = face.client();

    client.send("GET /v1/status/leader HTTP/1.0\r\n\r\n");

    EXPECT_EQ(client.receive().status, 200);
    EXPECT_TRUE(client.closed());
}

TEST(Connection, answers_head_without_a_body) {
    const Face face;
    auto client = face.client();

    const auto reply = client.exchange("HEAD", "/v1/catalog/datacenters");

    EXPECT_EQ(reply.status, 200);
    EXPECT_EQ(reply.find("content-length"), "7");
    EXPECT_EQ(client.exchange("GET", "/v1/catalog/datacenters").body.size(), 7U);
}

TEST(Connection, lets_a_client_go_on_that_expects_100) {
    const Face face;
    auto client = face.client();

    client.send("PUT /v1/catalog/register HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n"
                "Expect: 100-continue\r\n\r\n");
    EXPECT_EQ(client.receive().status, 100);
    client.send("{}");

    EXPECT_EQ(client.receive().body, "Must provide node");
}

TEST(Connection, reads_a_chunked_body) {
    const Face face;
    auto client = face.client();

    client.send("PUT /v1/catalog/register HTTP/1.1\r\nHost: a\r\n"
                "Transfer-Encoding: chunked\r\n\r\n1\r\n{\r\n1\r\n}\r\n0\r\n\r\n");

    EXPECT_EQ(client.receive().body, "Must provide node");
}

TEST(Connection, refuses_a_body_above_the_limit_with_413) {
    ServerOptions options;
    options.config.body_bytes_max = 1000;
    const Face face(std::move(options));
    auto client = face.client();

    client.ask("PUT", "/v1/catalog/register", std::string(200'000, 'x'));

    EXPECT_EQ(client.receive().status, 413);
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(face.metric("roster_http_limits_hit_total", "body_bytes"), 1);
}

TEST(Connection, refuses_a_chunked_body_above_the_limit_with_413) {
    ServerOptions options;
    options.config.body_bytes_max = 1000;
    const Face face(std::move(options));
    auto client = face.client();

    client.send("PUT /v1/catalog/register HTTP/1.1\r\nHost: a\r\n"
                "Transfer-Encoding: chunked\r\n\r\n2000\r\n" +
                std::string(0x2000, 'x') + "\r\n0\r\n\r\n");

    EXPECT_EQ(client.receive().status, 413);
}

TEST(Connection, refuses_a_header_above_the_limit_with_431) {
    const Face face;
    auto client = face.client();

    client.send("GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(100'000, 'x') + "\r\n\r\n");

    EXPECT_EQ(client.receive().status, 431);
    EXPECT_TRUE(client.closed());
    EXPECT_EQ(face.metric("roster_http_limits_hit_total", "header_bytes"), 1);
}

TEST(Connection, takes_a_header_just_below_the_limit) {
    const Face face;
    auto client = face.client();

    client.send("GET /v1/status/leader HTTP/1.1\r\nHost: a\r\nX-Long: " + std::string(60'000, 'x') +
                "\r\n\r\n");

    EXPECT_EQ(client.receive().status, 200);
}

TEST(Connection, refuses_garbage_with_400_and_lives_on) {
    const Face face;
    for (const std::string& garbage : {std::string("\x16\x03\x01\x02\x00\x01", 6) + "\r\n\r\n",
                                       std::string("hello\r\n\r\n"),
                                       std::string("GET  HTTP/9.9\r\n\r\n"),
                                       std::string(2000, '\0')}) {
        auto client = face.client();
        client.send(garbage);
        EXPECT_EQ(client.receive().status, 400);
        EXPECT_TRUE(client.closed());
    }

    EXPECT_EQ(face.metric("roster_http_bad_requests_total"), 4);
    EXPECT_EQ(face.get("/v1/status/leader").status, 200);
}

TEST(Connection, refuses_a_target_with_a_broken_escape) {
    const Face face;

    EXPECT_EQ(face.get("/v1/kv/%zz").status, 400);
}

TEST(Connection, of_a_client_that_is_slow_to_ask_is_closed) {
    const Face face(short_times());
    auto client = face.client();

    client.send("GET / HT");

    EXPECT_TRUE(client.closed());
    EXPECT_EQ(face.metric("roster_http_limits_hit_total", "time"), 1);
}

TEST(Connection, that_is_idle_is_closed_but_not_one_that_waits_for_an_answer) {
    Face face(short_times());
    face.publish(web_publication(10));
    auto waiting = face.client();
    waiting.ask("GET", "/v1/health/service/web?index=10");
    ASSERT_TRUE(face.parked(1));
    auto idle = face.client();

    EXPECT_TRUE(idle.closed());

    EXPECT_EQ(face.metric("roster_http_waiting_queries"), 1);
    face.publish(web_publication(11, agent::Health::critical));
    EXPECT_EQ(waiting.receive().status, 200);
}

TEST(Connection, adds_the_configured_headers_to_every_reply) {
    ServerOptions options;
    options.config.response_headers = {{"X-Site", "eu"}};
    const Face face(std::move(options));

    EXPECT_EQ(face.get("/v1/status/leader").find("x-site"), "eu");
    EXPECT_EQ(face.get("/nowhere").find("x-site"), "eu");
}

}  // namespace
}  // namespace http
