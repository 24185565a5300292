#pragma once
// One history of whole servers and their clients: sessions, writes, watches, faults, recovery, judgement.
//
// Fed by:  a seed.
// Read by: the test.
// Thread:  the test's.
// Holds:   as RaftRecord, SimulatedServer, SessionWitness and SessionContacts, step by step. When all is
//          well again all members serve the same state within a bounded time, which is the log's;
//          what clients saw of each register is linearizable; sessions and ephemerals are those of
//          the clients that are left, and no session expires whose client pings.
// Fails:   throws Violation.

#include "tests/coord/simulation/simulated_client.hpp"
#include "tests/coord/simulation/simulated_server.hpp"
#include "tests/support/simulated_faults.hpp"

#include <memory>
#include <optional>
#include <vector>

namespace coord {

class ServerHistory {
public:
    explicit ServerHistory(SimulatedWorld& world);

    void run();

private:
    void applied(Zxid zxid, const TreeModel::Applied& command);
    void judge_expiry(const TreeModel::Applied& command) const;
    void disturb_clients();
    void disturb(SimulatedClient& client);
    void run_until(SimulatedTime time);
    template <class Condition>
    void run_to(Condition condition, const char* what);
    void recover();
    [[nodiscard]] bool is_settled() const;
    [[nodiscard]] bool have_looked_round();
    void judge();
    void judge_state(const SimulatedServer& server) const;
    void judge_registers();

    SimulatedWorld& world_;
    RaftRecord raft_;
    TreeModel model_;
    SessionContacts contacts_;
    ServerRecords records_{raft_, model_, contacts_};
    ServerOptions options_;
    ClientNetwork network_;
    SimulatedCluster cluster_;
    SimulatedFaults faults_;
    RegisterCalls registers_;
    ClientRecords client_records_;
    std::vector<std::unique_ptr<SimulatedClient>> clients_;
    SimulatedTime pause_max_;
    std::optional<SimulatedTime> calm_since_;
};

}  // namespace coord
