#pragma once
// A URL, as far as a request needs it taken apart.
//
// Fed by:  http_client, config (is a check's URL one?).
// Thread:  any; pure functions.
// Source:  RFC 3986, without its generality: a fragment is dropped, no path segment is rewritten.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace agent {

struct Url {
    enum class Scheme { http, https, unix_socket };

    Scheme scheme = Scheme::http;
    std::string host;  // without brackets; the socket's path for unix_socket
    std::uint16_t port = 80;
    std::string credentials;   // "user:password", percent-decoded; empty: none
    std::string target = "/";  // path and query, as they go into the request line

    // The Host header's value: with brackets, and with the port when it is not the scheme's own.
    [[nodiscard]] std::string authority() const;
    bool operator==(const Url&) const = default;
};

// "http://host:80/path?query", "https://…", "unix:/path/to.sock:/v1/…", "unix:/path/to.sock".
std::optional<Url> parse_url(std::string_view text);
std::string format(const Url& url);  // without the credentials

// Where a Location header leads from `base`: an absolute URL, or a path. RFC 3986 §5.2, simplified.
std::optional<Url> resolve(const Url& base, std::string_view location);

// Percent-encoding of one path segment or query value: all but unreserved characters.
std::string percent_encode(std::string_view text);
std::string percent_decode(std::string_view text);

}  // namespace agent
