#pragma once
// Which known word was probably meant.
//
// Fed by:  config (unknown keys), cli/command_line (unknown commands).
// Thread:  any; pure functions.
// Holds:   case does not count; a swap of neighbours is one mistake, as is a missing letter.

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// Mistakes between two words: insertions, removals, replacements, swaps of neighbours.
std::size_t edit_distance(std::string_view a, std::string_view b);

// The nearest of `known`, or nothing when none is near enough to be meant.
std::string_view nearest(std::string_view word, const std::vector<std::string_view>& known);

// `: did you mean "listen"?`, or `: known are a, b and c`.
std::string suggestion(std::string_view word, const std::vector<std::string_view>& known);

}  // namespace agent
