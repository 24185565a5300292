#include "coord/raft/waiting_servers.hpp"

namespace coord {

namespace {

constexpr std::chrono::seconds forgotten_after{10};
constexpr std::size_t servers_max = 64;

}  // namespace

bool WaitingServers::note(MemberId id, const std::string& address, Time now) {
    const std::lock_guard lock(mutex_);
    std::erase_if(servers_,
                  [now](const auto& one) { return now - one.second.heard > forgotten_after; });
    const bool is_new = !servers_.contains(id);
    if (is_new && servers_.size() >= servers_max) return false;
    servers_[id] = {address, now};
    return is_new;
}

void WaitingServers::forget(const std::vector<Member>& members) {
    const std::lock_guard lock(mutex_);
    for (const auto& member : members) servers_.erase(member.id);
}

std::vector<Member> WaitingServers::list(Time now) const {
    const std::lock_guard lock(mutex_);
    std::vector<Member> all;
    for (const auto& [id, server] : servers_) {
        if (now - server.heard > forgotten_after) continue;
        all.push_back({id, server.address, MemberRole::spare});
    }
    return all;
}

}  // namespace coord
