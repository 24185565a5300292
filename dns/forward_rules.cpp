#include "dns/forward_rules.hpp"

#include "agent/endpoint.hpp"
#include "dns/query.hpp"

#include <algorithm>
#include <array>
#include <sstream>
#include <stdexcept>

namespace dns {

namespace {

using Kind = ForwardRules::Kind;

struct Special {
    std::string_view name;
    Kind kind;
};
// RFC 6761, 6762, 7686, 9462; and what means something else in every network: RFC 8375, RFC 6303.
constexpr std::array special_names{
    Special{"localhost", Kind::localhost},
    Special{"invalid", Kind::no_such_name},
    Special{"local", Kind::no_such_name},
    Special{"onion", Kind::no_such_name},
    Special{"resolver.arpa", Kind::no_data},
    Special{"internal", Kind::ask},
    Special{"home.arpa", Kind::ask},
    Special{"0.in-addr.arpa", Kind::ask},
    Special{"255.255.255.255.in-addr.arpa", Kind::ask},
};

// Prefixes whose bits end with an octet, or with a nibble, have one reverse name; others several.
void add_reverse_names(const IpPrefix& prefix, std::map<Labels, Kind, std::less<>>& special) {
    const std::size_t unit = prefix.address.is_v4() ? 8 : 4;
    const std::size_t units = (prefix.bits + unit - 1) / unit;
    const std::size_t open = units * unit - prefix.bits;
    for (unsigned i = 0; i < 1U << open; ++i) {
        auto address = prefix.address;
        const std::size_t octet = (units * unit - 1) / 8;
        const bool is_high = !prefix.address.is_v4() && units % 2 == 1;
        address.bytes[octet] =
            static_cast<std::uint8_t>(address.bytes[octet] | i << (is_high ? 4U : 0U));
        special.emplace(reverse_labels(address, units) + Labels("\4arpa\0", 6), Kind::ask);
    }
}

// What is asked for at the top of the tree by those that validate, and not because somebody left
// out the domain.
bool is_of_the_root(std::uint16_t type) {
    constexpr std::uint16_t ds = 43;
    constexpr std::uint16_t dnskey = 48;
    return type == rr::ns || type == rr::soa || type == ds || type == dnskey;
}

Labels name_of(const std::string& text, const char* key) {
    auto name = parse_name(text);
    if (!name) throw std::runtime_error(std::string(key) + ": \"" + text + "\" is no name");
    return fold(*name);
}

// The longest of the suffixes of `name` that `map` has, or its end.
template <class Map>
auto find_longest(const Map& map, const QueryName& name) {
    for (std::size_t i = 0; i < name.labels; ++i) {
        const auto found = map.find(text(name.whole().subspan(name.label_at[i])));
        if (found != map.end()) return found;
    }
    return map.find(text(name.whole().last(1)));
}

}  // namespace

std::optional<ServerAddress> parse_server(std::string_view text) {
    if (const auto address = parse_ip(text)) return ServerAddress{*address};
    const auto host_port = agent::parse_host_port(text);
    if (!host_port || host_port->port == 0) return std::nullopt;
    const auto address = parse_ip(host_port->host);
    if (!address) return std::nullopt;
    return ServerAddress{*address, host_port->port};
}

std::string format(const ServerAddress& server) {
    return agent::format(agent::HostPort{format_ip(server.address), server.port});
}

std::vector<ServerAddress> parse_resolv_conf(std::string_view text) {
    std::vector<ServerAddress> servers;
    std::istringstream lines{std::string(text)};
    for (std::string line; std::getline(lines, line);) {
        std::istringstream words(line);
        std::string key;
        std::string value;
        words >> key >> value;
        const auto address = parse_ip(value);  // with a scope it is none
        if (key == "nameserver" && address) servers.push_back({*address});
    }
    return servers;
}

ForwardRules::ForwardRules(const agent::DnsForwardConfig& config,
                           const std::vector<ServerAddress>& system,
                           const std::function<bool(const ServerAddress&)>& is_own) {
    for (const auto& text : agent::private_networks) private_.push_back(*parse_prefix(text));
    hidden_ = private_;
    for (const auto* more : {"0.0.0.0/8", "::/128", "::ffff:0:0/96"}) {
        hidden_.push_back(*parse_prefix(more));
    }
    // RFC 6052 §2.1: NAT64 leads from there to the addresses of IPv4 at their end.
    for (std::size_t i = 0, count = hidden_.size(); i < count; ++i) {
        const auto& [v4, bits] = hidden_[i];
        if (!v4.is_v4()) continue;
        auto beyond = *parse_prefix("64:ff9b::/96");
        std::copy_n(v4.bytes.begin(), 4, beyond.address.bytes.begin() + 12);
        beyond.bits += bits;
        hidden_.push_back(beyond);
    }
    for (const auto& [name, kind] : special_names) special_.emplace(*parse_name(name), kind);
    for (const auto& prefix : private_) add_reverse_names(prefix, special_);
    const auto parse = [&](const std::vector<std::string>& texts) {
        std::vector<ServerAddress> servers;
        for (const auto& text : texts) {
            const auto server = parse_server(text);
            if (!server) throw std::runtime_error("dns.forward: \"" + text + "\" is no server");
            if (is_own(*server)) {
                throw std::runtime_error("dns.forward: " + text + " is this agent itself");
            }
            servers.push_back(*server);
        }
        return servers;
    };
    auto servers = parse(config.servers);
    if (servers.empty()) {
        servers = system;
        std::erase_if(servers, is_own);
        if (servers.empty() && config.domains.empty()) {
            throw std::runtime_error(
                "dns.forward: /etc/resolv.conf names no other server: set \"servers\"");
        }
    }
    if (!servers.empty()) add_route(Labels(1, '\0'), servers, false);
    for (const auto& domain : config.domains) {
        add_route(name_of(domain.name, "dns.forward.domain"), parse(domain.servers), true);
    }
    for (const auto& text : config.rebind_allow) {
        rebind_allow_.emplace(name_of(text, "dns.forward.rebind_allow"), true);
    }
}

std::size_t ForwardRules::number_of(const ServerAddress& server) {
    const auto found = std::find(servers_.begin(), servers_.end(), server);
    if (found != servers_.end()) return static_cast<std::size_t>(found - servers_.begin());
    servers_.push_back(server);
    return servers_.size() - 1;
}

void ForwardRules::add_route(const Labels& suffix,
                             const std::vector<ServerAddress>& servers,
                             bool named) {
    auto& route = routes_[suffix];
    route.named = named;
    route.is_private = true;
    for (const auto& server : servers) {
        const auto number = number_of(server);
        if (std::find(route.servers.begin(), route.servers.end(), number) == route.servers.end()) {
            route.servers.push_back(number);
        }
        route.is_private &= is_private(server.address);
    }
}

bool ForwardRules::is_private(const IpAddress& address) const {
    return contains(private_, address);
}

const ForwardRoute* ForwardRules::route_of(const QueryName& name) const {
    const auto found = find_longest(routes_, name);
    return found == routes_.end() ? nullptr : &found->second;
}

ForwardRules::Decision ForwardRules::decide(const QueryName& name, std::uint16_t type) const {
    const auto special = find_longest(special_, name);
    const bool is_special = special != special_.end();
    const std::size_t root_at = name.bytes - 1U;
    const std::size_t special_at = is_special ? name.bytes - special->first.size() : root_at;
    // A name is not denied by its own zone, where it exists.
    const Decision no_such_name{
        Kind::no_such_name, nullptr, special_at == 0 ? root_at : special_at};
    if (is_special && special->second == Kind::localhost) {
        return {Kind::localhost, nullptr, special_at};
    }
    const auto* route = route_of(name);
    if (route != nullptr && route->named) return {Kind::ask, route};
    const bool is_single = name.labels == 1 && !is_of_the_root(type);
    if (is_special && special->second == Kind::no_such_name) return no_such_name;
    if (is_special && special->second == Kind::no_data) return {Kind::no_data, nullptr, special_at};
    if (route == nullptr) return {Kind::nobody};
    const bool is_of_here = is_single || is_special;
    if (is_of_here && !route->is_private) return no_such_name;
    return {Kind::ask, route};
}

const std::vector<IpPrefix>*
ForwardRules::hidden(const QueryName& name, const ForwardRoute& route, std::size_t server) const {
    const bool is_free = route.named || is_private(servers_[server].address) ||
                         find_longest(rebind_allow_, name) != rebind_allow_.end();
    return is_free ? nullptr : &hidden_;
}

}  // namespace dns
