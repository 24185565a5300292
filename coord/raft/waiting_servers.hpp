#pragma once
// Servers without a cluster that have asked this member lately: an operator may add them.
//
// Fed by:  PeerLinks, with each Hello.
// Read by: whoever lists members.
// Thread:  any; a mutex guards the list.
// Holds:   who has not asked for a while is forgotten, and so is who became a member.

#include "coord/raft/configuration.hpp"

#include <chrono>
#include <map>
#include <mutex>
#include <string>
#include <vector>

namespace coord {

class WaitingServers {
public:
    using Time = std::chrono::steady_clock::time_point;

    // False: it was known already, or there are too many.
    bool note(MemberId id, const std::string& address, Time now);
    void forget(const std::vector<Member>& members);
    [[nodiscard]] std::vector<Member> list(Time now) const;

private:
    struct Waiting {
        std::string address;
        Time heard;
    };

    mutable std::mutex mutex_;
    std::map<MemberId, Waiting> servers_;
};

}  // namespace coord
