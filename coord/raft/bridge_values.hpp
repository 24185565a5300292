#pragma once
// Our values as the C bridge has them, and back.
//
// Fed by:  Driver.
// Thread:  any; they are functions.
// Holds:   what to_bridge() returns points into its argument.

#include "coord/raft/entry.hpp"
#include "coord/raft/message.hpp"
#include "coord/raft/raft_bridge.h"

#include <span>
#include <vector>

namespace coord {

BridgeEntry to_bridge(const LogEntry& entry);
std::vector<BridgeEntry> to_bridge(std::span<const LogEntry> entries);
BridgeSnapshot to_bridge(const SnapshotMetadata& snapshot);
// All but the entries, which Driver hands over in pieces.
BridgeMessage to_bridge(const Message& message);
// All but an append's entries and a snapshot's configuration, which the engine does not have.
Message from_bridge(const BridgeMessage& from);

}  // namespace coord
