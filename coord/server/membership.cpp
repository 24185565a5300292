#include "coord/server/membership.hpp"

#include <algorithm>
#include <cstddef>

namespace coord {

std::string format_membership(const std::vector<Member>& members) {
    if (members.size() < 2) return {};
    auto sorted = members;
    std::sort(sorted.begin(), sorted.end(), [](const Member& a, const Member& b) {
        return a.address < b.address;
    });
    std::string lines;
    for (std::size_t i = 0; i < sorted.size(); ++i) {
        const auto& address = sorted[i].address;
        const auto port = address.substr(address.rfind(':') + 1);
        const bool votes = sorted[i].role == MemberRole::voter;
        lines += "server." + std::to_string(i + 1) + "=" + address + ":" + port + ":" +
                 (votes ? "participant" : "observer") + "\n";
    }
    return lines + "version=0";
}

}  // namespace coord
