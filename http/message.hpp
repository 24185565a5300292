#pragma once
// One request and its reply, as our own values: the handlers know nothing of Beast.
//
// Fed by:  Connection, which reads a request off the socket.
// Read by: Router and every *_api.
// Thread:  http; these are values.
// Fails:   parse_target returns nothing for a target that is not a proper escaped path and query.

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace http {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Target {
    std::string path;  // decoded
    Fields query;      // decoded, in the order given
};

std::optional<Target> parse_target(std::string_view target);
std::optional<std::string> percent_decode(std::string_view text, bool plus_is_space);

struct Request {
    std::string method;
    Target target;
    Fields header;
    std::string body;
    std::string parameter;  // what follows the pattern of the route; set by the Router
    // Calls `gone` once when the client hangs up before the reply. Empty where nobody can tell.
    std::function<void(std::function<void()> gone)> on_hangup;

    // The key is present, with whatever value: ?pretty, ?stale=false.
    [[nodiscard]] bool has(std::string_view key) const;
    // The first value of the key; empty when there is none.
    [[nodiscard]] std::string_view query(std::string_view key) const;
    [[nodiscard]] std::vector<std::string> all(std::string_view key) const;
    // The first header of that name, case-insensitive; empty when there is none.
    [[nodiscard]] std::string_view find_header(std::string_view name) const;
};

// A body that is too large to be held: read piece by piece while it is sent. Throws what the disk
// throws, which ends the connection.
struct Stream {
    std::uint64_t bytes = 0;
    std::function<std::string(std::uint64_t offset, std::size_t count)> read;
};

struct Response {
    int status = 200;
    std::string content_type;  // empty when there is no body
    Fields header;
    std::string body;
    std::optional<Stream> stream;  // instead of `body`
    bool close = false;            // the connection ends with this reply
    std::function<void()> sent;    // called once the reply is out
};

bool equal_ignoring_case(std::string_view a, std::string_view b);

// Consul's errors are plain text: the sentence is the whole body.
Response plain(int status, std::string sentence);

}  // namespace http
