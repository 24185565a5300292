#include "agent/url.hpp"

#include "agent/endpoint.hpp"

#include <algorithm>

namespace agent {
namespace {

constexpr std::string_view hex_digits = "0123456789ABCDEF";

int hex_value(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

bool is_unreserved(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

// Nothing that would end the request line or a header early.
bool is_clean(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) <= ' ' || c == 127;
    });
}

std::uint16_t default_port(Url::Scheme scheme) {
    return scheme == Url::Scheme::https ? std::uint16_t{443} : std::uint16_t{80};
}

bool take_prefix(std::string_view& text, std::string_view prefix) {
    if (text.size() < prefix.size()) return false;
    const bool same = std::equal(prefix.begin(), prefix.end(), text.begin(), [](char a, char b) {
        return a == (b >= 'A' && b <= 'Z' ? static_cast<char>(b - 'A' + 'a') : b);
    });
    if (same) text.remove_prefix(prefix.size());
    return same;
}

std::optional<Url> parse_unix(std::string_view rest) {
    Url url;
    url.scheme = Url::Scheme::unix_socket;
    if (rest.starts_with("//")) rest.remove_prefix(2);
    const auto colon = rest.find(":/");
    url.host = rest.substr(0, colon);
    if (colon != std::string_view::npos) url.target = rest.substr(colon + 1);
    if (!url.host.starts_with('/') || url.host.size() < 2) return std::nullopt;
    return url;
}

std::optional<Url> parse_authority(Url url, std::string_view text) {
    if (const auto at = text.rfind('@'); at != std::string_view::npos) {
        url.credentials = percent_decode(text.substr(0, at));
        text.remove_prefix(at + 1);
    }
    const auto colon = text.rfind(':');
    const bool bare_v6 = text.ends_with(']');
    const bool has_port = colon != std::string_view::npos && !bare_v6;
    const auto whole = has_port
                           ? std::string(text)
                           : std::string(text) + ":" + std::to_string(default_port(url.scheme));
    const auto endpoint = parse_host_port(whole);
    if (!endpoint || endpoint->port == 0) return std::nullopt;
    url.host = endpoint->host;
    url.port = endpoint->port;
    return url;
}

}  // namespace

std::string Url::authority() const {
    if (scheme == Scheme::unix_socket) return "localhost";
    const bool v6 = host.find(':') != std::string::npos;
    if (port != default_port(scheme)) return format(HostPort{host, port});
    return v6 ? "[" + host + "]" : host;
}

std::optional<Url> parse_url(std::string_view text) {
    text = text.substr(0, text.find('#'));
    if (!is_clean(text)) return std::nullopt;
    if (take_prefix(text, "unix:")) return parse_unix(text);
    Url url;
    if (take_prefix(text, "https://")) {
        url.scheme = Url::Scheme::https;
    } else if (!take_prefix(text, "http://")) {
        return std::nullopt;
    }
    const auto path = text.find_first_of("/?");
    if (path != std::string_view::npos) {
        url.target = text.substr(path);
        if (url.target.front() == '?') url.target.insert(0, "/");
    }
    return parse_authority(std::move(url), text.substr(0, path));
}

std::string format(const Url& url) {
    if (url.scheme == Url::Scheme::unix_socket) return "unix:" + url.host + ":" + url.target;
    return (url.scheme == Url::Scheme::https ? "https://" : "http://") + url.authority() +
           url.target;
}

std::optional<Url> resolve(const Url& base, std::string_view location) {
    location = location.substr(0, location.find('#'));
    if (location.starts_with("//")) {
        if (base.scheme == Url::Scheme::unix_socket) return std::nullopt;
        const auto* scheme = base.scheme == Url::Scheme::https ? "https:" : "http:";
        return parse_url(scheme + std::string(location));
    }
    const auto colon = location.find("://");
    if (colon < location.find_first_of("/?")) return parse_url(location);
    if (!is_clean(location)) return std::nullopt;
    auto url = base;
    const auto path = base.target.substr(0, base.target.find('?'));
    if (location.starts_with('/')) {
        url.target = location;
    } else if (location.starts_with('?') || location.empty()) {
        url.target = path + std::string(location);
    } else {
        url.target = path.substr(0, path.rfind('/') + 1) + std::string(location);
    }
    return url;
}

std::string percent_encode(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (is_unreserved(c)) {
            out += c;
            continue;
        }
        const auto byte = static_cast<unsigned char>(c);
        out += '%';
        out += hex_digits[byte >> 4U];
        out += hex_digits[byte & 0xFU];
    }
    return out;
}

std::string percent_decode(std::string_view text) {
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool escape = text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 &&
                            hex_value(text[i + 2]) >= 0;
        out += escape ? static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]))
                      : text[i];
        if (escape) i += 2;
    }
    return out;
}

}  // namespace agent
