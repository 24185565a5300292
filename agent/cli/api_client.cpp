#include "agent/cli/api_client.hpp"

#include "agent/url.hpp"

#include <cassert>
#include <optional>
#include <utility>

namespace agent {
namespace {

std::string trimmed(std::string text) {
    const auto last = text.find_last_not_of(" \t\r\n");
    text.resize(last == std::string::npos ? 0 : last + 1);
    return text;
}

std::string with_scheme(std::string address) {
    const bool has_scheme =
        address.find("://") != std::string::npos || address.starts_with("unix:");
    return has_scheme ? address : "http://" + address;
}

}  // namespace

bool is_api_address(const std::string& address) {
    return parse_url(with_scheme(address)).has_value();
}

ApiClient::ApiClient(std::string address) : address_(with_scheme(std::move(address))) {
    while (address_.ends_with('/')) address_.pop_back();
}

HttpRequest ApiClient::request(const std::string& path) const {
    HttpRequest request;
    request.url = address_ + (address_.starts_with("unix:") ? ":" : "") + path;
    request.header = {{"User-Agent", "roster"}};
    request.body_bytes_max = std::size_t{1} << 30U;
    return request;
}

ApiResult ApiClient::judge(std::variant<HttpReply, HttpFailure> answer) const {
    if (const auto* failure = std::get_if<HttpFailure>(&answer)) {
        auto message = "cannot reach the agent at " + address_ + ": " + failure->message;
        if (failure->unreachable) message += " (is 'roster agent' running?)";
        return ApiFailure{exit_unreachable, std::move(message)};
    }
    auto& reply = std::get<HttpReply>(answer);
    if (reply.status >= 200 && reply.status <= 299) return std::move(reply);
    auto said = trimmed(reply.body);
    if (said.empty()) said = reply.reason;
    return ApiFailure{reply.status == 404 ? exit_not_found : exit_failed,
                      "the agent answered " + std::to_string(reply.status) + ": " + said};
}

ApiResult ApiClient::call(const HttpRequest& request) const {
    boost::asio::io_context io;
    std::optional<std::variant<HttpReply, HttpFailure>> answer;
    coord::spawn(
        io, "request", [&]() -> coord::Task<void> { answer = co_await fetch(io, request); });
    io.run();
    assert(answer);
    return judge(std::move(*answer));
}

ApiResult ApiClient::get(const std::string& path) const { return call(request(path)); }

ApiResult ApiClient::put(const std::string& path, const std::string& body) const {
    auto put = request(path);
    put.method = "PUT";
    put.header.emplace_back("Content-Type", "application/json");
    put.body = body;
    return call(put);
}

ApiResult ApiClient::download(const std::string& path,
                              std::function<bool(std::string_view)> take_body) const {
    auto get = request(path);
    get.timeout = std::chrono::hours(1);
    get.take_body = std::move(take_body);
    return call(get);
}

ApiResult ApiClient::send(const std::string& method, const std::string& path) const {
    auto sent = request(path);
    sent.method = method;
    return call(sent);
}

coord::Task<ApiResult> ApiClient::get(boost::asio::io_context& io,
                                      std::string path,
                                      std::chrono::milliseconds timeout) const {
    auto get = request(path);
    get.timeout = timeout;
    auto answer = co_await fetch(io, std::move(get));
    co_return judge(std::move(answer));
}

}  // namespace agent
