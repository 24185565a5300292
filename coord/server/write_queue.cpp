#include "coord/server/write_queue.hpp"

#include "coord/proto/jute.hpp"

#include <cassert>
#include <iterator>
#include <utility>

namespace coord {

WriteQueue::WriteQueue(Send send) : send_(std::move(send)) { assert(send_); }

void WriteQueue::set_origin(std::uint64_t member, std::uint64_t incarnation) {
    assert(in_flight_.empty());
    origin_ = {member, incarnation, 0};
}

bool WriteQueue::is_full(const Batch& batch) {
    return batch.commands >= entry_commands_max || batch.bytes.size() >= entry_bytes_max;
}

WriteQueue::Batch& WriteQueue::last_batch() {
    if (!queued_.empty() && !is_full(queued_.back())) return queued_.back();
    auto& batch = queued_.emplace_back();
    batch.bytes.resize(origin_bytes);  // written when it is sent
    return batch;
}

void WriteQueue::push(const Command& command, std::shared_ptr<Conversation> from) {
    auto& batch = last_batch();
    const auto before = batch.bytes.size();
    Encoder out(batch.bytes);
    encode(out, command);
    queued_bytes_ += batch.bytes.size() - before;
    ++batch.commands;
    batch.tickets.push_back({std::move(from), false});
}

bool WriteQueue::barrier_behind(std::shared_ptr<Conversation> from) {
    if (queued_.empty() && in_flight_.empty()) return false;
    auto& tickets = queued_.empty() ? in_flight_.back().tickets : queued_.back().tickets;
    tickets.push_back({std::move(from), true});
    return true;
}

void WriteQueue::barrier_through(std::shared_ptr<Conversation> from) {
    last_batch().tickets.push_back({std::move(from), true});
}

void WriteQueue::pump() {
    while (!queued_.empty() && in_flight_.size() < entries_in_flight_max) {
        auto& batch = queued_.front();
        if (!in_flight_.empty() && !is_full(batch)) break;
        queued_bytes_ -= batch.bytes.size() - origin_bytes;
        ++origin_.sequence;
        write_origin(batch.bytes, origin_);
        in_flight_.push_back({origin_.sequence,
                              std::make_shared<const std::string>(std::move(batch.bytes)),
                              std::move(batch.tickets),
                              false});
        queued_.pop_front();
    }
    for (auto& one : in_flight_) {
        if (one.is_sent) continue;
        if (!send_(one.entry)) return;
        one.is_sent = true;
    }
}

void WriteQueue::send_again() {
    for (auto& one : in_flight_) one.is_sent = false;
}

bool WriteQueue::is_own(const Origin& origin) const {
    return origin.member == origin_.member && origin.incarnation == origin_.incarnation;
}

std::vector<Ticket> WriteQueue::take(const Origin& origin) {
    assert(is_own(origin) && !in_flight_.empty() && in_flight_.front().sequence == origin.sequence);
    auto tickets = std::move(in_flight_.front().tickets);
    in_flight_.pop_front();
    return tickets;
}

std::vector<Ticket> WriteQueue::abandon(std::uint64_t next_incarnation) {
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
    origin_ = {origin_.member, next_incarnation, 0};
    return tickets;
}

}  // namespace coord
