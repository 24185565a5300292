#pragma once
// Who the peers are and where: what is known of them, and what is to be thought of a Hello.
//
// Fed by:  PeerLinks: the configuration, the newest members, and what servers say of themselves.
// Read by: PeerLinks.
// Thread:  coord. No socket, no clock.
// Holds:   where a member says it is counts more than what the configuration says, until a newer
//          one says something else. Who was a member and no longer is, is not heard.

#include "coord/raft/formation.hpp"
#include "coord/raft/peer_counters.hpp"
#include "coord/raft/peer_frame.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace coord {

class PeerRegister {
public:
    PeerRegister(MemberId self,
                 std::uint64_t incarnation,
                 std::string address,
                 std::vector<std::string> servers);

    void set_cluster(const Founding& founding);
    void set_members(const std::vector<Member>& members);
    // What the server that was asked at `asked` has said; empty: it came by itself.
    void learn(const Hello& from, const std::string& asked);

    // Of this server. Without a cluster, `seen` is what Formation has seen.
    [[nodiscard]] Hello hello(PeerPurpose purpose, const std::vector<Member>& seen) const;
    // Nothing: it may be talked to.
    [[nodiscard]] std::optional<PeerRefusal> judge(const Hello& from) const;
    // Whether it is of this cluster, so that there can be a link.
    [[nodiscard]] bool is_peer(const Hello& from) const;
    // Whom to ask: members, and servers that are configured.
    [[nodiscard]] std::set<std::string> addresses() const;
    // Empty: not known.
    [[nodiscard]] std::string address_of(MemberId id) const;
    // Who is there, as far as is known. A member whose place it is counts more than who answered.
    [[nodiscard]] MemberId member_at(const std::string& address) const;
    [[nodiscard]] MemberId answered_at(const std::string& address) const;

    [[nodiscard]] MemberId self() const { return self_; }
    [[nodiscard]] bool has_cluster() const { return founding_.cluster != ClusterId{0}; }
    [[nodiscard]] bool is_member(MemberId id) const;
    [[nodiscard]] bool is_removed(MemberId id) const { return removed_.contains(id); }
    [[nodiscard]] const std::vector<std::string>& servers() const { return servers_; }

private:
    const MemberId self_;
    const std::uint64_t incarnation_;
    const std::string address_;
    const std::vector<std::string> servers_;  // sorted
    Founding founding_;
    std::vector<Member> members_;
    std::set<MemberId> removed_;
    std::map<MemberId, std::string> learned_;   // where members say they are
    std::map<std::string, MemberId> answered_;  // by the address that was asked
};

}  // namespace coord
