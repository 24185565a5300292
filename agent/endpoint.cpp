#include "agent/endpoint.hpp"

#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/network_v4.hpp>
#include <boost/asio/ip/network_v6.hpp>

#include <algorithm>
#include <charconv>

namespace agent {
namespace {

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc{} || stop != end) return std::nullopt;
    return port;
}

bool is_label(std::string_view label) {
    const auto allowed = [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
               c == '-' || c == '_';
    };
    return !label.empty() && label.size() <= 63 && label.front() != '-' && label.back() != '-' &&
           std::all_of(label.begin(), label.end(), allowed);
}

}  // namespace

std::optional<HostPort> parse_host_port(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0) return std::nullopt;
    const auto port = parse_port(text.substr(colon + 1));
    auto host = text.substr(0, colon);
    if (!port) return std::nullopt;
    if (host.front() == '[') {
        if (host.size() < 4 || host.back() != ']') return std::nullopt;
        host = host.substr(1, host.size() - 2);
        if (!is_ip_address(host)) return std::nullopt;
    } else if (host.find_first_of(":[] \t/") != std::string_view::npos) {
        return std::nullopt;  // A bare IPv6 address: where it ends and the port begins is a guess.
    }
    return HostPort{std::string(host), *port};
}

std::string format(const HostPort& endpoint) {
    const bool v6 = endpoint.host.find(':') != std::string::npos;
    return (v6 ? "[" + endpoint.host + "]" : endpoint.host) + ":" + std::to_string(endpoint.port);
}

bool is_ip_address(std::string_view text) {
    boost::system::error_code error;
    boost::asio::ip::make_address(std::string(text), error);
    return !error;
}

bool is_ip_prefix(std::string_view text) {
    boost::system::error_code v4;
    boost::system::error_code v6;
    boost::asio::ip::make_network_v4(std::string(text), v4);
    boost::asio::ip::make_network_v6(std::string(text), v6);
    return !v4 || !v6;
}

bool is_listen_address(std::string_view text) {
    const auto endpoint = parse_host_port(text);
    return endpoint && is_ip_address(endpoint->host);
}

bool is_listen_address_or_unix(std::string_view text) {
    constexpr std::string_view scheme = "unix:";
    constexpr std::size_t path_bytes_max = 107;  // sun_path, with its final zero
    if (!text.starts_with(scheme)) return is_listen_address(text);
    text.remove_prefix(scheme.size());
    return text.starts_with('/') && text.size() > 1 && text.size() <= path_bytes_max;
}

bool is_domain(std::string_view text) {
    if (text.ends_with('.')) text.remove_suffix(1);
    if (text.empty() || text.size() > 253) return false;
    for (;;) {
        const auto dot = text.find('.');
        if (!is_label(text.substr(0, dot))) return false;
        if (dot == std::string_view::npos) return true;
        text.remove_prefix(dot + 1);
    }
}

}  // namespace agent
