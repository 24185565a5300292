#pragma once
// Which server is asked for a name, if any is.
//
// Fed by:  the configuration, once; /etc/resolv.conf when that names no servers.
// Read by: InquiryTable, for each question.
// Thread:  any; immutable once built.
// Holds:   names that mean something only here (single labels, private reverse zones, .internal) go
//          to servers that were named for them, or whose address is private: nowhere else.
//          localhost is answered here, as RFC 6761 has it.
// Fails:   construction throws std::runtime_error with one line (no server, a server that is none).

#include "agent/config.hpp"
#include "dns/address.hpp"
#include "dns/name.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

struct ServerAddress {
    IpAddress address;
    std::uint16_t port = 53;

    auto operator<=>(const ServerAddress&) const = default;
};

// "10.0.0.2", "10.0.0.2:5353", "fd00::2", "[fd00::2]:5353"
std::optional<ServerAddress> parse_server(std::string_view text);
std::string format(const ServerAddress& server);
// The servers of a resolv.conf.
std::vector<ServerAddress> parse_resolv_conf(std::string_view text);

struct ForwardRoute {
    std::vector<std::size_t> servers;  // into ForwardRules::servers()
    bool named = false;                // for a domain
    bool is_private = false;           // every server has an address of this network
};

class ForwardRules {
public:
    // `system` is what the configuration leaves to the system, if it does. What `is_own` accepts is
    // ourselves: given as a server it is an error, found in the system it is left out.
    ForwardRules(const agent::DnsForwardConfig& config,
                 const std::vector<ServerAddress>& system,
                 const std::function<bool(const ServerAddress&)>& is_own);

    enum class Kind { ask, localhost, no_such_name, no_data, nobody };
    struct Decision {
        Kind kind = Kind::nobody;
        const ForwardRoute* route = nullptr;  // for `ask`
        // Of what is denied here: where in the name the zone begins that denies it.
        std::size_t zone_at = 0;
    };
    [[nodiscard]] Decision decide(const QueryName& name, std::uint16_t type) const;

    // The addresses that the answer to this name may not have; null: any.
    [[nodiscard]] const std::vector<IpPrefix>*
    hidden(const QueryName& name, const ForwardRoute& route, std::size_t server) const;

    [[nodiscard]] const std::vector<ServerAddress>& servers() const { return servers_; }

private:
    std::size_t number_of(const ServerAddress& server);
    void add_route(const Labels& suffix, const std::vector<ServerAddress>& servers, bool named);
    [[nodiscard]] const ForwardRoute* route_of(const QueryName& name) const;
    [[nodiscard]] bool is_private(const IpAddress& address) const;

    std::vector<ServerAddress> servers_;
    std::map<Labels, ForwardRoute, std::less<>> routes_;  // by suffix, folded; the root's is ""
    std::map<Labels, Kind, std::less<>> special_;         // `ask`: if the servers are private
    std::map<Labels, bool, std::less<>> rebind_allow_;
    std::vector<IpPrefix> private_;
    std::vector<IpPrefix> hidden_;
};

}  // namespace dns
