#include "agent/http_client.hpp"

#include "coord/base/async.hpp"
#include "tests/support/certificate.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read_until.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/asio/streambuf.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <unistd.h>
#include <vector>

namespace {

namespace asio = boost::asio;
namespace ssl = asio::ssl;
using asio::ip::tcp;

// Answers each request with what `answer` says, and keeps the requests.
class HttpClient : public testing::Test {
protected:
    using Answer = std::function<std::string(const std::string& request)>;

    std::string serve(Answer answer) {
        answer_ = std::move(answer);
        acceptor_.emplace(io_, tcp::endpoint(asio::ip::address_v4::loopback(), 0));
        coord::spawn(io_, "test server", accept());
        return "127.0.0.1:" + std::to_string(acceptor_->local_endpoint().port());
    }

    template <class Stream>
    coord::Task<void> converse(Stream& stream) {
        asio::streambuf buffer;
        auto [error, size] =
            co_await asio::async_read_until(stream, buffer, "\r\n\r\n", coord::use_tuple);
        if (error) co_return;
        requests_.emplace_back(asio::buffers_begin(buffer.data()),
                               asio::buffers_end(buffer.data()));
        const auto reply = answer_(requests_.back());
        co_await asio::async_write(stream, asio::buffer(reply), coord::use_tuple);
    }

    coord::Task<void> accept() {
        for (;;) {
            auto [error, socket] = co_await acceptor_->async_accept(coord::use_tuple);
            if (error) co_return;
            if (silent_) {
                held_.push_back(std::move(socket));
            } else if (tls_) {
                ssl::stream<tcp::socket> stream(std::move(socket), *tls_);
                auto [failed] =
                    co_await stream.async_handshake(ssl::stream_base::server, coord::use_tuple);
                if (!failed) co_await converse(stream);
                if (!failed) co_await stream.async_shutdown(coord::use_tuple);
            } else {
                co_await converse(socket);
            }
        }
    }

    void use_tls() {
        tls_.emplace(ssl::context::tls_server);
        tls_->use_certificate(asio::buffer(certificate_.pem), ssl::context::pem);
        tls_->use_private_key(asio::buffer(certificate_.key_pem), ssl::context::pem);
    }

    std::variant<agent::HttpReply, agent::HttpFailure> fetch(agent::HttpRequest request) {
        std::optional<std::variant<agent::HttpReply, agent::HttpFailure>> result;
        io_.restart();
        coord::spawn(io_, "test", [&]() -> coord::Task<void> {
            result = co_await agent::fetch(io_, request);
        });
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        while (!result && std::chrono::steady_clock::now() < deadline)
            io_.run_one_for(std::chrono::milliseconds(100));
        return result.value();
    }

    agent::HttpReply reply(agent::HttpRequest request) {
        auto result = fetch(std::move(request));
        if (const auto* failure = std::get_if<agent::HttpFailure>(&result)) {
            ADD_FAILURE() << failure->message;
            return {};
        }
        return std::get<agent::HttpReply>(result);
    }

    std::string failure(agent::HttpRequest request) {
        auto result = fetch(std::move(request));
        const auto* failed = std::get_if<agent::HttpFailure>(&result);
        return failed != nullptr ? failed->message : "no failure";
    }

    static agent::HttpRequest get(const std::string& url) {
        agent::HttpRequest request;
        request.url = url;
        request.timeout = std::chrono::seconds(5);
        return request;
    }

