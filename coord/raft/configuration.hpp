#pragma once
// Who the members are, and the form in which a configuration entry and a snapshot hold that.
//
// Fed by:  Node, at the bootstrap of a cluster; configuration entries of the log.
// Read by: Driver and Node.
// Thread:  any; they are values.
// Fails:   decode_configuration returns nothing for bytes that are no configuration.

#include "coord/raft/entry.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

enum class MemberRole { standby, voter, spare };

struct Member {
    MemberId id{};
    std::string address;
    MemberRole role = MemberRole::voter;

    bool operator==(const Member&) const = default;
};

// The members must be at least one, with distinct ids and addresses.
std::string encode_configuration(const std::vector<Member>& members);
std::optional<std::vector<Member>> decode_configuration(std::string_view bytes);

// Is `id` the only voter?
bool is_lone_voter(const std::vector<Member>& members, MemberId id);

}  // namespace coord
