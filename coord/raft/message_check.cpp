#include "coord/raft/message_check.hpp"

#include "coord/raft/configuration.hpp"

namespace coord {

namespace {

// An index and the term of its entry are both there or both not.
bool is_position(Index index, Term term) { return (index == Index{0}) == (term == Term{0}); }

bool is_good(const AppendEntries& body, Term sent_in) {
    if (!is_position(body.previous_index, body.previous_term)) return false;
    if (body.previous_term > sent_in || body.count != body.entries.size()) return false;
    auto before = body.previous_term;
    for (const auto& entry : body.entries) {
        if (entry.term == Term{0} || entry.term < before || entry.term > sent_in) return false;
        before = entry.term;
        switch (entry.type) {
            case EntryType::command:
            case EntryType::barrier: break;
            case EntryType::configuration:
                if (!decode_configuration(entry.view())) return false;
                break;
            default: return false;
        }
    }
    return true;
}

bool is_good(const AppendEntriesResult&, Term) { return true; }

bool is_good(const RequestVote& body, Term sent_in) {
    return body.candidate != MemberId{0} && is_position(body.last_index, body.last_term) &&
           body.last_term <= sent_in;
}

bool is_good(const RequestVoteResult&, Term) { return true; }

bool is_good(const InstallSnapshot& body, Term sent_in) {
    const auto& snapshot = body.snapshot;
    return snapshot.index != Index{0} && snapshot.term != Term{0} && snapshot.term <= sent_in &&
           snapshot.configuration_index != Index{0} &&
           snapshot.configuration_index <= snapshot.index &&
           decode_configuration(snapshot.configuration).has_value();
}

bool is_good(const TimeoutNow& body, Term) { return is_position(body.last_index, body.last_term); }

}  // namespace

bool is_well_formed(const Message& message) {
    if (message.peer == MemberId{0} || message.term == Term{0}) return false;
    return std::visit([&](const auto& body) { return is_good(body, message.term); }, message.body);
}

}  // namespace coord
