#pragma once
// Which tags of a service are names, alone and together.
//
// Fed by:  AnswerCompiler, with the tags that the instances of a service have.
// Read by: the same.
// Thread:  any; pure but for the counters.
// Holds:   only tags that some instance has together are together. Where a limit cuts, the smaller
//          sets stay.
// Fails:   what DNS cannot carry, and what is above the limits, is left out and counted.

#include "dns/compilation.hpp"

#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace dns {

using Tags = std::vector<std::string>;  // lower-case, in order, each once

Tags tags_of(const std::vector<std::string_view>& tags);
// Are all of `some` in `all`?
bool has_all(const Tags& all, const Tags& some);

// `groups`: the tags of each instance, of alike ones once.
std::set<Tags> choose_tag_sets(std::string_view service,
                               const std::set<Tags>& groups,
                               const CompilerOptions& options,
                               CompilerCounters& counters);

}  // namespace dns
