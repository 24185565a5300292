#pragma once
// Whom to connect to, in which order, and how long to wait between attempts.
//
// Fed by:  Client's constructor, with the connection string; ClientSession, one attempt at a time.
// Thread:  any; these are values. Randomness comes from the seed, so a test can repeat it.
// Fails:   Errc::bad_arguments for a connection string that cannot be read.

#include "coord/base/result.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

struct EnsembleHost {
    std::string name;  // a host name or an address; IPv6 without its brackets
    std::uint16_t port = 2181;

    bool operator==(const EnsembleHost&) const = default;
};

struct ConnectString {
    std::vector<EnsembleHost> hosts;
    std::string chroot;  // "/a/b"; empty when there is none
};

// "zk1:2181,zk2,[::1]:2181/chroot". The port defaults to 2181.
Result<ConnectString> parse_connect_string(std::string_view text);

// The hosts in a random order, again and again: clients that start together spread out.
class HostCycle {
public:
    HostCycle(std::vector<EnsembleHost> hosts, std::uint64_t seed);

    const EnsembleHost& next();
    [[nodiscard]] std::size_t size() const { return hosts_.size(); }

private:
    std::vector<EnsembleHost> hosts_;
    std::size_t at_ = 0;
};

// Doubles from `first` to `longest`; each delay is drawn from the upper half of its step.
class ReconnectBackoff {
public:
    ReconnectBackoff(std::chrono::milliseconds first,
                     std::chrono::milliseconds longest,
                     std::uint64_t seed);

    std::chrono::microseconds next();
    void reset() { step_ = first_; }
    [[nodiscard]] std::chrono::milliseconds longest() const { return longest_; }

private:
    std::chrono::milliseconds first_;
    std::chrono::milliseconds longest_;
    std::chrono::milliseconds step_;
    std::mt19937_64 random_;
};

}  // namespace coord
