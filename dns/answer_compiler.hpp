#pragma once
// Turns what the catalog publishes into precompiled answers, rebuilding only what changed.
//
// Fed by:  Server::publish, with the publications of the catalog and of the dynamic names, each in
//          index order.
// Read by: nobody; it writes AnswerTable.
// Thread:  agent.
// Holds:   a target is published before what points to it, and goes after it. The work of a change
//          is proportional to the service (or node) that changed.
// Fails:   what DNS cannot carry (a dot in a service's name, a label above 63 octets) is left out
//          and counted; so are records above the limits.

#include "agent/catalog.hpp"
#include "dns/compilation.hpp"
#include "dns/dynamic_answers.hpp"
#include "dns/node_names.hpp"
#include "dns/reverse_names.hpp"
#include "dns/service_names.hpp"

#include <optional>

namespace dns {

class AnswerCompiler {
public:
    // The kinds of names exist before anything is registered, and so does the name server.
    AnswerCompiler(AnswerTable& table, const Grammar& grammar, CompilerOptions options);
    AnswerCompiler(const AnswerCompiler&) = delete;
    AnswerCompiler& operator=(const AnswerCompiler&) = delete;

    void apply(const agent::Publication& publication);
    void apply(const agent::DynamicPublication& publication);
    // Where what was applied so far is exactly what the core had at one transaction: that one.
    [[nodiscard]] std::optional<agent::CatalogIndex> exact_at() const { return exact_at_; }
    [[nodiscard]] const CompilerCounters& counters() const { return compilation_.counters; }

private:
    void commit(std::optional<agent::CatalogIndex> told);

    Compilation compilation_;
    ReverseNames reverse_{compilation_};
    NodeNames nodes_{compilation_, reverse_};
    ServiceNames services_{compilation_, reverse_};
    DynamicAnswers dynamic_{compilation_};
    std::optional<agent::CatalogIndex> exact_at_;
    agent::CatalogIndex index_{};                // the newest of those
    Freshness freshness_ = Freshness::unsynced;  // of the catalog
    bool knows_dynamic_names_ = false;
};

}  // namespace dns
