#pragma once
// What a simulated history is made of besides its actors: time, chance, what happened, how often.
//
// Fed by:  every part of a simulation.
// Read by: the test, which prints the trace of a history that failed and sums up the tallies.
// Thread:  the test's.
// Holds:   equal seeds give equal histories: nothing else is asked for time or chance.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace coord {

using SimulatedTime = std::chrono::microseconds;

// Jobs in the order of their time; those of one time as they came.
class SimulatedClock {
public:
    using Job = std::function<void()>;

    [[nodiscard]] SimulatedTime now() const { return now_; }
    void at(SimulatedTime when, Job job) {
        queue_.push_back({std::max(when, now_), ++count_, std::move(job)});
        std::push_heap(queue_.begin(), queue_.end(), later);
    }
    void after(SimulatedTime delay, Job job) { at(now_ + delay, std::move(job)); }
    bool run_next() {
        if (queue_.empty()) return false;
        std::pop_heap(queue_.begin(), queue_.end(), later);
        const auto next = std::move(queue_.back());
        queue_.pop_back();
        now_ = next.when;
        ++steps_;
        next.job();
        return true;
    }
    [[nodiscard]] std::uint64_t steps() const { return steps_; }

private:
    struct Event {
        SimulatedTime when;
        std::uint64_t number;
        Job job;
    };
    static bool later(const Event& a, const Event& b) {
        return std::pair(a.when, a.number) > std::pair(b.when, b.number);
    }

    SimulatedTime now_{0};
    std::uint64_t count_ = 0;
    std::uint64_t steps_ = 0;
    std::vector<Event> queue_;
};

class Dice {
public:
    explicit Dice(std::uint64_t seed) : engine_(seed) {}

    std::uint64_t number() { return engine_(); }
    std::uint64_t below(std::uint64_t end) { return engine_() % end; }
    std::uint64_t between(std::uint64_t low, std::uint64_t high) {
        return low + below(high - low + 1);
    }
    bool once_in(std::uint64_t times) { return below(times) == 0; }
    template <class T>
    T one_of(const std::vector<T>& list) {
        return list.at(below(list.size()));
    }
    SimulatedTime time(SimulatedTime low, SimulatedTime high) {
        return SimulatedTime(between(static_cast<std::uint64_t>(low.count()),
                                     static_cast<std::uint64_t>(high.count())));
    }
    // Mostly short, now and then very long.
    SimulatedTime latency(SimulatedTime typical) {
        if (once_in(100)) return time(typical, typical * 100);
        return time(typical / 4, typical);
    }

private:
    std::mt19937_64 engine_;
};

// The last things that happened, and a hash of all.
class Trace {
public:
    void note(SimulatedTime at,
              std::string_view what,
              std::uint64_t member,
              std::uint64_t a = 0,
              std::uint64_t b = 0) {
        last_.at(count_++ % last_.size()) = {at, what, member, a, b};
        murmur(at, what, member, a, b);
    }
    // Too frequent to be among the last.
    void murmur(SimulatedTime at,
                std::string_view what,
                std::uint64_t member,
                std::uint64_t a,
                std::uint64_t b) {
        for (const auto part :
             {static_cast<std::uint64_t>(at.count()), std::uint64_t{what.size()}, member, a, b}) {
            hash_ = (hash_ ^ part) * 0x100000001b3ULL;
            hash_ ^= hash_ >> 29U;
        }
        if (is_loud_) print({at, what, member, a, b});
    }
    void be_loud() { is_loud_ = true; }
    [[nodiscard]] std::uint64_t hash() const { return hash_; }
    void print() const {
        const auto begin = count_ > last_.size() ? count_ - last_.size() : 0;
        for (auto i = begin; i < count_; ++i) print(last_.at(i % last_.size()));
    }

private:
    struct Happening {
        SimulatedTime at{};
        std::string_view what;  // a literal
        std::uint64_t member = 0;
        std::uint64_t a = 0;
        std::uint64_t b = 0;
    };
    static void print(const Happening& one) {
        std::fprintf(stderr,
                     "%12.3f ms  member %-3llu %-28.*s %llu %llu\n",
                     static_cast<double>(one.at.count()) / 1000,
                     static_cast<unsigned long long>(one.member),
                     static_cast<int>(one.what.size()),
                     one.what.data(),
                     static_cast<unsigned long long>(one.a),
                     static_cast<unsigned long long>(one.b));
    }

    std::array<Happening, 400> last_{};
    std::uint64_t count_ = 0;
    std::uint64_t hash_ = 0xcbf29ce484222325ULL;
    bool is_loud_ = false;
};

// How often each kind of thing happened; the names are literals.
using Tally = std::map<std::string_view, std::uint64_t>;

// A promise was broken.
struct Violation : std::runtime_error {
    using std::runtime_error::runtime_error;
};
inline void demand(bool holds, const char* what) {
    if (!holds) throw Violation(what);
}

struct SimulatedWorld {
    explicit SimulatedWorld(std::uint64_t seed) : dice(seed) {}

    SimulatedClock clock;
    Dice dice;
    Trace trace;
    Tally tally;

    void
    note(std::string_view what, std::uint64_t member, std::uint64_t a = 0, std::uint64_t b = 0) {
        trace.note(clock.now(), what, member, a, b);
    }
    // Worth counting too.
    void
    count(std::string_view what, std::uint64_t member, std::uint64_t a = 0, std::uint64_t b = 0) {
        ++tally[what];
        note(what, member, a, b);
    }
};

}  // namespace coord
