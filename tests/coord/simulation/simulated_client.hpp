#pragma once
// A ZooKeeper client and its application, simulated: one session after another, over any server.
//
// Fed by:  ClientNetwork, the clock; ServerHistory, which maltreats it.
// Read by: ServerHistory.
// Thread:  the test's.
// Holds:   as ZooKeeper's clients: pings when it is silent, moves on when the server is, comes back with
//          its session and its watches. Replies come in the order of the requests.
// Fails:   throws Violation.

#include "tests/coord/simulation/client_network.hpp"
#include "tests/coord/simulation/register_calls.hpp"
#include "tests/coord/simulation/session_witness.hpp"
#include "tests/coord/simulation/workload.hpp"

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>

namespace coord {

// What all clients share.
struct ClientRecords {
    SimulatedWorld& world;
    SimulatedCluster& cluster;
    ClientNetwork& network;
    const TreeModel& model;
    RegisterCalls& registers;
    std::map<SessionId, std::unique_ptr<SessionWitness>> sessions = {};
    Zxid acknowledged{};  // the newest that any client was told of
};

class SimulatedClient {
public:
    SimulatedClient(ClientRecords& records, std::uint64_t number);

    void start();
    void drop();     // it closes its connection
    void silence();  // the connection does not get through any more
    void stall(SimulatedTime time);
    void abandon();  // its process ends; another takes its place
    void close_session();
    // It sends no more of its own accord, and no more goes wrong with it.
    void finish() { is_finishing_ = true; }
    // Looks at everything, behind a sync.
    void look_round();
    [[nodiscard]] bool has_looked_round() const { return looked_ && pending_.empty(); }

    [[nodiscard]] bool is_open() const { return phase_ == Phase::open; }
    [[nodiscard]] bool is_idle() const { return is_open() && pending_.empty(); }
    [[nodiscard]] SessionId session() const { return session_; }
    // Since when it has sent pings that arrive, as far as the client can help it.
    [[nodiscard]] SimulatedTime pings_since() const;
    [[nodiscard]] std::chrono::milliseconds timeout() const { return timeout_; }
    [[nodiscard]] std::uint64_t writes_answered() const { return writes_answered_; }

private:
    enum class Phase { waiting, connecting, open };

    void connect();
    void connect_soon();
    void give_up_link();
    void lost();
    void received(const std::string& bytes);
    void read_arrived();
    void take(std::string_view frame);
    void opened(std::string_view frame);
    void begin_session(const ConnectResponse& response);
    void replied(const ReplyHeader& header, std::string_view body);
    void set_watches();
    void keep_alive();
    void work();
    void send(Wish wish);
    void send(SentRequest request);
    void forget_session();
    [[nodiscard]] bool is_stalled() const { return records_.world.clock.now() < stalled_until_; }
    void note(std::string_view what, std::uint64_t a = 0, std::uint64_t b = 0);

    ClientRecords& records_;
    SimulatedWorld& world_;
    const std::uint64_t number_;
    Workload workload_;
    SimulatedTime pause_max_;
    std::chrono::milliseconds wanted_timeout_;

    Phase phase_ = Phase::waiting;
    ClientLinkPtr link_;
    std::uint64_t tries_ = 0;
    SessionId session_{};
    Password password_{};
    std::chrono::milliseconds timeout_{};
    SessionWitness* witness_ = nullptr;  // of the session
    std::int32_t xid_ = 0;
    std::deque<SentRequest> pending_;
    SimulatedTime sync_sent_{};
    Zxid sync_floor_{};
    SimulatedTime open_since_{};
    SimulatedTime sent_at_{};
    SimulatedTime heard_at_{};
    SimulatedTime stalled_until_{};
    std::deque<std::string> arrived_;
    bool link_ended_ = false;
    bool is_finishing_ = false;
    bool looked_ = false;
    std::uint64_t writes_answered_ = 0;
};

}  // namespace coord
