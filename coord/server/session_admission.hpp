#pragma once
// What becomes of a ConnectRequest.
//
// Fed by:  RequestProcessor, with the first frame of a connection, once this server serves.
// Thread:  coord; a pure function of the replicated state.
// Holds:   the password is checked before anything happens to the session's other connection.
// Source:  reference: ZooKeeper 3.8 ZooKeeperServer.processConnectRequest.

#include "coord/proto/requests.hpp"
#include "coord/server/session_tracker.hpp"
#include "coord/tree/state_machine.hpp"

#include <chrono>

namespace coord {

struct TimeoutRange {
    std::chrono::milliseconds min{};
    std::chrono::milliseconds max{};
};

struct Admission {
    enum class Verdict {
        refuse,   // close without a reply: the client has seen more than we, another will serve it
        expired,  // a wrong password
        unknown,  // unknown or closing here: what the log says when it has come to it, counts
        create,
        attach,
    };
    Verdict verdict{};
    std::chrono::milliseconds timeout{};  // as negotiated
    Password password{};                  // of the session attached to, or as claimed
};

Admission admit(const ConnectRequest& request,
                const StateMachine& state,
                const SessionTracker& tracker,
                TimeoutRange range);

}  // namespace coord
