#include "coord/raft/configuration.hpp"

#include "coord/raft/raft_bridge.h"

#include <algorithm>
#include <cassert>

namespace coord {

std::string encode_configuration(const std::vector<Member>& members) {
    std::vector<std::string> addresses;
    for (const auto& member : members) addresses.push_back(member.address);
    std::vector<BridgeMember> list;
    for (std::size_t i = 0; i < members.size(); ++i) {
        list.push_back(
            {number(members[i].id), addresses[i].data(), static_cast<BridgeRole>(members[i].role)});
    }
    void* bytes = nullptr;
    std::size_t length = 0;
    const bool good = bridge_encode_configuration(list.data(), list.size(), &bytes, &length);
    assert(good);
    std::string encoded(static_cast<const char*>(bytes), length);
    bridge_free(bytes);
    return encoded;
}

std::optional<std::vector<Member>> decode_configuration(std::string_view bytes) {
    BridgeMember* list = nullptr;
    std::size_t count = 0;
    if (!bridge_decode_configuration(bytes.data(), bytes.size(), &list, &count)) return {};
    std::vector<Member> members;
    for (std::size_t i = 0; i < count; ++i) {
        members.push_back(
            {MemberId{list[i].id}, list[i].address, static_cast<MemberRole>(list[i].role)});
    }
    bridge_free_members(list, count);
    return members;
}

bool is_lone_voter(const std::vector<Member>& members, MemberId id) {
    const auto is_voter = [](const Member& m) { return m.role == MemberRole::voter; };
    return std::count_if(members.begin(), members.end(), is_voter) == 1 &&
           std::find_if(members.begin(), members.end(), is_voter)->id == id;
}

}  // namespace coord
