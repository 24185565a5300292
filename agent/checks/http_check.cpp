#include "agent/checks/http_check.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

namespace agent {
namespace {

constexpr std::chrono::milliseconds default_timeout{10'000};
constexpr std::size_t matched_bytes_max = 65'536;

bool same_name(std::string_view a, std::string_view b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](unsigned char x, unsigned char y) {
        return std::tolower(x) == std::tolower(y);
    });
}

HttpRequest request_of(const CheckDefinition& check) {
    HttpRequest request;
    request.method = check.method.empty() ? "GET" : check.method;
    request.url = check.http;
    request.header = check.header;
    const auto say = [&](const char* name, const char* value) {
        const bool is_given =
            std::any_of(check.header.begin(), check.header.end(), [&](const auto& field) {
                return same_name(field.first, name);
            });
        if (!is_given) request.header.emplace_back(name, value);
    };
    say("User-Agent", "Roster Health Check");
    say("Accept", "text/plain, text/*, */*");
    request.body = check.body;
    request.timeout = check.timeout.count() > 0 ? check.timeout : default_timeout;
    request.body_bytes_max = check.body_match.empty() ? check.output_bytes_max : matched_bytes_max;
    request.follow_redirects = !check.disable_redirects;
    request.tls_skip_verify = check.tls_skip_verify;
    request.tls_server_name = check.tls_server_name;
    return request;
}

Health health_of(int status, const std::vector<int>& expected) {
    if (!expected.empty()) {
        const bool is_expected =
            std::find(expected.begin(), expected.end(), status) != expected.end();
        return is_expected ? Health::passing : Health::critical;
    }
    if (status >= 200 && status <= 299) return Health::passing;
    return status == 429 ? Health::warning : Health::critical;
}

}  // namespace

HttpCheck::HttpCheck(boost::asio::io_context& io, CheckDefinition definition)
    : io_(io), definition_(std::move(definition)), request_(request_of(definition_)) {
    if (!definition_.body_match.empty()) pattern_ = BodyPattern::compile(definition_.body_match);
}

CheckStatus HttpCheck::judge(const HttpReply& reply) const {
    auto output = "HTTP " + request_.method + " " + definition_.http + ": " +
                  std::to_string(reply.status) + " " + reply.reason;
    auto health = health_of(reply.status, definition_.expected_status);
    if (!definition_.body_match.empty() && health != Health::critical) {
        const bool matches = pattern_ && pattern_->is_in(reply.body);
        if (!matches) health = Health::critical;
        if (!matches) output += " Body does not match \"" + definition_.body_match + "\"";
    }
    output += " Output: " + reply.body.substr(0, definition_.output_bytes_max);
    return {health, std::move(output)};
}

coord::Task<ProbeResult> HttpCheck::run() {
    const auto answer = co_await fetch(io_, request_);
    ProbeResult result;
    if (const auto* failure = std::get_if<HttpFailure>(&answer)) {
        result.timed_out = failure->timed_out;
        result.status.output =
            "HTTP " + request_.method + " " + definition_.http + ": " + failure->message;
    } else {
        result.status = judge(std::get<HttpReply>(answer));
    }
    co_return result;
}

}  // namespace agent
