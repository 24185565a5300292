#pragma once
// Entries of the catalog that no agent holds: persistent znodes, written on behalf of somebody.
//
// Fed by:  Registrar (catalog/register and catalog/deregister).
// Thread:  agent, as the Client's.
// Holds:   what an agent holds (an ephemeral znode with a node of ours in it) is never touched;
//          two writers of one entry lose neither's change: every write minds the znode's version.
// Fails:   Rejection::Kind::unavailable, if the ensemble does not take the write.

#include "agent/registrations.hpp"
#include "coord/base/async.hpp"
#include "coord/client/client.hpp"

#include <optional>
#include <string>
#include <vector>

namespace agent {

// Checks with a service id go to that instance, which is `instance` or already there; the others
// to the node. An entry that is there keeps the checks that are not given, by id. A node without
// an address is only named (SkipNodeUpdate): what is there stays.
coord::Task<Verdict> put_external(coord::Client& client,
                                  std::optional<NodeRecord> node,
                                  std::optional<InstanceRecord> instance,
                                  std::vector<Check> checks);

// Removes the check (of the node or of any instance on it), or else the instance, or else the node with all its instances. It is done
// as well when there is none.
coord::Task<Verdict> remove_external(coord::Client& client,
                                     std::string node,
                                     std::string service_id,
                                     std::string check_id);

}  // namespace agent
