#include "coord/server/session_tracker.hpp"

#include <algorithm>
#include <cassert>

namespace coord {

SessionTracker::SessionTracker(std::chrono::milliseconds tick) : tick_(tick) {
    assert(tick.count() > 0);
}

SessionTracker::Time SessionTracker::expiry(std::chrono::milliseconds timeout, Time now) const {
    const auto due =
        std::chrono::floor<std::chrono::milliseconds>(now.time_since_epoch()) + timeout;
    return Time((due / tick_ + 1) * tick_);
}

void SessionTracker::enter(SessionId id, Session& session) {
    session.bucket = session.expiry;
    buckets_[session.bucket].push_back(id);
}

void SessionTracker::open(SessionId id, std::chrono::milliseconds timeout, Time now) {
    auto& session = sessions_[id];
    session = {timeout, expiry(timeout, now), {}, false};
    enter(id, session);
}

void SessionTracker::close(SessionId id) { sessions_.erase(id); }

bool SessionTracker::touch(SessionId id, Time now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end() || at->second.closing) return false;
    at->second.expiry = std::max(at->second.expiry, expiry(at->second.timeout, now));
    return true;
}

void SessionTracker::set_timeout(SessionId id, std::chrono::milliseconds timeout, Time now) {
    const auto at = sessions_.find(id);
    if (at == sessions_.end() || at->second.closing) return;
    auto& session = at->second;
    session.timeout = timeout;
    session.expiry = expiry(timeout, now);
    if (session.expiry < session.bucket) enter(id, session);
}

void SessionTracker::begin_closing(SessionId id) {
    const auto at = sessions_.find(id);
    if (at != sessions_.end()) at->second.closing = true;
}

std::vector<SessionId> SessionTracker::expire(Time now) {
    std::vector<SessionId> expired;
    while (!buckets_.empty() && buckets_.begin()->first <= now) {
        const auto bucket = buckets_.extract(buckets_.begin());
        for (const auto id : bucket.mapped()) {
            const auto at = sessions_.find(id);
            if (at == sessions_.end() || at->second.bucket != bucket.key()) continue;
            auto& session = at->second;
            if (session.closing) continue;
            if (session.expiry > now) {
                enter(id, session);
            } else {
                session.closing = true;
                expired.push_back(id);
            }
        }
    }
    return expired;
}

void SessionTracker::restart(Time now) {
    buckets_.clear();
    for (auto& [id, session] : sessions_) {
        session.closing = false;
        session.expiry = expiry(session.timeout, now);
        enter(id, session);
    }
}

void SessionTracker::clear() {
    sessions_.clear();
    buckets_.clear();
}

bool SessionTracker::is_open(SessionId id) const {
    const auto at = sessions_.find(id);
    return at != sessions_.end() && !at->second.closing;
}

std::chrono::milliseconds SessionTracker::timeout(SessionId id) const {
    const auto at = sessions_.find(id);
    return at == sessions_.end() ? std::chrono::milliseconds{} : at->second.timeout;
}

std::map<SessionTracker::Time, std::vector<SessionId>> SessionTracker::sets() const {
    std::map<Time, std::vector<SessionId>> sets;
    for (const auto& [id, session] : sessions_) sets[session.expiry].push_back(id);
    for (auto& set : sets) std::sort(set.second.begin(), set.second.end());
    return sets;
}

}  // namespace coord
