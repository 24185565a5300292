#include "coord/raft/election_timeout.hpp"

#include <algorithm>

namespace coord {

namespace {

constexpr int times_max = 8;
constexpr int votes_in_vain_max = 2;  // a split vote is no slow network
constexpr std::chrono::seconds quiet{30};

}  // namespace

void ElectionTimeout::vote_begins(Time now) {
    since_ = now;
    if (++votes_ > votes_in_vain_max) times_ = std::min(times_ * 2, times_max);
}

void ElectionTimeout::begin_anew() {
    votes_ = 0;
    times_ = 1;
}

void ElectionTimeout::pass(Time now) {
    if (times_ == 1 || votes_ > 0 || now - since_ < quiet) return;
    times_ /= 2;
    since_ = now;
}

}  // namespace coord
