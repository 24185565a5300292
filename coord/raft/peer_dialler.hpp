#pragma once
// Addresses that are tried again and again, each at its own pace, until nothing more is wanted there.
//
// Fed by:  PeerLinks: which addresses, and that one may be worth trying at once.
// Read by: PeerLinks, whose `visit` does the trying.
// Thread:  coord.
// Holds:   one visit at a time per address. Between two that brought nothing there is a pause that
//          doubles up to a limit, with chance in it; wake() ends it.

#include "coord/base/async.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <string>

namespace coord {

class PeerDialler {
public:
    struct Options {
        std::chrono::milliseconds first;
        std::chrono::milliseconds longest;
        unsigned seed;
    };
    struct Calls {
        std::function<bool(const std::string& address)> is_wanted;
        std::function<Task<void>(std::string address)> visit;
    };

    PeerDialler(boost::asio::io_context& io, Options options, Calls calls);

    void set_addresses(const std::set<std::string>& addresses);
    // Something has changed there, or here: the next visit is due.
    void wake(const std::string& address);
    void wake_all();
    void stop();

private:
    struct Target;

    Task<void> keep(std::shared_ptr<Target> target);
    std::chrono::microseconds pause_after(Target& target);

    boost::asio::io_context& io_;
    const Options options_;
    const Calls calls_;
    std::minstd_rand random_;
    std::map<std::string, std::shared_ptr<Target>> targets_;
};

}  // namespace coord
