#pragma once
// When each server last knew that a session's client lives, by that server's own clock.
//
// Fed by:  SimulatedServer: bytes of clients, letters of other servers, terms that it began to lead.
// Read by: ServerHistory, when the log says that a session expired.
// Thread:  the test's.
// Holds:   who proposes that a session expires has not known of its client for the whole timeout.
// Fails:   throws Violation.

#include "coord/proto/records.hpp"
#include "coord/raft/driver.hpp"
#include "tests/support/simulated_world.hpp"

#include <algorithm>
#include <chrono>
#include <map>
#include <utility>
#include <vector>

namespace coord {

class SessionContacts {
public:
    void heard(MemberId server, SessionId session, Driver::Time at) {
        heard_[{server, session}].push_back(at);
    }
    // It counts anew for all sessions.
    void began_anew(MemberId server, Driver::Time at) { anew_[server].push_back(at); }

    // What it heard once it had proposed came too late.
    void judge_expiry(MemberId server,
                      SessionId session,
                      std::chrono::milliseconds timeout,
                      Driver::Time proposed) const {
        auto last = Driver::Time::min();
        const auto take = [&](const auto& contacts, const auto& key) {
            const auto of_key = contacts.find(key);
            if (of_key == contacts.end()) return;
            const auto& times = of_key->second;
            const auto later = std::lower_bound(times.begin(), times.end(), proposed);
            if (later != times.begin()) last = std::max(last, *std::prev(later));
        };
        take(anew_, server);
        take(heard_, std::pair(server, session));
        demand(last != Driver::Time::min() && proposed - last >= timeout,
               "a session expired before its time");
    }

private:
    std::map<std::pair<MemberId, SessionId>, std::vector<Driver::Time>> heard_;
    std::map<MemberId, std::vector<Driver::Time>> anew_;
};

}  // namespace coord
