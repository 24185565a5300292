#pragma once
// What an operator asks of the servers that form the core, and what he is told.
//
// Fed by:  whoever speaks with operators: the HTTP face.
// Read by: the embedded core, which does it.
// Thread:  any; they are values.

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace coord {

// The numbers are those on the wire between servers.
struct MembershipOrder {
    // add: as a stand-by, which replicates and does not vote. relocate: a server's own, that it is
    // at another address now.
    enum class Kind : std::uint8_t {
        list = 0,
        add = 1,
        promote = 2,
        demote = 3,
        remove = 4,
        relocate = 5
    };

    Kind kind = Kind::list;
    std::uint64_t member = 0;  // 0: the one at `address`
    std::string address;
};

struct ListedServer {
    // waiting: it belongs to no cluster, and could be added.
    enum class Role : std::uint8_t { standby = 0, voter = 1, spare = 2, waiting = 3 };

    std::uint64_t member = 0;
    std::string address;
    Role role = Role::standby;
    bool leads = false;
    bool connected = false;               // to the one that leads
    std::optional<std::uint64_t> behind;  // entries that it lacks; nothing: nobody knows
};

struct MembershipAnswer {
    // wrong: the order makes no sense; refused: not now; unavailable: try again, or elsewhere.
    enum class Verdict : std::uint8_t {
        done = 0,
        wrong = 1,
        unknown = 2,
        refused = 3,
        unavailable = 4
    };

    Verdict verdict = Verdict::done;
    // A sentence that says what to do; with a list, what a server without a cluster waits for.
    std::string why;
    std::uint64_t cluster = 0;  // its id
    std::uint64_t index = 0;    // of the last entry of the log
    std::vector<ListedServer> servers;
};

}  // namespace coord
