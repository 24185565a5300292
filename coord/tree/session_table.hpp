#pragma once
// Which sessions are open, and which ephemeral znodes each of them owns.
//
// Fed by:  StateMachine::apply, one committed command at a time.
// Read by: Transaction, to see whether a session lives; reads; snapshots.
// Thread:  coord. No clock and no lock: that a session expired is a command like any other.
// Holds:   an ephemeral path is owned by exactly one session, and that session is open.

#include "coord/proto/records.hpp"
#include "coord/proto/requests.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace coord {

struct Session {
    std::chrono::milliseconds timeout{};
    Password password{};
    std::set<std::string, std::less<>> ephemerals;  // paths: the order in which they are removed
    std::uint64_t owner = 0;                        // the member whose client it is
};

class SessionTable {
public:
    // Ordered, not hashed: a snapshot of equal state is equal byte for byte on every replica.
    using Sessions = std::map<SessionId, Session>;

    // Opens it, or renews the timeout of one that is open already with that password. False for
    // another password, or an id that is none.
    bool open(SessionId id,
              std::chrono::milliseconds timeout,
              const Password& password,
              std::uint64_t owner = 0);
    // It goes over to a client of `owner`. False if it is not open with that password.
    bool attach(SessionId id,
                std::chrono::milliseconds timeout,
                const Password& password,
                std::uint64_t owner);
    // Of an open session that owns nothing any more.
    void close(SessionId id);

    [[nodiscard]] const Session* find(SessionId id) const;  // null when it is not open
    [[nodiscard]] const Sessions& all() const { return sessions_; }

    void own(SessionId id, std::string path);
    void disown(SessionId id, std::string_view path);
    [[nodiscard]] std::size_t ephemeral_count() const { return ephemeral_count_; }

private:
    Sessions sessions_;
    std::size_t ephemeral_count_ = 0;
};

}  // namespace coord
