// Two histories on libraft's own fixture that a sound engine survives: 0.15 loses what it acknowledged.
//
// Fed by:  engine_scenarios_test, the one that asks.
// Thread:  the test's.
#ifndef ROSTER_TESTS_COORD_RAFT_ENGINE_SCENARIOS_H
#define ROSTER_TESTS_COORD_RAFT_ENGINE_SCENARIOS_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

// What the state machines were given, in order, one letter per entry.
struct ScenarioOutcome {
    bool played;  // the engine let the history come about
    bool alike;   // no two state machines differ in what both have
    bool kept;    // what was acknowledged is in those that live at the end
};

// An old leader comes back with entries that nobody else has, and is probed by the new one.
struct ScenarioOutcome play_stale_suffix(void);
// The figure 8 of the Raft paper: an entry of an earlier term reaches a majority.
struct ScenarioOutcome play_figure_8(void);

#ifdef __cplusplus
}
#endif

#endif
