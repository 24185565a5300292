#pragma once
// One history of a cluster that replicates opaque entries: writes, faults, recovery, judgement.
//
// Fed by:  a seed.
// Read by: the test.
// Thread:  the test's.
// Holds:   as RaftRecord. When all is well again the members agree within a bounded time, and nothing
//          that was applied anywhere is missing anywhere; no entry is applied twice.
// Fails:   throws Violation.

#include "tests/support/simulated_cluster.hpp"
#include "tests/support/simulated_faults.hpp"

#include <cstdint>
#include <set>

namespace coord {

class OpaqueHistory {
public:
    explicit OpaqueHistory(SimulatedWorld& world);

    void run();

private:
    class List;

    void propose_soon();
    void propose(SimulatedCluster::Seat& seat);
    void run_until(SimulatedTime time);
    void recover();
    void judge();

    SimulatedWorld& world_;
    RaftRecord record_;
    SimulatedCluster cluster_;
    SimulatedFaults faults_;
    std::set<std::uint64_t> applied_;  // hashes of entries, each of which is another
    std::uint64_t entries_ = 0;
    SimulatedTime pause_max_{};
    bool over_ = false;
};

}  // namespace coord
