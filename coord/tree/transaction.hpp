#pragma once
// One committed write: whether it is allowed, what it does to the tree, the reply and the events.
//
// Fed by:  StateMachine::apply.
// Thread:  coord.
// Holds:   an operation that fails has changed nothing; a multi that fails has changed nothing
//          either. Nothing is final before the tree's commit().
// Fails:   the first check that fails decides the code; the order of the checks is ZooKeeper's.
// Source:  ZooKeeper 3.8 PrepRequestProcessor.pRequest2Txn.

#include "coord/proto/error.hpp"
#include "coord/proto/requests.hpp"
#include "coord/tree/data_tree.hpp"
#include "coord/tree/quota.hpp"
#include "coord/tree/session_table.hpp"
#include "coord/tree/state_machine.hpp"

#include <string>
#include <string_view>
#include <vector>

namespace coord {

class Transaction {
public:
    Transaction(DataTree& tree, const SessionTable& sessions, const Command& command, Zxid zxid)
        : tree_(tree), sessions_(sessions), command_(command), zxid_(zxid), quota_(tree) {}

    // Any write but a multi, as the client sent it. Appends the reply's body.
    [[nodiscard]] Errc apply(OpCode op, std::string_view body, Encoder& reply);

    [[nodiscard]] Errc create(OpCode op, const CreateRequest& request, Encoder& reply);
    [[nodiscard]] Errc remove(const RemoveRequest& request);
    [[nodiscard]] Errc set_data(const SetDataRequest& request, Encoder& reply);
    [[nodiscard]] Errc set_acl(const SetAclRequest& request, Encoder& reply);
    [[nodiscard]] Errc check(const RemoveRequest& request);
    // Removes a container or TTL znode if it is due, see is_due().
    [[nodiscard]] Errc remove_expired(std::string_view path);
    [[nodiscard]] Errc remove_ephemerals();
    // Puts the lines into the znode that clients read to know the ensemble.
    void tell_members(std::string_view lines);

    [[nodiscard]] bool has_session() const { return sessions_.find(command_.session) != nullptr; }
    [[nodiscard]] std::vector<Event>& events() { return events_; }
    [[nodiscard]] std::vector<QuotaExcess>& quota_excesses() { return excesses_; }

private:
    [[nodiscard]] bool may(std::int32_t perms, NodeId id) const;
    void remove(NodeId id, std::string_view path);
    // Who may hear of it is for the ACL of the moment: what follows in a multi may remove the znode.
    void tell(Event event, NodeId id);
    // ok, or quota_exceeded.
    [[nodiscard]] Errc check_quota(std::string_view path, Usage change);

    DataTree& tree_;
    const SessionTable& sessions_;
    const Command& command_;
    Zxid zxid_;
    Quota quota_;
    std::vector<Event> events_;
    std::vector<QuotaExcess> excesses_;
};

// May the reaper remove this container or TTL znode at `now_ms`? Only without children: a container
// that had some or was never used for five minutes, a TTL znode not written to for its time.
bool is_due(const ZnodeStore& znodes, NodeId id, std::int64_t now_ms);

}  // namespace coord
