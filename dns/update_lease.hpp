#pragma once
// For how long an update wants its records to stay, and what it is granted (RFC 9664).
//
// Fed by:  Updater, with the OPT of an update; UpdatePolicy's rules.
// Read by: UpdateTransaction (when records end), Updater (what the reply says).
// Thread:  any; pure.
// Fails:   false for options that are malformed: FORMERR.

#include "dns/name.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

namespace dns {

struct UpdateLease {
    std::chrono::seconds all{0};                   // of all records, but for KEY ...
    std::optional<std::chrono::seconds> key = {};  // ... if this is there: the variant of 8 octets

    bool operator==(const UpdateLease&) const = default;
};

// The options of an OPT record; `lease` stays empty if none of them asks for one.
bool read_update_lease(Octets options, std::optional<UpdateLease>& lease);
// As an option of the reply, in the variant of the request.
void append_update_lease(std::vector<std::uint8_t>& to, const UpdateLease& lease);

// Half a minute at least, and no more than `most`; 0 is what RFC 9664 §8 recommends.
UpdateLease grant(const UpdateLease& asked, std::chrono::seconds most);

}  // namespace dns
