#pragma once
// Several writes as one: all of them or none, each seeing what those before it did.
//
// Fed by:  StateMachine::apply, with a multi's body.
// Thread:  coord.
// Holds:   the reply has an entry for every operation, also when one failed: 0 before the culprit,
//          its code, runtime_inconsistency after it. A failed multi leaves no trace in the tree.
// Fails:   Errc::marshalling_error for the whole, if any operation is malformed or may not be in a
//          multi; session_expired. Otherwise ok, whatever became of the operations.
// Source:  ZooKeeper 3.8 MultiOperationRecord, MultiResponse, FinalRequestProcessor.

#include "coord/tree/transaction.hpp"

#include <string>
#include <string_view>

namespace coord {

[[nodiscard]] Errc
apply_multi(DataTree& tree, Transaction& transaction, std::string_view body, std::string& reply);

}  // namespace coord
