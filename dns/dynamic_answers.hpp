#pragma once
// The answers of names that DNS UPDATE has made.
//
// Fed by:  AnswerCompiler, with what agent::DynamicNames publishes.
// Read by: nobody; it writes AnswerTable.
// Thread:  agent.
// Holds:   a name of the configuration goes before a dynamic one; so does one of the catalog.
// Fails:   what cannot be a name of ours is left out and counted.

#include "agent/dynamic_names.hpp"
#include "dns/compilation.hpp"

#include <set>

namespace dns {

class DynamicAnswers {
public:
    explicit DynamicAnswers(Compilation& compilation) : compilation_(compilation) {}

    void apply(const agent::DynamicPublication& publication);

private:
    void put(const agent::DynamicName& name);
    void remove(const std::string& name);

    Compilation& compilation_;
    std::set<Labels> keys_;  // in the table
};

// The key of a dynamic name; empty if it is no name.
std::optional<Labels> dynamic_key(const std::string& name);

}  // namespace dns
