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

void LogWriter::read(Index first, std::size_t count, std::size_t bytes_max, ReadDone done) {
    enqueue(Read{first, count, bytes_max, std::move(done)});
}

void LogWriter::restart(Index first, Term previous_term, std::function<void()> done) {
    enqueue(Restart{first, previous_term, std::move(done)});
}

void LogWriter::reopen(Index bytes_from, std::function<void(LogContents)> done) {
    enqueue(Reopen{bytes_from, std::move(done)});
}

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
        if (const auto* append = std::get_if<Append>(&order)) sequence = append->sequence;
        std::visit([this](const auto& one) { carry_out(one); }, order);
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

void LogWriter::carry_out(const Append& append) {
    store_.append(append.first, append.previous_term, append.entries);
    counters_.entries.add(append.entries.size());
    for (const auto& entry : append.entries) counters_.bytes.add(entry.bytes->size());
}

void LogWriter::carry_out(const Read& read) {
    read.done(store_.read(read.first, read.count, read.bytes_max));
}

void LogWriter::carry_out(const Restart& restart) {
    store_.restart(restart.first, restart.previous_term);
    restart.done();
}

void LogWriter::carry_out(const Reopen& reopen) { reopen.done(store_.reopen(reopen.bytes_from)); }

}  // namespace coord
