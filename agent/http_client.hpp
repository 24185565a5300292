#pragma once
// One HTTP/1.1 request to somewhere: for HTTP checks and for the command line.
//
// Fed by:  checks/http_check, cli/.
// Thread:  the one that runs `io`.
// Holds:   the whole exchange, redirects included, ends within `timeout`; at most `body_bytes_max`
//          of the body is kept, and at most 64 KiB of header is read. `localhost` is loopback by
//          definition (RFC 6761 §6.3); other names are asked of the system, one after the other.
// Fails:   HttpFailure: a sentence ("connection refused", "timed out after 2s", …).

#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace agent {

struct HttpRequest {
    std::string method = "GET";
    std::string url;  // http://, https://, or unix:/path/to.sock:/v1/…
    std::vector<std::pair<std::string, std::string>> header;
    std::string body;
    std::chrono::milliseconds timeout{10'000};
    std::size_t body_bytes_max = std::size_t{16} << 20U;
    // Takes the body of a 2xx reply as it comes, instead of the reply; false gives up.
    std::function<bool(std::string_view piece)> take_body = {};
    bool follow_redirects = false;  // at most 5
    bool tls_skip_verify = false;
    std::string tls_server_name;
};

struct HttpReply {
    int status = 0;
    std::string reason;
    std::vector<std::pair<std::string, std::string>> header;
    std::string body;
    bool truncated = false;  // there was more than body_bytes_max

    // The value of the first header of that name, case-insensitive; empty if there is none.
    [[nodiscard]] std::string_view find(std::string_view name) const;
};

struct HttpFailure {
    std::string message;
    bool timed_out = false;
    bool unreachable = false;  // no connection came about
};

coord::Task<std::variant<HttpReply, HttpFailure>> fetch(boost::asio::io_context& io,
                                                        HttpRequest request);

}  // namespace agent
