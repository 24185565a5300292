#include "agent/checks/http_check.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>
#include <string>

namespace {

namespace asio = boost::asio;
using agent::Health;
using asio::ip::tcp;

// One server that answers every request with `reply_`.
class HttpCheck : public testing::Test {
protected:
    HttpCheck() : acceptor_(io_, {asio::ip::address_v4::loopback(), 0}) {
        definition_.kind = agent::CheckKind::http;
        definition_.http =
            "http://127.0.0.1:" + std::to_string(acceptor_.local_endpoint().port()) + "/health";
        coord::spawn(io_, "server", serve());
    }

    coord::Task<void> serve() {
        for (;;) {
            auto [error, socket] = co_await acceptor_.async_accept(coord::use_tuple);
            if (error) co_return;
            asio::streambuf buffer;
            co_await asio::async_read_until(socket, buffer, "\r\n\r\n", coord::use_tuple);
            request_ = {asio::buffers_begin(buffer.data()), asio::buffers_end(buffer.data())};
            co_await asio::async_write(socket, asio::buffer(reply_), coord::use_tuple);
        }
    }

    void answer(const std::string& status, const std::string& body = {}) {
        reply_ = "HTTP/1.1 " + status + "\r\nContent-Length: " + std::to_string(body.size()) +
                 "\r\n\r\n" + body;
    }

    agent::ProbeResult run() {
        agent::HttpCheck check(io_, definition_);
        std::optional<agent::ProbeResult> result;
        coord::spawn(io_, "test", [&]() -> coord::Task<void> { result = co_await check.run(); });
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        io_.restart();
        while (!result && std::chrono::steady_clock::now() < deadline) {
            io_.run_one_for(std::chrono::milliseconds(100));
        }
        return result.value();
    }

    Health health_with(const std::string& status) {
        answer(status);
        return run().status.health;
    }

    asio::io_context io_;
    tcp::acceptor acceptor_;
    agent::CheckDefinition definition_;
    std::string request_;
    std::string reply_;
};

TEST_F(HttpCheck, the_status_is_the_health) {
    EXPECT_EQ(health_with("200 OK"), Health::passing);
    EXPECT_EQ(health_with("204 No Content"), Health::passing);
    EXPECT_EQ(health_with("429 Too Many Requests"), Health::warning);
    EXPECT_EQ(health_with("404 Not Found"), Health::critical);
    EXPECT_EQ(health_with("503 Service Unavailable"), Health::critical);
    EXPECT_EQ(health_with("302 Found"), Health::critical);
}

TEST_F(HttpCheck, the_output_says_what_was_asked_and_what_came) {
    answer("200 OK", "fine");

    EXPECT_EQ(run().status.output, "HTTP GET " + definition_.http + ": 200 OK Output: fine");
}

TEST_F(HttpCheck, the_request_is_the_definitions) {
    answer("200 OK");
    definition_.method = "POST";
    definition_.header = {{"X-Probe", "1"}, {"user-agent", "mine"}};
    definition_.body = "ping";

    run();

    EXPECT_TRUE(request_.starts_with("POST /health HTTP/1.1\r\n")) << request_;
    EXPECT_NE(request_.find("X-Probe: 1\r\n"), std::string::npos);
    EXPECT_NE(request_.find("user-agent: mine\r\n"), std::string::npos);
    EXPECT_NE(request_.find("Accept: text/plain, text/*, */*\r\n"), std::string::npos);
    EXPECT_NE(request_.find("Content-Length: 4\r\n"), std::string::npos);
}

TEST_F(HttpCheck, it_says_who_it_is) {
    answer("200 OK");

    run();

    EXPECT_NE(request_.find("User-Agent: Roster Health Check\r\n"), std::string::npos) << request_;
}

TEST_F(HttpCheck, only_expected_codes_pass_when_there_are_any) {
    definition_.expected_status = {404, 418};

    EXPECT_EQ(health_with("404 Not Found"), Health::passing);
    EXPECT_EQ(health_with("200 OK"), Health::critical);
    EXPECT_EQ(health_with("429 Too Many Requests"), Health::critical);
}

TEST_F(HttpCheck, the_body_must_match) {
    definition_.body_match = "ready|ok";

    answer("200 OK", "all is ok");
    EXPECT_EQ(run().status.health, Health::passing);
    answer("200 OK", "starting");
    const auto status = run().status;
    EXPECT_EQ(status.health, Health::critical);
    EXPECT_NE(status.output.find("Body does not match \"ready|ok\""), std::string::npos);
}

TEST_F(HttpCheck, a_long_body_is_cut) {
    definition_.output_bytes_max = 4;
    answer("200 OK", "123456789");

    EXPECT_TRUE(run().status.output.ends_with("Output: 1234"));
}

TEST_F(HttpCheck, a_server_that_is_not_there_or_does_not_answer_is_critical) {
    definition_.timeout = std::chrono::milliseconds(50);
    acceptor_.close();
    const auto refused = run();
    EXPECT_EQ(refused.status,
              (agent::CheckStatus{Health::critical,
                                  "HTTP GET " + definition_.http + ": connection refused"}));

    tcp::acceptor silent(io_, {asio::ip::address_v4::loopback(), 0});
    definition_.http = "http://127.0.0.1:" + std::to_string(silent.local_endpoint().port());
    const auto late = run();
    EXPECT_TRUE(late.timed_out);
    EXPECT_EQ(late.status.output, "HTTP GET " + definition_.http + ": timed out after 50ms");
}

}  // namespace
