#pragma once
// An UPDATE (RFC 2136) as far as the message alone can be judged: its zone, prerequisites, updates.
//
// Fed by:  Updater, with messages whose signature was checked.
// Read by: UpdateTransaction.
// Thread:  any; pure.
// Holds:   what is read here is well-formed and inside the zone (RFC 2136 §3.1, §3.2 and §3.4.1 as far
//          as they need no zone data).
// Fails:   the rcode of the first rule that is broken, in the order of the RFC.

#include "dns/grammar.hpp"
#include "dns/message.hpp"
#include "dns/query.hpp"
#include "dns/update_lease.hpp"

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace dns {

// What a name is to UPDATE. The spellings of a service's name are one target.
struct UpdateTarget {
    enum class Kind : std::uint8_t {
        service,  // its instances; `name` is the service
        name,     // free for records of its own; `name` is in text, below the domain
        other,    // answered, but made of something else: it may be asked for, not changed
    };
    Kind kind = Kind::other;
    std::string name;
    Labels whole;  // lower-case, complete

    auto operator<=>(const UpdateTarget&) const = default;
};

// What stands in the prerequisite or update section, with the owner understood.
struct UpdateEntry {
    UpdateTarget target;
    Record record;
};

struct UpdateRequest {
    std::vector<UpdateEntry> prerequisites;
    std::vector<UpdateEntry> updates;
    std::optional<UpdateLease> lease;  // asked for; none: that of the rules
};

inline constexpr std::uint8_t opcode_update = 5;
inline constexpr std::uint16_t class_none = 254;

class UpdateReader {
public:
    // `is_static`: the key of a name of the configuration, which updates cannot change.
    UpdateReader(const Grammar& grammar, std::function<bool(const Labels& key)> is_static)
        : grammar_(grammar), is_static_(std::move(is_static)) {}

    // RFC 2136 §3.1: FORMERR, NOTAUTH or, for a zone that takes no updates, REFUSED.
    [[nodiscard]] Rcode check_zone(const Message& message) const;
    // RFC 2136 §3.2 and §3.4.1, of a message whose zone is ours.
    Rcode read(const Message& message, UpdateRequest& request) const;

private:
    Rcode read_entry(const Record& record, UpdateEntry& entry) const;

    const Grammar& grammar_;
    std::function<bool(const Labels& key)> is_static_;
};

}  // namespace dns
