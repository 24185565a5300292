#include "coord/raft/bridge_values.hpp"

namespace coord {

BridgeEntry to_bridge(const LogEntry& entry) {
    // The engine reads configurations only: to it, a command is a term and a place in the log.
    const bool read = entry.type == EntryType::configuration;
    return {number(entry.term),
            static_cast<BridgeEntryType>(entry.type),
            read ? entry.bytes->data() : nullptr,
            read ? entry.bytes->size() : 0};
}

std::vector<BridgeEntry> to_bridge(std::span<const LogEntry> entries) {
    std::vector<BridgeEntry> list;
    list.reserve(entries.size());
    for (const auto& entry : entries) list.push_back(to_bridge(entry));
    return list;
}

BridgeSnapshot to_bridge(const SnapshotMetadata& snapshot) {
    return {number(snapshot.index),
            number(snapshot.term),
            number(snapshot.configuration_index),
            snapshot.configuration.data(),
            snapshot.configuration.size()};
}

BridgeMessage to_bridge(const Message& message) {
    BridgeMessage to{};
    to.peer = number(message.peer);
    to.term = number(message.term);
    if (const auto* append = std::get_if<AppendEntries>(&message.body)) {
        to.type = bridge_append_entries;
        to.body.append_entries = {number(append->previous_index),
                                  number(append->previous_term),
                                  number(append->commit),
                                  nullptr,
                                  append->count};
    } else if (const auto* result = std::get_if<AppendEntriesResult>(&message.body)) {
        to.type = bridge_append_entries_result;
        to.body.append_entries_result = {number(result->rejected),
                                         number(result->last_index),
                                         result->features,
                                         result->capacity};
    } else if (const auto* request = std::get_if<RequestVote>(&message.body)) {
        to.type = bridge_request_vote;
        to.body.request_vote = {number(request->candidate),
                                number(request->last_index),
                                number(request->last_term),
                                request->disrupt_leader,
                                request->pre_vote};
    } else if (const auto* vote = std::get_if<RequestVoteResult>(&message.body)) {
        to.type = bridge_request_vote_result;
        to.body.request_vote_result = {
            vote->granted, vote->pre_vote, vote->features, vote->capacity};
    } else if (const auto* install = std::get_if<InstallSnapshot>(&message.body)) {
        to.type = bridge_install_snapshot;
        to.body.install_snapshot = to_bridge(install->snapshot);
    } else if (const auto* now = std::get_if<TimeoutNow>(&message.body)) {
        to.type = bridge_timeout_now;
        to.body.timeout_now = {number(now->last_index), number(now->last_term)};
    }
    return to;
}

Message from_bridge(const BridgeMessage& from) {
    Message to{MemberId{from.peer}, Term{from.term}, {}};
    switch (from.type) {
        case bridge_append_entries: {
            const auto& body = from.body.append_entries;
            to.body = AppendEntries{Index{body.previous_index},
                                    Term{body.previous_term},
                                    Index{body.commit},
                                    body.count,
                                    {}};
            break;
        }
        case bridge_append_entries_result: {
            const auto& body = from.body.append_entries_result;
            to.body = AppendEntriesResult{
                Index{body.rejected}, Index{body.last_index}, body.features, body.capacity};
            break;
        }
        case bridge_request_vote: {
            const auto& body = from.body.request_vote;
            to.body = RequestVote{MemberId{body.candidate},
                                  Index{body.last_index},
                                  Term{body.last_term},
                                  body.disrupt_leader,
                                  body.pre_vote};
            break;
        }
        case bridge_request_vote_result: {
            const auto& body = from.body.request_vote_result;
            to.body = RequestVoteResult{body.granted, body.pre_vote, body.features, body.capacity};
            break;
        }
        case bridge_install_snapshot: {
            const auto& body = from.body.install_snapshot;
            to.body = InstallSnapshot{
                {Index{body.index}, Term{body.term}, Index{body.configuration_index}, {}}};
            break;
        }
        case bridge_timeout_now: {
            const auto& body = from.body.timeout_now;
            to.body = TimeoutNow{Index{body.last_index}, Term{body.last_term}};
            break;
        }
    }
    return to;
}

}  // namespace coord
