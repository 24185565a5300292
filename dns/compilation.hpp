#pragma once
// What all parts of the compiler share: where names go, how they are made, what was left out.
//
// Fed by:  Server, with the configuration.
// Read by: AnswerCompiler and its parts; Server (the counters).
// Thread:  agent; the counters are read by any.

#include "coord/base/metrics.hpp"
#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"
#include "dns/name_writer.hpp"
#include "dns/selection.hpp"

#include <chrono>
#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
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
    // Services that are found by browsing: by name, by "prefix*", by "*". None: no such names.
    std::vector<std::string> browse = {};
    // Keys of names of the configuration: no dynamic one takes their place.
    std::set<Labels> static_names = {};
    bool awaits_dynamic_names = false;  // before they were told nothing is known for sure
    // Of the catalog and the dynamic names together: see AnswerCompiler::exact_at(). Empty: what is
    // published says it for both.
    std::function<std::optional<agent::CatalogIndex>()> exact_at = {};
    ZoneDraft* draft = nullptr;  // of zones that are transferred; null: none are
};

struct CompilerCounters {
    coord::Counter rebuilt;           // services and nodes
    coord::Counter unpublishable;     // names and hostnames DNS cannot carry
    coord::Counter records_left_out;  // by records_max, or because 64 KiB were full
    coord::Counter tags_left_out;     // by tags_max and tag_sets_max
    coord::Counter ports_left_out;    // by ports_max
    coord::Counter settings_ignored;  // of instances, because they cannot be read
};

struct Compilation {
    NameWriter table;
    const Grammar& grammar;
    CompilerOptions options;
    CompilerCounters counters = {};
};

}  // namespace dns
