#pragma once
// The members of the ensemble, as the znode /zookeeper/config and the word `conf` tell of them.
//
// Fed by:  Server, with the members of the newest configuration.
// Read by: RequestProcessor, which puts it into the tree if it leads; FourLetterWords.
// Thread:  any; a pure function.
// Source:  ZooKeeper 3.8 QuorumMaj.toString: "server.1=host:2888:3888:participant", then a version.

#include "coord/raft/configuration.hpp"

#include <string>
#include <vector>

namespace coord {

// Empty for a server that stands alone. Servers are numbered in the order of their addresses; one
// port is for both of ZooKeeper's; who does not vote is an observer. The version is 0, as it is where
// nothing is reconfigured over the client protocol.
std::string format_membership(const std::vector<Member>& members);

}  // namespace coord
