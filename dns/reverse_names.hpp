#pragma once
// Which addresses have reverse names, and the nodes and services these lead to.
//
// Fed by:  AnswerCompiler, whenever a node or a service is made anew.
// Read by: AnswerTable.
// Thread:  agent.
// Holds:   only addresses of the configured prefixes. A node's name goes before the services on its
//          address, as in Consul.

#include "agent/catalog.hpp"
#include "dns/address.hpp"
#include "dns/compilation.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <vector>

namespace dns {

class ReverseNames {
public:
    explicit ReverseNames(Compilation& compilation) : compilation_(compilation) {}

    enum class Side : std::uint8_t { node, service };
    // What a pointer leads to, relative to the domain; empty if it would not fit.
    using TargetOf = std::function<std::optional<Labels>(Side, const Labels& key)>;

    // Adds the address if its reverse name is ours.
    void collect(std::string_view address, std::set<IpAddress>& addresses) const;
    // `key` had the addresses in `before`, and has `after` now; so `before` says afterwards.
    void
    track(Side side, const Labels& key, std::set<IpAddress>& before, std::set<IpAddress> after);
    // Makes the pointers anew of all addresses that changed hands.
    void publish(const TargetOf& target_of);

private:
    // Keys of those that have an address.
    struct Owners {
        std::set<Labels> nodes;
        std::set<Labels> services;
        bool published = false;

        std::set<Labels>& of(Side side) { return side == Side::node ? nodes : services; }
    };

    Compilation& compilation_;
    std::map<IpAddress, Owners> owners_;
    std::set<IpAddress> changed_;
};

}  // namespace dns
