#pragma once
// <service>.service and every other name that a service has.
//
// Fed by:  AnswerCompiler, with the services that the catalog publishes.
// Read by: AnswerTable; ReverseNames.
// Thread:  agent.
// Holds:   the work of a change is proportional to the service that changed. A name exists whatever
//          the health of its instances.
// Fails:   what DNS cannot carry, and what is above the limits, is left out and counted.

#include "agent/catalog.hpp"
#include "dns/browse_names.hpp"
#include "dns/compilation.hpp"
#include "dns/name_records.hpp"
#include "dns/reverse_names.hpp"
#include "dns/selection.hpp"
#include "dns/tag_sets.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

class ServiceNames {
public:
    ServiceNames(Compilation& compilation, ReverseNames& reverse);

    void update(const std::shared_ptr<const agent::ServiceView>& view);
    void remove(std::string_view name);
    void publish() { browse_.publish(); }  // after a round of changes
    // What the reverse names of a service's addresses lead to.
    [[nodiscard]] std::optional<Labels> reverse_target(const Labels& key) const;

private:
    using Candidates = std::vector<const Candidate*>;
    struct Service {
        // Names that differ only in case are one name of DNS: it answers for all of them.
        std::map<std::string, std::shared_ptr<const agent::ServiceView>, std::less<>> views;
        std::set<Tags> tags;            // alone and together, as in the table now
        std::set<std::string> ports;    // lower-case, as in the table now
        std::set<Labels> bindings;      // keys, as in the table now
        std::set<IpAddress> addresses;  // whose reverse names are ours
        bool browsable = false;
        bool is_told = false;  // that something of it is left out
        Labels instances;      // the first labels of DNS-SD's names, as in the table now
    };

    void rebuild(const Labels& key, Service& service);
    static void tell(Service& service, std::uint64_t left_out);
    void put_names(const Labels& key, Service& service, const std::vector<Candidate>& candidates);
    void
    put_selected(const Labels& key, Service& service, const std::vector<Candidate>& candidates);
    void rebuild_tags(Service& service, const std::vector<Candidate>& candidates);
    void put_tags(const Service& service, const Tags& tags, const Selection& selection);
    void remove_tags(const Service& service, const Tags& tags);
    [[nodiscard]] std::optional<Labels> subtype_of(const Service& service, const Tags& tags) const;
    void rebuild_ports(Service& service, const std::vector<Candidate>& candidates);
    void rebuild_bindings(Service& service,
                          const std::vector<Candidate>& candidates,
                          const Selection& selection);
    void hold_implied(std::string_view tag);
    void release_implied(std::string_view tag);

    // With a port's name, what the instances have under that name.
    [[nodiscard]] NameRecords
    compile(const std::string& service, const Selection& selection, std::string_view port = {});
    [[nodiscard]] std::chrono::seconds ttl_of(const std::string& service,
                                              const Selection& selection) const;

    Compilation& compilation_;
    ReverseNames& reverse_;
    BrowseNames browse_;
    std::map<Labels, Service, std::less<>> services_;  // by key
};

}  // namespace dns
