#include "coord/raft/log_writer.hpp"

#include "coord/raft/fatal.hpp"

#include <chrono>
#include <exception>
#include <utility>

namespace coord {

LogWriter::LogWriter(LogStore store, LogCounters& counters, Listener listener)
    : store_(std::move(store)), counters_(counters), listener_(std::move(listener)) {}

void LogWriter::append(Append append) { enqueue(std::move(append)); }

void LogWriter::discard_through(Index last) { enqueue(Discard{last}); }

void LogWriter::enqueue(Order order) {
    bool was_empty = false;
    {
        const std::lock_guard lock(mutex_);
        was_empty = queue_.empty();
        queue_.push_back(std::move(order));
    }
    // What is queued behind another order is taken together with it.
    if (was_empty) worker_.post([this] { drain(); });
}

void LogWriter::drain() {
    std::vector<Order> orders;
    {
        const std::lock_guard lock(mutex_);
        orders.swap(queue_);
    }
    try {
        carry_out(orders);
    } catch (const std::exception& failure) {
        end_process(failure.what());
    }
}

void LogWriter::carry_out(const std::vector<Order>& orders) {
    const auto segments = store_.segments_changed();
    const auto begin = std::chrono::steady_clock::now();
    std::uint64_t sequence = 0;
    for (const auto& order : orders) {
        if (const auto* entries = std::get_if<Append>(&order)) {
            write(*entries);
            sequence = entries->sequence;
        } else {
            store_.discard_through(std::get<Discard>(order).last);
        }
    }
    if (sequence != 0) {
        store_.sync();
        const auto took = std::chrono::steady_clock::now() - begin;
        const auto us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
        counters_.groups.add();
        counters_.syncs.add(store_.syncs() - counters_.syncs.value());
        counters_.write_microseconds.add(static_cast<std::uint64_t>(us));
        listener_.written(sequence);
    }
    if (store_.segments_changed() != segments) listener_.segments_changed();
}

void LogWriter::write(const Append& append) {
    store_.append(append.first, append.previous_term, append.entries);
    counters_.entries.add(append.entries.size());
    for (const auto& entry : append.entries) counters_.bytes.add(entry.bytes->size());
}

}  // namespace coord
