#include "coord/raft/peer_dialler.hpp"

#include <boost/asio/steady_timer.hpp>

#include <algorithm>
#include <utility>

namespace coord {

struct PeerDialler::Target {
    Target(boost::asio::io_context& io, std::string where, std::chrono::milliseconds first)
        : address(std::move(where)), pause(io), delay(first) {}

    const std::string address;
    boost::asio::steady_timer pause;
    std::chrono::milliseconds delay;
    bool due = true;
    bool dropped = false;
};

PeerDialler::PeerDialler(boost::asio::io_context& io, Options options, Calls calls)
    : io_(io), options_(options), calls_(std::move(calls)), random_(options.seed) {}

void PeerDialler::set_addresses(const std::set<std::string>& addresses) {
    for (auto target = targets_.begin(); target != targets_.end();) {
        if (addresses.contains(target->first)) {
            ++target;
            continue;
        }
        target->second->dropped = true;
        target->second->pause.cancel();
        target = targets_.erase(target);
    }
    for (const auto& address : addresses) {
        auto& target = targets_[address];
        if (target) continue;
        target = std::make_shared<Target>(io_, address, options_.first);
        spawn(io_, "peer dialler", [this, target] { return keep(target); });
    }
}

void PeerDialler::wake(const std::string& address) {
    const auto found = targets_.find(address);
    if (found == targets_.end()) return;
    auto& target = *found->second;
    target.due = true;
    target.delay = options_.first;
    target.pause.cancel();
}

void PeerDialler::wake_all() {
    for (const auto& [address, target] : targets_) wake(address);
}

void PeerDialler::stop() { set_addresses({}); }

Task<void> PeerDialler::keep(std::shared_ptr<Target> target) {
    while (!target->dropped) {
        target->due = false;
        if (calls_.is_wanted(target->address)) co_await calls_.visit(target->address);
        if (target->dropped) break;
        if (target->due) continue;
        if (calls_.is_wanted(target->address)) {
            target->pause.expires_after(pause_after(*target));
        } else {
            target->pause.expires_at(std::chrono::steady_clock::time_point::max());
        }
        co_await target->pause.async_wait(use_tuple);
    }
}

// Of half to the whole of the delay.
std::chrono::microseconds PeerDialler::pause_after(Target& target) {
    const std::chrono::microseconds whole = target.delay;
    target.delay = std::min(2 * target.delay, options_.longest);
    std::uniform_int_distribution<std::chrono::microseconds::rep> part(whole.count() / 2,
                                                                       whole.count());
    return std::chrono::microseconds(part(random_));
}

}  // namespace coord