    asio::io_context io_;
    Answer answer_;
    std::optional<tcp::acceptor> acceptor_;
    tests::Certificate certificate_;
    std::optional<ssl::context> tls_;
    bool silent_ = false;
    std::vector<tcp::socket> held_;
    std::vector<std::string> requests_;
};

TEST_F(HttpClient, a_request_is_sent_and_its_reply_is_read) {
    const auto host = serve(
        [](const auto&) { return "HTTP/1.1 200 OK\r\nX-A: b\r\nContent-Length: 5\r\n\r\nhello"; });

    auto request = get("http://" + host + "/path?q=1");
    request.method = "PUT";
    request.header = {{"X-Many", "1"}, {"X-Many", "2"}, {"Host", "other"}};
    request.body = "data";
    const auto got = reply(request);

    EXPECT_EQ(got.status, 200);
    EXPECT_EQ(got.reason, "OK");
    EXPECT_EQ(got.body, "hello");
    EXPECT_EQ(got.find("x-a"), "b");
    EXPECT_EQ(got.find("x-b"), "");
    EXPECT_FALSE(got.truncated);
    ASSERT_EQ(requests_.size(), 1U);
    EXPECT_TRUE(requests_[0].starts_with("PUT /path?q=1 HTTP/1.1\r\n")) << requests_[0];
    EXPECT_NE(requests_[0].find("X-Many: 1\r\nX-Many: 2\r\n"), std::string::npos);
    EXPECT_NE(requests_[0].find("Host: other\r\n"), std::string::npos);
    EXPECT_NE(requests_[0].find("Content-Length: 4\r\n"), std::string::npos);
}

TEST_F(HttpClient, credentials_in_the_url_become_a_header) {
    const auto host =
        serve([](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"; });

    reply(get("http://me:secret@" + host + "/"));

    EXPECT_NE(requests_.at(0).find("Authorization: Basic bWU6c2VjcmV0\r\n"), std::string::npos);
}

TEST_F(HttpClient, chunks_and_a_body_that_ends_with_the_connection_are_read) {
    bool chunked = true;
    const auto host = serve([&](const auto&) {
        return chunked
                   ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                   : "HTTP/1.1 200 OK\r\n\r\nabc";
    });

    EXPECT_EQ(reply(get("http://" + host)).body, "abc");
    chunked = false;
    EXPECT_EQ(reply(get("http://" + host)).body, "abc");
}

TEST_F(HttpClient, a_body_is_cut_at_its_limit) {
    const std::string big(100'000, 'x');
    const auto host = serve(
        [&](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + big; });

    auto request = get("http://" + host);
    request.body_bytes_max = 20'000;
    const auto cut = reply(request);
    request.body_bytes_max = 100'000;
    const auto whole = reply(request);

    EXPECT_EQ(cut.body.size(), 20'000U);
    EXPECT_TRUE(cut.truncated);
    EXPECT_EQ(whole.body, big);
    EXPECT_FALSE(whole.truncated);
}

TEST_F(HttpClient, interim_replies_and_the_missing_body_of_a_head_are_understood) {
    const auto host = serve([](const auto& request) -> std::string {
        if (request.starts_with("HEAD")) return "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n";
        return "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n";
    });

    auto request = get("http://" + host);
    EXPECT_EQ(reply(request).status, 204);
    request.method = "HEAD";
    EXPECT_EQ(reply(request).body, "");
}

TEST_F(HttpClient, redirects_are_followed_when_asked_for) {
    const auto host = serve([](const auto& request) -> std::string {
        if (request.starts_with("GET /end "))
            return "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nend";
        if (request.starts_with("GET /loop "))
            return "HTTP/1.1 302 Found\r\nLocation: /loop\r\n\r\n";
        return "HTTP/1.1 302 Found\r\nLocation: end\r\nContent-Length: 0\r\n\r\n";
    });

    auto request = get("http://" + host + "/start");
    request.method = "POST";
    EXPECT_EQ(reply(request).status, 302);
    request.follow_redirects = true;
    EXPECT_EQ(reply(request).body, "end");
    request.method = "GET";
    request.url = "http://" + host + "/loop";
    EXPECT_EQ(failure(request), "more than 5 redirects");
}

TEST_F(HttpClient, the_whole_exchange_ends_in_time) {
    silent_ = true;
    const auto host = serve({});

    auto request = get("http://" + host);
    request.timeout = std::chrono::milliseconds(50);
    const auto result = fetch(request);

    const auto& failed = std::get<agent::HttpFailure>(result);
    EXPECT_EQ(failed.message, "timed out after 50ms");
    EXPECT_TRUE(failed.timed_out);
}

TEST_F(HttpClient, a_failure_is_a_sentence) {
    std::string answer;
    const auto host = serve([&](const auto&) { return answer; });

    EXPECT_EQ(failure(get("http://" + host)), "the server closed the connection without a reply");
    answer = "SSH-2.0-OpenSSH_9.2\r\n\r\n";
    EXPECT_TRUE(failure(get("http://" + host)).starts_with("this is not HTTP: "));
    answer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nabc";
    EXPECT_EQ(failure(get("http://" + host)), "the server closed the connection in mid-reply");
    answer = "HTTP/1.1 200 OK\r\nX: " + std::string(70'000, 'x') + "\r\n\r\n";
    EXPECT_EQ(failure(get("http://" + host)), "the reply's header is larger than 64 KiB");
    EXPECT_EQ(failure(get("web")), "not a URL: web");
    acceptor_->close();
    const auto refused = fetch(get("http://" + host));
    EXPECT_EQ(std::get<agent::HttpFailure>(refused).message, "connection refused");
    EXPECT_TRUE(std::get<agent::HttpFailure>(refused).unreachable);
}

TEST_F(HttpClient, a_certificate_must_be_trusted_and_for_the_name) {
    use_tls();
    const auto host =
        serve([](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; });
    const auto file =
        std::filesystem::path(testing::TempDir()) / ("ca_" + std::to_string(::getpid()) + ".pem");

    auto request = get("https://" + host + "/");
    request.tls_server_name = "test.local";
    EXPECT_TRUE(failure(request).starts_with("TLS: the certificate is refused: self"));
    std::FILE* out = std::fopen(file.c_str(), "w");
    std::fputs(certificate_.pem.c_str(), out);
    std::fclose(out);
    ::setenv("SSL_CERT_FILE", file.c_str(), 1);
    EXPECT_EQ(reply(request).body, "ok");
    request.tls_server_name = "other.local";
    EXPECT_EQ(failure(request), "TLS: the certificate is refused: hostname mismatch");
    request.tls_server_name = "";
    EXPECT_EQ(failure(request), "TLS: the certificate is refused: IP address mismatch");
    ::unsetenv("SSL_CERT_FILE");
    std::filesystem::remove(file);

    request.tls_skip_verify = true;
    EXPECT_EQ(reply(request).body, "ok");
}

TEST_F(HttpClient, a_unix_socket_is_reached_by_its_path) {
    const auto path = std::filesystem::path(testing::TempDir()) /
                      ("http_client_" + std::to_string(::getpid()) + ".sock");
    asio::local::stream_protocol::acceptor acceptor(
        io_, asio::local::stream_protocol::endpoint(path.string()));
    answer_ = [](const auto&) { return "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"; };
    coord::spawn(io_, "test server", [&]() -> coord::Task<void> {
        auto [error, socket] = co_await acceptor.async_accept(coord::use_tuple);
        if (!error) co_await converse(socket);
    });

    EXPECT_EQ(reply(get("unix:" + path.string() + ":/v1/x")).body, "ok");
    EXPECT_TRUE(requests_.at(0).starts_with("GET /v1/x HTTP/1.1\r\n"));
    EXPECT_EQ(failure(get("unix:/nowhere.sock:/")), "no such file or directory");
    std::filesystem::remove(path);
}

}  // namespace
