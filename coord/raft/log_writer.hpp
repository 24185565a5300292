#pragma once
// The log thread: everything that arrives while one write is under way goes into the next.
//
// Fed by:  Node, with the driver's appends, in their order.
// Read by: Node, through the two functions that it gives.
// Thread:  every order on coord; the store, and every function that is given, on the log thread. A
//          mutex guards the queue between the two.
// Holds:   orders are carried out as they came; written(n) is called when all appends up to n are on
//          disk.
// Fails:   a write that fails, or a log that does not read back, ends the process.

#include "coord/base/metrics.hpp"
#include "coord/raft/driver.hpp"
#include "coord/raft/log_store.hpp"
#include "coord/raft/worker.hpp"

#include <cstddef>
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

    using ReadDone = std::function<void(std::vector<LogEntry>)>;

    LogWriter(LogStore store, LogCounters& counters, Listener listener);

    void append(Append append);
    void discard_through(Index last);
    // As LogStore's, with the answer for `done`.
    void read(Index first, std::size_t count, std::size_t bytes_max, ReadDone done);
    void restart(Index first, Term previous_term, std::function<void()> done);
    void reopen(Index bytes_from, std::function<void(LogContents)> done);
    // Writes what is queued, and ends the thread.
    void stop() { worker_.stop(); }

private:
    struct Discard {
        Index last;
    };
    struct Read {
        Index first;
        std::size_t count;
        std::size_t bytes_max;
        ReadDone done;
    };
    struct Restart {
        Index first;
        Term previous_term;
        std::function<void()> done;
    };
    struct Reopen {
        Index bytes_from;
        std::function<void(LogContents)> done;
    };
    using Order = std::variant<Append, Discard, Read, Restart, Reopen>;

    void enqueue(Order order);
    void drain();
    void carry_out(const std::vector<Order>& orders);
    void carry_out(const Append& append);
    void carry_out(const Discard& discard) { store_.discard_through(discard.last); }
    void carry_out(const Read& read);
    void carry_out(const Restart& restart);
    void carry_out(const Reopen& reopen);

    LogStore store_;
    LogCounters& counters_;
    const Listener listener_;
    std::mutex mutex_;
    std::vector<Order> queue_;  // guarded by mutex_
    Worker worker_;
};

}  // namespace coord
