#include "coord/tree/session_table.hpp"

#include "coord/tree/znode.hpp"

#include <cassert>
#include <utility>

namespace coord {

bool SessionTable::open(SessionId id,
                        std::chrono::milliseconds timeout,
                        const Password& password,
                        std::uint64_t owner) {
    // The ids that mark containers and TTL znodes own nothing.
    if (owner_kind(static_cast<std::int64_t>(id)) != OwnerKind::session) return false;
    auto& session = sessions_.try_emplace(id, Session{timeout, password, {}, owner}).first->second;
    if (session.password != password) return false;
    session.timeout = timeout;
    session.owner = owner;
    return true;
}

bool SessionTable::attach(SessionId id,
                          std::chrono::milliseconds timeout,
                          const Password& password,
                          std::uint64_t owner) {
    return find(id) != nullptr && open(id, timeout, password, owner);
}

void SessionTable::close(SessionId id) {
    const auto session = sessions_.find(id);
    assert(session != sessions_.end() && session->second.ephemerals.empty());
    sessions_.erase(session);
}

const Session* SessionTable::find(SessionId id) const {
    const auto session = sessions_.find(id);
    return session == sessions_.end() ? nullptr : &session->second;
}

void SessionTable::own(SessionId id, std::string path) {
    const auto session = sessions_.find(id);
    assert(session != sessions_.end());
    const bool owned = session->second.ephemerals.insert(std::move(path)).second;
    assert(owned);
    ++ephemeral_count_;
}

void SessionTable::disown(SessionId id, std::string_view path) {
    const auto session = sessions_.find(id);
    assert(session != sessions_.end());
    auto& ephemerals = session->second.ephemerals;
    const auto place = ephemerals.find(path);
    assert(place != ephemerals.end());
    ephemerals.erase(place);
    --ephemeral_count_;
}

}  // namespace coord
