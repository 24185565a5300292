#pragma once
// What an ACL means: which lists a client may set, and whom a list lets do what.
//
// Fed by:  Transaction (lists that clients set, identities of the connection).
// Read by: Transaction, reads.
// Thread:  any; pure functions.
// Fails:   Errc::invalid_acl.
// Source:  ZooKeeper 3.8 PrepRequestProcessor.fixupACL, ZooKeeperServer.checkACL and the
//          authentication providers world, digest, ip (with IPv6, as 3.9.4), x509.

#include "coord/base/result.hpp"
#include "coord/proto/records.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace coord {

using AclList = std::vector<Acl>;

// The list as it is to be stored: without duplicates, `auth` replaced by who the client is.
Result<AclList> normalise_acl(const std::optional<AclList>& asked, const std::vector<Id>& ids);

// Has one of these ids, or anyone, one of the permissions in `perms`? Scheme `super` has all.
bool permits(const AclList& acl, std::int32_t perms, const std::vector<Id>& ids);

// As shown to who may not administer it: digests without their hash.
AclList masked_acl(AclList acl);

}  // namespace coord
