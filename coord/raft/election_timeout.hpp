#pragma once
// How long a member waits for its leader before it asks for votes, and a leader for a majority.
//
// Fed by:  Driver: votes that begin, leaders that a majority has followed, peers that come back, time.
// Read by: Driver, which tells the engine.
// Thread:  coord. No clock.
// Holds:   at least what is configured, at most eight times that.

#include <chrono>

namespace coord {

// Where a round trip takes longer than the timeout, nobody would ever lead: votes come too late, and
// a leader gives up before it has heard of anyone. So it is doubled when votes are in vain, and halved
// again in quiet times.
class ElectionTimeout {
public:
    using Time = std::chrono::milliseconds;

    explicit ElectionTimeout(Time configured) : configured_(configured) {}

    void vote_begins(Time now);
    // An entry of the term in force is committed.
    void led() { votes_ = 0; }
    // A peer is there again: what was true of the network before may not be any more.
    void begin_anew();
    void pass(Time now);

    [[nodiscard]] Time value() const { return configured_ * times_; }

private:
    const Time configured_;
    int times_ = 1;
    int votes_ = 0;  // since somebody has led
    Time since_{};   // the last vote, or change
};

}  // namespace coord
