#pragma once
// The commands' way to the agent: its HTTP API.
//
// Fed by:  every command that asks the agent something.
// Thread:  main's; call() runs an io_context until the reply is there.
// Fails:   ApiFailure: what to print, and the exit code that goes with it.

#include "agent/cli/command_line.hpp"
#include "agent/http_client.hpp"
#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <string>
#include <variant>

namespace agent {

struct ApiFailure {
    ExitCode code = exit_failed;
    std::string message;
};

using ApiResult = std::variant<HttpReply, ApiFailure>;

// "http://127.0.0.1:8500", "127.0.0.1:8500" or "unix:/run/roster/http.sock".
bool is_api_address(const std::string& address);

class ApiClient {
public:
    // Of an is_api_address().
    explicit ApiClient(std::string address);

    [[nodiscard]] const std::string& address() const { return address_; }

    [[nodiscard]] ApiResult get(const std::string& path) const;
    [[nodiscard]] ApiResult put(const std::string& path, const std::string& body) const;
    // POST or DELETE, without a body.
    [[nodiscard]] ApiResult send(const std::string& method, const std::string& path) const;
    // Hands over the body as it comes, however large it is.
    [[nodiscard]] ApiResult download(const std::string& path,
                                     std::function<bool(std::string_view)> take_body) const;
    // The same on an io_context of the caller's, for a reply that may take long.
    coord::Task<ApiResult>
    get(boost::asio::io_context& io, std::string path, std::chrono::milliseconds timeout) const;

private:
    [[nodiscard]] HttpRequest request(const std::string& path) const;
    [[nodiscard]] ApiResult call(const HttpRequest& request) const;
    [[nodiscard]] ApiResult judge(std::variant<HttpReply, HttpFailure> answer) const;

    std::string address_;
};

}  // namespace agent
