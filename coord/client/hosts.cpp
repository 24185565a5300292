#include "coord/client/hosts.hpp"

#include "coord/proto/error.hpp"
#include "coord/proto/path.hpp"

#include <algorithm>
#include <cassert>
#include <charconv>
#include <optional>
#include <utility>

namespace coord {
namespace {

std::string_view trim(std::string_view text) {
    const auto first = text.find_first_not_of(" \t");
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
    std::uint16_t port = 0;
    const auto* end = text.data() + text.size();
    const auto [stopped, error] = std::from_chars(text.data(), end, port);
    if (error != std::errc() || stopped != end || port == 0) return std::nullopt;
    return port;
}

std::optional<EnsembleHost> parse_host(std::string_view text) {
    EnsembleHost host;
    std::string_view rest;  // what follows the name: empty, or ":port"
    if (text.starts_with('[')) {
        const auto close = text.find(']');
        if (close == std::string_view::npos) return std::nullopt;
        host.name = text.substr(1, close - 1);
        rest = text.substr(close + 1);
    } else {
        // A bare IPv6 address is refused: nobody could tell its last group from a port.
        const auto colon = std::min(text.find(':'), text.size());
        host.name = text.substr(0, colon);
        rest = text.substr(colon);
    }
    if (host.name.empty()) return std::nullopt;
    if (rest.empty()) return host;
    if (!rest.starts_with(':')) return std::nullopt;
    const auto port = parse_port(rest.substr(1));
    if (!port) return std::nullopt;
    host.port = *port;
    return host;
}

}  // namespace

Result<ConnectString> parse_connect_string(std::string_view text) {
    ConnectString parsed;
    text = trim(text);
    const auto slash = std::min(text.find('/'), text.size());
    if (const auto chroot = text.substr(slash); chroot.size() > 1) {
        if (!is_valid_path(chroot)) return Errc::bad_arguments;
        parsed.chroot = chroot;
    }
    auto hosts = text.substr(0, slash);
    while (true) {
        const auto comma = std::min(hosts.find(','), hosts.size());
        auto host = parse_host(trim(hosts.substr(0, comma)));
        if (!host) return Errc::bad_arguments;
        parsed.hosts.push_back(std::move(*host));
        if (comma == hosts.size()) return parsed;
        hosts.remove_prefix(comma + 1);
    }
}

HostCycle::HostCycle(std::vector<EnsembleHost> hosts, std::uint64_t seed)
    : hosts_(std::move(hosts)) {
    assert(!hosts_.empty());
    std::mt19937_64 random(seed);
    std::shuffle(hosts_.begin(), hosts_.end(), random);
}

const EnsembleHost& HostCycle::next() {
    const auto& host = hosts_[at_];
    at_ = (at_ + 1) % hosts_.size();
    return host;
}

ReconnectBackoff::ReconnectBackoff(std::chrono::milliseconds first,
                                   std::chrono::milliseconds longest,
                                   std::uint64_t seed)
    : first_(first), longest_(longest), step_(first), random_(seed) {
    assert(first_.count() > 0 && first_ <= longest_);
}

std::chrono::microseconds ReconnectBackoff::next() {
    const std::chrono::microseconds step = step_;
    step_ = std::min(step_ * 2, longest_);
    std::uniform_int_distribution<std::int64_t> jitter(step.count() / 2, step.count());
    return std::chrono::microseconds(jitter(random_));
}

}  // namespace coord
