#include "agent/http_client.hpp"

#include "agent/connect.hpp"
#include "agent/service.hpp"
#include "agent/tls_client.hpp"
#include "agent/url.hpp"
#include "agent/within.hpp"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/detail/base64.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>

namespace agent {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace ssl = asio::ssl;
using asio::ip::tcp;
using Answer = std::variant<HttpReply, HttpFailure>;
using Message = beast::http::request<beast::http::string_body>;
using Parser = beast::http::response_parser<beast::http::buffer_body>;

constexpr std::uint32_t header_bytes_max = 64 * 1024;
constexpr int redirects_max = 5;
constexpr int interim_replies_max = 10;  // 100 Continue, 103 Early Hints

bool same_name(std::string_view a, std::string_view b) { return beast::iequals(a, b); }

std::string basic_credentials(const std::string& plain) {
    std::string encoded(beast::detail::base64::encoded_size(plain.size()), '\0');
    encoded.resize(beast::detail::base64::encode(encoded.data(), plain.data(), plain.size()));
    return "Basic " + encoded;
}

std::string read_sentence(const boost::system::error_code& error) {
    using Problem = beast::http::error;
    if (error == Problem::end_of_stream) return "the server closed the connection without a reply";
    if (error == Problem::partial_message) return "the server closed the connection in mid-reply";
    if (error == Problem::header_limit) return "the reply's header is larger than 64 KiB";
    if (error == ssl::error::stream_truncated)
        return "the server closed the connection in mid-reply";
    if (error.category() == beast::http::make_error_code(Problem::bad_version).category()) {
        return "this is not HTTP: " + error.message();
    }
    return sentence(error);
}

// A redirect of a request that is not a GET or HEAD becomes a GET, as browsers and Go do;
// RFC 9110 §15.4.8, §15.4.9: 307 and 308 keep the method.
bool becomes_get(int status, const std::string& method) {
    if (status == 307 || status == 308 || method == "HEAD") return false;
    return method != "GET";
}

}  // namespace

std::string_view HttpReply::find(std::string_view name) const {
    const auto found = std::find_if(header.begin(), header.end(), [&](const auto& field) {
        return same_name(field.first, name);
    });
    return found == header.end() ? std::string_view() : std::string_view(found->second);
}

namespace {

// One request and its redirects.
class Exchange {
public:
    Exchange(asio::io_context& io, HttpRequest request)
        : request_(std::move(request)), tcp_(io), local_(io) {}

    void abandon() {
        boost::system::error_code ignored;  // Nobody waits for what these could say any more.
        tcp_.close(ignored);
        local_.close(ignored);
    }

    coord::Task<Answer> follow() {
        auto url = parse_url(request_.url);
        if (!url) co_return HttpFailure{"not a URL: " + request_.url};
        for (int redirects = 0;; ++redirects) {
            auto answer = co_await once(*url);
            const auto* reply = std::get_if<HttpReply>(&answer);
            if (reply == nullptr || !request_.follow_redirects || !redirect(*reply, *url)) {
                co_return answer;
            }
            if (redirects == redirects_max) co_return HttpFailure{"more than 5 redirects"};
        }
    }

private:
    // Whether the reply leads elsewhere; then `url` and the request are what to ask next.
    bool redirect(const HttpReply& reply, Url& url) {
        const bool leads = reply.status == 301 || reply.status == 302 || reply.status == 303 ||
                           reply.status == 307 || reply.status == 308;
        const auto location = reply.find("Location");
        if (!leads || location.empty()) return false;
        auto next = resolve(url, location);
        if (!next) return false;
        if (becomes_get(reply.status, request_.method)) {
            request_.method = "GET";
            request_.body.clear();
        }
        const bool same_host = next->host == url.host && next->port == url.port;
        if (!same_host) {  // What was meant for one server is not told to another.
            std::erase_if(request_.header, [](const auto& field) {
                return same_name(field.first, "Authorization") ||
                       same_name(field.first, "Cookie") || same_name(field.first, "Host");
            });
        }
        url = std::move(*next);
        return true;
    }

    coord::Task<Answer> once(const Url& url) {
        boost::system::error_code ignored;  // A new connection for each request.
        tcp_.close(ignored);
        if (url.scheme == Url::Scheme::unix_socket) {
            const auto [error] = co_await local_.async_connect(
                asio::local::stream_protocol::endpoint(url.host), coord::use_tuple);
            if (error) co_return HttpFailure{.message = sentence(error), .unreachable = true};
            co_return co_await converse(local_, url);
        }
        const HostPort to{url.host, url.port};
        auto why = co_await connect(tcp_, to);
        if (!why.empty()) co_return HttpFailure{.message = std::move(why), .unreachable = true};
        tcp_.set_option(tcp::no_delay(true), ignored);
        if (url.scheme == Url::Scheme::https) co_return co_await converse_over_tls(url);
        co_return co_await converse(tcp_, url);
    }

