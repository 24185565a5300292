#pragma once
// Turns what the catalog publishes into precompiled answers, rebuilding only what changed.
//
// Fed by:  Server::publish, with the catalog's publications, in index order.
// Read by: nobody; it writes AnswerTable.
// Thread:  agent.
// Holds:   a target is published before what points to it, and goes after it. The work of a change
//          is proportional to the service (or node) that changed.
// Fails:   what DNS cannot carry (a dot in a service's name, a label above 63 octets) is left out
//          and counted; so are records above the limits.

#include "agent/catalog.hpp"
#include "coord/base/metrics.hpp"
#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"
#include "dns/selection.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace dns {

struct CompilerOptions {
    std::chrono::seconds ttl{1};
    // Of services: by name, by "prefix*" (the longest counts), by "*". What a service says itself
    // goes first.
    std::map<std::string, std::chrono::seconds> service_ttl = {};
    SelectionOptions selection = {};
    std::string node;                // this agent's, for the name ns.<domain>
    std::string address;             // of ns.<domain> until that node is in the catalog
    std::size_t records_max = 1000;  // of one answer; BIND's resolvers take 100
    std::size_t tags_max = 256;      // of one service
    std::size_t ports_max = 64;      // of one service: those that have names
    std::size_t tag_sets_max = 256;  // of one service: names with several tags
};

struct CompilerCounters {
    coord::Counter rebuilt;           // services and nodes
    coord::Counter unpublishable;     // names and hostnames DNS cannot carry
    coord::Counter records_left_out;  // by records_max, or because 64 KiB were full
    coord::Counter tags_left_out;     // by tags_max and tag_sets_max
    coord::Counter ports_left_out;    // by ports_max
    coord::Counter settings_ignored;  // of instances, because they cannot be read
};

class AnswerCompiler {
public:
    AnswerCompiler(AnswerTable& table, const Grammar& grammar, CompilerOptions options);

    void apply(const agent::Publication& publication);
    [[nodiscard]] const CompilerCounters& counters() const { return counters_; }

private:
    using Candidates = std::vector<const Candidate*>;
    using Tags = std::vector<std::string>;  // lower-case, in order, each once
    // Names that differ only in case are one name of DNS: it answers for all of them.
    template <class View>
    using Views = std::map<std::string, std::shared_ptr<const View>, std::less<>>;
    struct Service {
        Views<agent::ServiceView> views;
        std::set<Tags> tags;            // alone and together, as in the table now
        std::set<std::string> ports;    // lower-case, as in the table now
        std::set<IpAddress> addresses;  // whose reverse names are ours
    };
    struct Node {
        Views<agent::NodeView> views;
        std::set<IpAddress> addresses;
    };
    // Who has an address: keys of nodes_ and services_.
    struct Reverse {
        std::set<Labels> nodes;
        std::set<Labels> services;
        bool published = false;
    };
    class Builder;

    void update_node(const std::shared_ptr<const agent::NodeView>& view);
    void remove_node(std::string_view name);
    void rebuild_node(const Labels& key, Node& node);
    void update_service(const std::shared_ptr<const agent::ServiceView>& view);
    void remove_service(std::string_view name);
    void rebuild_service(const Labels& key, Service& service);
    void rebuild_tags(Service& service, const std::vector<Candidate>& candidates);
    [[nodiscard]] std::set<Tags> choose_tags(std::string_view service,
                                             const std::map<Tags, Candidates>& groups);
    void remove_tags(const std::string& service, const Tags& tags);
    void rebuild_ports(Service& service, const std::vector<Candidate>& candidates);
    void hold_implied(std::string_view tag);
    void release_implied(std::string_view tag);
    void publish_name_server();
    void track(const Labels& key,
               std::set<Labels> Reverse::*side,
               std::set<IpAddress>& before,
               std::set<IpAddress> after);
    void rebuild_reverse();

    // With a port's name, what the instances have under that name.
    [[nodiscard]] AnswerSet
    compile(const std::string& service, const Candidates& candidates, std::string_view port = {});
    [[nodiscard]] std::chrono::seconds ttl_of(const std::string& service) const;
    [[nodiscard]] AnswerSet compile(const Node& node);

    AnswerTable& table_;
    const Grammar& grammar_;
    CompilerOptions options_;
    std::uint32_t ttl_;
    CompilerCounters counters_;
    std::map<Labels, Service, std::less<>> services_;  // by key
    std::map<Labels, Node, std::less<>> nodes_;        // by key
    std::map<IpAddress, Reverse> reverse_;
    std::set<IpAddress> reverse_changed_;
};

}  // namespace dns
