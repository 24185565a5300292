#pragma once
// When a check runs next. Time and chance are arguments.
//
// Fed by:  CheckRunner.
// Thread:  any; pure functions.
// Holds:   runs are spaced from start to start, 5 % more or less, so that the checks of many agents
//          spread; a run longer than its interval is followed by the next at once.

#include <chrono>

namespace agent {

// `chance` is in [0, 1). A check that has never run has its first run within a second.
std::chrono::milliseconds
first_delay(std::chrono::milliseconds interval, bool has_run, double chance);

// From the end of a run that took `run`.
std::chrono::milliseconds
next_delay(std::chrono::milliseconds interval, std::chrono::milliseconds run, double chance);

}  // namespace agent
