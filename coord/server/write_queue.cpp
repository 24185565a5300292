#include "coord/server/write_queue.hpp"

#include "coord/proto/jute.hpp"

#include <boost/system/errc.hpp>

#include <cassert>
#include <iterator>
#include <utility>

namespace coord {

WriteQueue::WriteQueue(Propose propose) : propose_(std::move(propose)) { assert(propose_); }

bool WriteQueue::is_full(const Batch& batch) {
    return batch.commands >= entry_commands_max || batch.bytes.size() >= entry_bytes_max;
}

void WriteQueue::push(const Command& command, std::shared_ptr<Conversation> from) {
    if (queued_.empty() || is_full(queued_.back())) queued_.emplace_back();
    auto& batch = queued_.back();
    const auto before = batch.bytes.size();
    Encoder out(batch.bytes);
    encode(out, command);
    queued_bytes_ += batch.bytes.size() - before;
    ++batch.commands;
    batch.tickets.push_back({std::move(from), false});
}

bool WriteQueue::barrier(std::shared_ptr<Conversation> from) {
    if (queued_.empty() && in_flight_.empty()) return false;
    auto& tickets = queued_.empty() ? in_flight_.back().tickets : queued_.back().tickets;
    tickets.push_back({std::move(from), true});
    return true;
}

void WriteQueue::push_empty_entry() {
    assert(queued_.empty());
    queued_.emplace_back().tickets.push_back({nullptr, true});
}

bool WriteQueue::pump() {
    while (!queued_.empty() && in_flight_.size() < entries_in_flight_max) {
        auto& batch = queued_.front();
        if (!in_flight_.empty() && !is_full(batch)) return true;
        const auto size = batch.bytes.size();
        // The queue keeps the bytes until the log has taken them: it may be full for now.
        const auto position = propose_(batch.bytes);
        if (!position) return position.error() == boost::system::errc::no_buffer_space;
        queued_bytes_ -= size;
        in_flight_.push_back({position.value(), std::move(batch.tickets)});
        queued_.pop_front();
    }
    return true;
}

std::vector<Ticket> WriteQueue::take(Position position) {
    if (in_flight_.empty() || in_flight_.front().position != position) return {};
    auto tickets = std::move(in_flight_.front().tickets);
    in_flight_.pop_front();
    return tickets;
}

std::vector<Ticket> WriteQueue::abandon() {
    std::vector<Ticket> tickets;
    const auto add = [&](auto& holders) {
        for (auto& holder : holders) {
            std::move(holder.tickets.begin(), holder.tickets.end(), std::back_inserter(tickets));
        }
        holders.clear();
    };
    add(in_flight_);
    add(queued_);
    queued_bytes_ = 0;
    return tickets;
}

}  // namespace coord
