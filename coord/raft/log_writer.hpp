#pragma once
// The log thread: everything that arrives while one write is under way goes into the next.
//
// Fed by:  Node, with the driver's appends, in their order.
// Read by: Node, through the two functions that it gives.
// Thread:  append() and discard_through() on coord; the store and both functions on the log
//          thread. A mutex guards the queue between the two.
// Holds:   written(n) is called when all appends up to n are on disk.
// Fails:   a write that fails ends the process.

#include "coord/base/metrics.hpp"
#include "coord/raft/driver.hpp"
#include "coord/raft/log_store.hpp"
#include "coord/raft/worker.hpp"

#include <cstdint>
#include <functional>
#include <mutex>
#include <variant>
#include <vector>

namespace coord {

struct LogCounters {
    Counter groups;  // writes, each of all that was waiting
    Counter entries;
    Counter bytes;
    Counter syncs;
    Counter write_microseconds;  // of the groups, from the first byte to the end of the sync
};

class LogWriter {
public:
    struct Listener {
        std::function<void(std::uint64_t sequence)> written;
        std::function<void()> segments_changed;  // one was begun, or some were given up
    };

    LogWriter(LogStore store, LogCounters& counters, Listener listener);

    void append(Append append);
    void discard_through(Index last);
    // Writes what is queued, and ends the thread.
    void stop() { worker_.stop(); }

private:
    struct Discard {
        Index last;
    };
    using Order = std::variant<Append, Discard>;

    void enqueue(Order order);
    void drain();
    void carry_out(const std::vector<Order>& orders);
    void write(const Append& append);

    LogStore store_;
    LogCounters& counters_;
    const Listener listener_;
    std::mutex mutex_;
    std::vector<Order> queue_;  // guarded by mutex_
    Worker worker_;
};

}  // namespace coord
