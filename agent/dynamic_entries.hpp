#pragma once
// What DNS UPDATE may read and write in the tree, as transactions: instances and names.
//
// Fed by:  dns/Updater (read, commit), LeaseReaper (expire).
// Thread:  agent, as the Client's.
// Holds:   updates are serialised, whichever agents they come to: each commits under the version of
//          /roster/dns at which it has read, and raises it. What an agent holds is never touched, and
//          nothing that has changed since it was read. Something expires exactly once.
// Fails:   is_conflict(error) if another was faster: read again, decide again. Else the client's error;
//          with connection_loss the write may have been done.

#include "agent/dynamic_names.hpp"
#include "agent/service.hpp"
#include "coord/base/async.hpp"
#include "coord/client/client.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace agent {

struct HeldInstance {
    std::string path;
    std::int32_t version = 0;
    bool persistent = false;  // no agent's session holds it
    InstanceRecord record;
};

struct HeldName {
    std::int32_t version = 0;
    DynamicName name;
};

// What an update is decided on.
struct DynamicView {
    std::int32_t version = 0;  // of /roster/dns
    std::map<std::string, std::vector<HeldInstance>>
        services;                           // those that there are, of the asked
    std::map<std::string, HeldName> names;  // likewise
};

// What it leads to, beside the view it was decided on.
struct DynamicChange {
    std::vector<InstanceRecord> put;  // new, or in place of what is at their path
    std::vector<std::string> remove;  // paths of instances in the view
    std::vector<DynamicName> names;   // as they are to be; without records: gone

    [[nodiscard]] bool empty() const { return put.empty() && remove.empty() && names.empty(); }
};

// Names of services and of others, as znodes are called by them.
struct DynamicWanted {
    std::vector<std::string> services;
    std::vector<std::string> names;
};

// Another was faster: read again, decide again.
bool is_conflict(const coord::Error& error);

class DynamicEntries {
public:
    DynamicEntries(coord::Client& client, Catalog& catalog, DynamicNames& names)
        : client_(client), catalog_(catalog), names_(names) {}

    coord::Task<coord::Result<DynamicView>> read(DynamicWanted wanted);
    // Completes when this agent's own catalog and names have it too, unless that takes too long.
    coord::Task<coord::Result<void>> commit(DynamicView view, DynamicChange change);
    // What others have committed is read from now on.
    coord::Task<coord::Result<void>> sync();
    // No more names may be made.
    [[nodiscard]] bool is_full() const { return names_.is_full(); }

private:
    coord::Client& client_;
    Catalog& catalog_;
    DynamicNames& names_;
};

// Removes from the tree what has no lease any more of the instance or name at `path`. Whether it
// was this call that did.
coord::Task<coord::Result<bool>>
expire_dynamic(coord::Client& client, std::string path, std::int64_t now_ms);

}  // namespace agent
