#pragma once
// DNS-SD (RFC 6763): how people and programs find services without knowing their names.
//
//   b._dns-sd._udp, db…, lb…      PTR       the domain, where to browse
//   _services._dns-sd._udp        PTR       _<service>._tcp: what there is
//   _<service>._tcp               PTR       its instances (beside the SRV of RFC 2782)
//   _<tag>._sub._<service>._tcp   PTR       those with the tag
//   <instance>._<service>._tcp    SRV, TXT  where it is, and its metadata
//
// Fed by:  ServiceNames.
// Read by: AnswerTable.
// Thread:  agent.
// Holds:   an instance is <id>@<node>: unique, and the same after a restart. Its name exists whatever
//          its health. Only services that the configuration names are here.
// Fails:   what DNS cannot carry, and what is above the limits, is left out and counted.

#include "agent/catalog.hpp"
#include "dns/compilation.hpp"
#include "dns/name_records.hpp"
#include "dns/selection.hpp"

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

class BrowseNames {
public:
    explicit BrowseNames(Compilation& compilation);

    // Whether a service is found by browsing; does not change.
    [[nodiscard]] bool covers(std::string_view service) const;

    // What there is, once for each service that is covered; publish() says it.
    void add_type(const Labels& key, std::string_view service);
    void remove_type(const Labels& key);
    void publish();

    // Of a service that is covered:
    void add_pointers(std::string_view service, const Selection& selection, NameRecords& records);
    // Gives every candidate a name; those selected have records. `published` are the names' first
    // labels, before and after, one behind the other.
    void put_instances(std::string_view service,
                       const std::vector<const Candidate*>& candidates,
                       const Selection& selection,
                       std::chrono::seconds ttl,
                       Labels& published);

private:
    [[nodiscard]] std::optional<Labels> name_of(const agent::InstanceView& instance,
                                                std::string_view service) const;

    Compilation& compilation_;
    std::map<Labels, Labels> types_;  // by the key of the service
    bool changed_ = true;
};

}  // namespace dns
