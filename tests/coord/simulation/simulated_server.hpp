#pragma once
// The whole server but for its sockets, on a simulated machine: ServerCore above a real Replica.
//
// Fed by:  SimulatedCluster, which starts it; ClientNetwork.
// Read by: ServerHistory.
// Thread:  the test's.
// Holds:   what is applied here is what the log says, and leads to the state that all others have.
// Fails:   throws Violation.

#include "coord/server/server_core.hpp"
#include "tests/coord/simulation/client_network.hpp"
#include "tests/coord/simulation/session_contacts.hpp"
#include "tests/coord/simulation/tree_model.hpp"
#include "tests/support/raft_record.hpp"
#include "tests/support/simulated_cluster.hpp"

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>

namespace coord {

// What all servers together are held against.
struct ServerRecords {
    RaftRecord& raft;
    TreeModel& model;
    SessionContacts& contacts;
    std::map<Index, std::string> snapshots = {};  // their bytes, by the entry they were cut behind
};

class SimulatedServer final : public SimulatedApplication {
public:
    SimulatedServer(ServerRecords& records,
                    ClientNetwork& network,
                    SimulatedCluster::Seat& seat,
                    ServerOptions options);
    ~SimulatedServer() override;

    Application callbacks() override;
    void started(Replica& replica) override;

    void accept(const ClientLinkPtr& link);
    void receive(const ClientLink& link, const std::string& frame);
    void hang_up(const ClientLink& link);

    [[nodiscard]] const StateMachine& state() const { return core_.processor().state(); }
    [[nodiscard]] const ServerCounters& counters() const { return counters_; }
    // The bytes of a snapshot of the present state, unless one is being taken.
    [[nodiscard]] std::optional<std::string> snapshot();
    // By the clock that the commands have, in milliseconds; the machine's, moved.
    static constexpr std::int64_t wall_ahead_ms = 1'700'000'000'000;

private:
    struct Connection final : Conversation {
        ClientLinkPtr link;
        std::deque<std::string> inbox;
    };

    [[nodiscard]] ServerCore::Time now() const;
    void apply(Index index, Term term, std::string_view entry);
    void note_contacts(Zxid from);
    void note_letter(std::string_view letter);
    Result<Disk::Swap> build(const Disk::Chunks& next);
    Disk::Slices cut_snapshot();
    void wake();
    void end_turn();
    void end_turn_of(Connection& connection);
    void consume(Connection& connection);
    void tick();

    ServerRecords& records_;
    ClientNetwork& network_;
    SimulatedCluster::Seat& seat_;
    const ServerOptions options_;
    ServerCounters counters_;
    ServerCore core_;
    Application calls_;  // of the core
    Replica* replica_ = nullptr;
    std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::weak_ptr<int> taking_;  // a snapshot, as long as it lives
    bool is_leading_ = false;
    bool is_awake_ = false;
};

}  // namespace coord
