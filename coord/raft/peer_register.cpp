#include "coord/raft/peer_register.hpp"

#include "coord/raft/peer_address.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

std::vector<std::string> sorted(std::vector<std::string> servers) {
    std::sort(servers.begin(), servers.end());
    return servers;
}

const Member* find(const std::vector<Member>& members, MemberId id) {
    const auto found = std::find_if(
        members.begin(), members.end(), [id](const Member& member) { return member.id == id; });
    return found == members.end() ? nullptr : &*found;
}

}  // namespace

PeerRegister::PeerRegister(MemberId self,
                           std::uint64_t incarnation,
                           std::string address,
                           std::vector<std::string> servers)
    : self_(self),
      incarnation_(incarnation),
      address_(std::move(address)),
      servers_(sorted(std::move(servers))) {}

void PeerRegister::set_cluster(const Founding& founding) {
    founding_ = founding;
    set_members(founding.founders);
}

void PeerRegister::set_members(const std::vector<Member>& members) {
    for (const auto& before : members_) {
        const auto* const now = find(members, before.id);
        if (now == nullptr) removed_.insert(before.id);
        if (now == nullptr || now->address != before.address) learned_.erase(before.id);
    }
    for (const auto& member : members) removed_.erase(member.id);
    members_ = members;
}

// A member that is not yet known here, because this one lags, is remembered as well; those are few.
void PeerRegister::learn(const Hello& from, const std::string& asked) {
    const bool is_asked =
        std::binary_search(servers_.begin(), servers_.end(), asked) || addresses().contains(asked);
    if (is_asked) answered_[asked] = from.id;
    const auto* const member = find(members_, from.id);
    if (!is_peer(from) || (member == nullptr && learned_.size() >= servers_max)) return;
    if (!parse_peer_address(from.address)) return;
    learned_[from.id] = from.address;
}

Hello PeerRegister::hello(PeerPurpose purpose, const std::vector<Member>& seen) const {
    return {purpose,
            self_,
            incarnation_,
            founding_.cluster,
            address_,
            members_,
            has_cluster() ? founding_.founders : seen,
            servers_};
}

std::optional<PeerRefusal> PeerRegister::judge(const Hello& from) const {
    if (from.id == self_) return PeerRefusal::same_id;
    if (from.cluster == ClusterId{0} || !has_cluster()) return {};
    if (from.cluster != founding_.cluster) return PeerRefusal::other_cluster;
    if (removed_.contains(from.id)) return PeerRefusal::removed;
    return {};
}

bool PeerRegister::is_peer(const Hello& from) const {
    return has_cluster() && from.cluster == founding_.cluster && from.id != self_ &&
           !removed_.contains(from.id);
}

std::set<std::string> PeerRegister::addresses() const {
    std::set<std::string> all(servers_.begin(), servers_.end());
    for (const auto& member : members_) {
        if (member.id != self_) all.insert(address_of(member.id));
    }
    for (const auto& [id, address] : learned_) all.insert(address);
    all.erase(address_);
    std::erase_if(all, [](const auto& address) { return !parse_peer_address(address); });
    return all;
}

std::string PeerRegister::address_of(MemberId id) const {
    if (const auto learned = learned_.find(id); learned != learned_.end()) return learned->second;
    const auto* const member = find(members_, id);
    return member == nullptr ? std::string() : member->address;
}

MemberId PeerRegister::member_at(const std::string& address) const {
    for (const auto& [id, at] : learned_) {
        if (at == address) return id;
    }
    for (const auto& member : members_) {
        if (member.id != self_ && address_of(member.id) == address) return member.id;
    }
    return MemberId{0};
}

MemberId PeerRegister::answered_at(const std::string& address) const {
    const auto answered = answered_.find(address);
    return answered == answered_.end() ? MemberId{0} : answered->second;
}

bool PeerRegister::is_member(MemberId id) const { return find(members_, id) != nullptr; }

}  // namespace coord
