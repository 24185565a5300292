#pragma once
// A host with one process on it: its clock, its coord thread, and its sudden end.
//
// Fed by:  SimulatedCluster, which starts it; the faults, which stall it, kill it and move its clock.
// Read by: SimulatedDisk and SimulatedNetwork, which post to it.
// Thread:  the test's.
// Holds:   what was posted in one life is not done in the next. A process that is killed in the midst
//          of an event does nothing more that anybody could see; it goes when the event is over.

#include "coord/raft/driver.hpp"
#include "tests/support/simulated_world.hpp"

#include <deque>
#include <functional>
#include <utility>

namespace coord {

class SimulatedMachine {
public:
    using Job = SimulatedClock::Job;

    SimulatedMachine(SimulatedWorld& world, MemberId id)
        : world_(world), id_(id), ahead_(world.dice.between(1'000, 1'000'000)) {}

    // What buries a process that is doomed, and what looks at it behind each event.
    void watch(std::function<void()> bury, std::function<void()> look) {
        bury_ = std::move(bury);
        look_ = std::move(look);
    }

    void begin_life() {
        is_running_ = true;
        is_doomed_ = false;
        operations_left_ = 0;
        ++life_;
    }
    void end_life() {
        is_running_ = false;
        stalled_until_ = {};
        deferred_.clear();
    }

    void post(SimulatedTime delay, Job job) { post_at(world_.clock.now() + delay, std::move(job)); }
    void post_at(SimulatedTime when, Job job) {
        world_.clock.at(when, [this, life = life_, job = std::move(job)]() mutable {
            run(life, std::move(job));
        });
    }

    void doom() {
        if (!is_running_) return;
        if (is_busy_) {
            is_doomed_ = true;
        } else {
            bury_();
        }
    }
    // Killed at its so-manieth operation on disk or network from now.
    void doom_after(std::uint64_t operations) { operations_left_ = operations; }
    // Before each operation. False: it does not come to it any more.
    bool operate() {
        if (operations_left_ > 0 && --operations_left_ == 0) {
            world_.count("killed within an event", number(id_));
            is_doomed_ = true;
        }
        return is_running_ && !is_doomed_;
    }

    void stall(SimulatedTime time) {
        stalled_until_ = std::max(stalled_until_, world_.clock.now() + time);
        world_.clock.at(stalled_until_, [this, life = life_] { go_on(life); });
    }
    void set_clock_ahead(Driver::Time by) { ahead_ += by; }

    [[nodiscard]] Driver::Time local_time() const {
        return std::chrono::floor<Driver::Time>(world_.clock.now()) + ahead_;
    }
    [[nodiscard]] SimulatedTime when(Driver::Time local) const { return local - ahead_; }
    [[nodiscard]] bool is_running() const { return is_running_; }
    [[nodiscard]] bool is_doomed() const { return is_doomed_; }
    [[nodiscard]] bool is_stalled() const { return world_.clock.now() < stalled_until_; }
    [[nodiscard]] MemberId id() const { return id_; }
    [[nodiscard]] SimulatedWorld& world() const { return world_; }

private:
    void run(std::uint64_t life, Job job) {
        if (!is_running_ || life != life_) return;
        if (is_stalled() || !deferred_.empty()) {
            deferred_.push_back(std::move(job));
            return;
        }
        carry_out(job);
    }
    void go_on(std::uint64_t life) {
        while (is_running_ && life == life_ && !is_stalled() && !deferred_.empty()) {
            const auto job = std::move(deferred_.front());
            deferred_.pop_front();
            carry_out(job);
        }
    }
    void carry_out(const Job& job) {
        is_busy_ = true;
        job();
        is_busy_ = false;
        if (is_doomed_) {
            bury_();
        } else {
            look_();
        }
    }

    SimulatedWorld& world_;
    const MemberId id_;
    Driver::Time ahead_;
    std::function<void()> bury_;
    std::function<void()> look_;
    std::uint64_t life_ = 0;
    std::uint64_t operations_left_ = 0;
    SimulatedTime stalled_until_{};
    std::deque<Job> deferred_;
    bool is_running_ = false;
    bool is_doomed_ = false;
    bool is_busy_ = false;
};

}  // namespace coord
