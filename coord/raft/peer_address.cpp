#include "coord/raft/peer_address.hpp"

#include <boost/asio/ip/address.hpp>

#include <algorithm>

namespace coord {

std::optional<PeerAddress> parse_peer_address(std::string_view text) {
    const auto colon = text.rfind(':');
    if (colon == std::string_view::npos || colon == 0 || text.size() > 300) return {};
    auto host = text.substr(0, colon);
    const auto port = text.substr(colon + 1);
    const bool has_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
    if (has_brackets) host = host.substr(1, host.size() - 2);
    if (!has_brackets && host.find(':') != std::string_view::npos) return {};
    const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
    const bool is_number = !port.empty() && port.size() <= 5 &&
                           std::all_of(port.begin(), port.end(), is_digit) &&
                           std::stoul(std::string(port)) <= 65535;
    if (!is_number) return {};
    return PeerAddress{std::string(host), std::string(port)};
}

bool is_loopback(const std::string& host) {
    boost::system::error_code not_an_address;
    const auto address = boost::asio::ip::make_address(host, not_an_address);
    return not_an_address ? host == "localhost" : address.is_loopback();
}

}  // namespace coord
