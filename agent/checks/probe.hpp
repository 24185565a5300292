#pragma once
// One look at one thing: what an HTTP, TCP or script check does at each interval.
//
// Fed by:  CheckRunner, which runs each probe on its schedule, one run at a time.
// Read by: CheckRunner, which applies the thresholds to what a run found.
// Thread:  agent.
// Holds:   a run ends within its timeout and never blocks the thread.

#include "agent/service.hpp"
#include "coord/base/async.hpp"

namespace agent {

struct ProbeResult {
    CheckStatus status;
    bool timed_out = false;
};

class Probe {
public:
    virtual ~Probe() = default;
    Probe() = default;
    Probe(const Probe&) = delete;
    Probe& operator=(const Probe&) = delete;

    virtual coord::Task<ProbeResult> run() = 0;
    // Nobody wants the result of the run under way any more.
    virtual void cancel() {}
};

}  // namespace agent