    coord::Task<Answer> converse_over_tls(const Url& url) {
        auto tls = client_tls();
        ssl::stream<tcp::socket&> stream(tcp_, tls);
        const auto& name = request_.tls_server_name.empty() ? url.host : request_.tls_server_name;
        auto why = co_await handshake(stream, name, request_.tls_skip_verify);
        if (!why.empty()) co_return HttpFailure{std::move(why)};
        co_return co_await converse(stream, url);
    }

    [[nodiscard]] Message message(const Url& url) const {
        Message message;
        message.version(11);
        message.method_string(request_.method);
        message.target(url.target);
        message.set(beast::http::field::host, url.authority());
        message.set(beast::http::field::connection, "close");
        if (!url.credentials.empty()) {
            message.set(beast::http::field::authorization, basic_credentials(url.credentials));
        }
        // A name given once replaces ours; given again, it is one more field of that name.
        std::vector<std::string_view> seen;
        for (const auto& [name, value] : request_.header) {
            const bool again = std::any_of(seen.begin(), seen.end(), [&, &n = name](auto other) {
                return same_name(other, n);
            });
            again ? message.insert(name, value) : message.set(name, value);
            seen.emplace_back(name);
        }
        message.body() = request_.body;
        const bool has_body = !request_.body.empty() || request_.method == "POST" ||
                              request_.method == "PUT" || request_.method == "PATCH";
        if (has_body) message.content_length(request_.body.size());
        return message;
    }

    template <class Stream>
    coord::Task<Answer> converse(Stream& stream, const Url& url) {
        const auto request = message(url);
        const auto [unsent, sent] =
            co_await beast::http::async_write(stream, request, coord::use_tuple);
        if (unsent) co_return HttpFailure{"sending the request: " + sentence(unsent)};
        beast::flat_buffer buffer;
        for (int interim = 0; interim <= interim_replies_max; ++interim) {
            Parser parser;
            parser.header_limit(header_bytes_max);
            parser.body_limit(boost::none);
            parser.skip(request_.method == "HEAD");
            const auto [unread, bytes] =
                co_await beast::http::async_read_header(stream, buffer, parser, coord::use_tuple);
            if (unread) co_return HttpFailure{read_sentence(unread)};
            const auto status = parser.get().result_int();
            if (status >= 200 || status == 101) co_return co_await body(stream, buffer, parser);
        }
        co_return HttpFailure{"more than 10 interim replies"};
    }

    template <class Stream>
    coord::Task<Answer> body(Stream& stream, beast::flat_buffer& buffer, Parser& parser) {
        HttpReply reply;
        reply.status = static_cast<int>(parser.get().result_int());
        reply.reason = parser.get().reason();
        for (const auto& field : parser.get()) {
            reply.header.emplace_back(field.name_string(), field.value());
        }
        std::array<char, 16384> chunk{};
        while (!parser.is_done()) {
            parser.get().body() = {chunk.data(), chunk.size(), true};
            auto [error, bytes] =
                co_await beast::http::async_read(stream, buffer, parser, coord::use_tuple);
            if (error == beast::http::error::need_buffer) error = {};
            // Without a length the end of the connection ends the body; many skip TLS's own end.
            if (error == ssl::error::stream_truncated && parser.need_eof()) parser.put_eof(error);
            const auto got = chunk.size() - parser.get().body().size;
            if (request_.take_body && reply.status >= 200 && reply.status <= 299) {
                if (!request_.take_body({chunk.data(), got})) {
                    co_return HttpFailure{"the reply could not be written"};
                }
                if (error) co_return HttpFailure{read_sentence(error)};
                continue;
            }
            const auto room = request_.body_bytes_max - reply.body.size();
            reply.body.append(chunk.data(), std::min(got, room));
            reply.truncated = got > room;
            if (reply.truncated) break;
            if (error) co_return HttpFailure{read_sentence(error)};
        }
        co_return reply;
    }

    HttpRequest request_;
    tcp::socket tcp_;
    asio::local::stream_protocol::socket local_;
};

// Owns the exchange: it goes on for a moment when fetch() has given up on it.
coord::Task<Answer> run(std::shared_ptr<Exchange> exchange) {
    co_return co_await exchange->follow();
}

}  // namespace

coord::Task<std::variant<HttpReply, HttpFailure>> fetch(asio::io_context& io, HttpRequest request) {
    const auto timeout = request.timeout;
    const auto exchange = std::make_shared<Exchange>(io, std::move(request));
    auto answer = co_await within(io, timeout, "http exchange", run(exchange));
    if (answer) co_return std::move(*answer);
    exchange->abandon();
    co_return HttpFailure{.message = "timed out after " + format_duration(timeout),
                          .timed_out = true};
}

}  // namespace agent
