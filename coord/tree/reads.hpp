#pragma once
// The operations that only look: what they answer, and which watch is to be set with the answer.
//
// Fed by:  StateMachine::read.
// Thread:  coord.
// Fails:   in the reply: no_node, no_auth, bad_arguments, marshalling_error; throttled_op if it
//          would become too large; unimplemented for an operation that is none of these.
// Source:  ZooKeeper 3.8.4 FinalRequestProcessor. Unlike there, "" does not mean the root.

#include "coord/tree/data_tree.hpp"
#include "coord/tree/session_table.hpp"
#include "coord/tree/state_machine.hpp"

#include <string_view>
#include <vector>

namespace coord {

class Reads {
public:
    Reads(const DataTree& tree,
          const SessionTable& sessions,
          SessionId session,
          const std::vector<Id>& ids,
          const ReadLimits& limits)
        : tree_(tree), sessions_(sessions), session_(session), ids_(ids), limits_(limits) {}

    [[nodiscard]] ReadOutcome read(OpCode op, std::string_view body) const;

private:
    [[nodiscard]] ReadOutcome exists(const ReadRequest& request) const;
    [[nodiscard]] ReadOutcome get_data(const ReadRequest& request) const;
    [[nodiscard]] ReadOutcome get_children(const ReadRequest& request, bool with_stat) const;
    [[nodiscard]] ReadOutcome get_acl(std::string_view path) const;
    [[nodiscard]] ReadOutcome count_descendants(std::string_view path) const;
    [[nodiscard]] ReadOutcome get_ephemerals(std::string_view prefix) const;
    [[nodiscard]] ReadOutcome multi_read(std::string_view body) const;

    [[nodiscard]] bool may(std::int32_t perms, NodeId id) const;
    // ok, or why this znode cannot be read.
    [[nodiscard]] Errc readable(NodeId id, std::int32_t perms) const;

    const DataTree& tree_;
    const SessionTable& sessions_;
    SessionId session_;
    const std::vector<Id>& ids_;
    const ReadLimits& limits_;
};

// What happened to these watches' znodes since the client last heard of them.
CatchUp catch_up(const DataTree& tree, const SetWatchesRequest& request);

}  // namespace coord
