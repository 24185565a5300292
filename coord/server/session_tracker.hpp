#pragma once
// When each session dies if nothing more is heard of it.
//
// Fed by:  RequestProcessor: sessions as they are opened and closed, and every sign of life.
// Read by: RequestProcessor, which proposes to close what expire() names, if it leads.
// Thread:  coord. Pure: the time is an argument.
// Holds:   a session expires later than its timeout and not later than a tick after that,
//          counted from its last touch. Source: ZooKeeper 3.8 SessionTrackerImpl, ExpiryQueue.

#include "coord/proto/records.hpp"

#include <chrono>
#include <cstddef>
#include <map>
#include <unordered_map>
#include <vector>

namespace coord {

class SessionTracker {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit SessionTracker(std::chrono::milliseconds tick);

    void open(SessionId id, std::chrono::milliseconds timeout, Time now);
    void close(SessionId id);
    // A sign of life. False if the session is unknown or closing.
    bool touch(SessionId id, Time now);
    // A client re-attached, and negotiated anew.
    void set_timeout(SessionId id, std::chrono::milliseconds timeout, Time now);
    // Its end is on the way through the log: touches fail from now on, and expire() passes over it.
    void begin_closing(SessionId id);

    // The sessions whose time is up; each is closing from then on.
    std::vector<SessionId> expire(Time now);
    // A new leader knows of no touches: every session gets its full timeout, none is closing.
    void restart(Time now);
    void clear();

    [[nodiscard]] bool is_open(SessionId id) const;
    [[nodiscard]] std::chrono::milliseconds timeout(SessionId id) const;
    [[nodiscard]] std::size_t size() const { return sessions_.size(); }
    // Which sessions expire together, and when; for the four-letter word `dump`.
    [[nodiscard]] std::map<Time, std::vector<SessionId>> sets() const;

private:
    struct Session {
        std::chrono::milliseconds timeout{};
        Time expiry;  // A tick boundary; moved by touches.
        Time bucket;  // Where expire() will look at it; moved to `expiry` only then, or if earlier.
        bool closing = false;
    };

    [[nodiscard]] Time expiry(std::chrono::milliseconds timeout, Time now) const;
    void enter(SessionId id, Session& session);

    const std::chrono::milliseconds tick_;
    std::unordered_map<SessionId, Session> sessions_;
    std::map<Time, std::vector<SessionId>> buckets_;
};

}  // namespace coord
