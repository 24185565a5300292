#pragma once
// How the servers that a configuration lists become one cluster, and never two: decided, not done.
//
// Fed by:  PeerLinks, with what each server answered when it was asked, and that one did not.
// Read by: PeerLinks: what to say of oneself, whether it is decided, and what it still waits for.
// Thread:  coord. No socket, no clock, no file.
// Holds:   a cluster is founded only by all listed servers, each of which was seen without one and
//          has said that it sees the same of all. A server that belongs to a cluster founds none.
//          For that, answers must be given in the order in which they were asked for, the decision
//          must be on disk before anything else is said, and a member id must never come back after
//          its disk was lost.

#include "coord/raft/founding.hpp"
#include "coord/raft/peer_frame.hpp"

#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coord {

class Formation {
public:
    // `servers` holds `address`, and every address once.
    Formation(MemberId self, std::string address, std::vector<std::string> servers);

    // What the server at `address` has answered; that it did not.
    void heard(const std::string& address, const Hello& hello);
    void lost(const std::string& address);

    // For Hello::founders: those this server has seen, once it has seen all.
    [[nodiscard]] const std::vector<Member>& seen() const { return seen_; }
    // The cluster that this server belongs to from now on.
    [[nodiscard]] std::optional<Founding> decision() const;
    // What it waits for, as a sentence for people; is_mistaken() if only they can mend it.
    [[nodiscard]] std::string waits_for() const;
    [[nodiscard]] bool is_mistaken() const;
    // Whether there is a cluster, of which this server is no member.
    [[nodiscard]] bool awaits_invitation() const;

private:
    void look();
    [[nodiscard]] bool is_ready(const std::string& address, const Hello& hello) const;
    [[nodiscard]] std::string mistake() const;
    [[nodiscard]] std::string invitation() const;

    const MemberId self_;
    const std::string address_;
    const std::vector<std::string> servers_;  // sorted
    std::map<std::string, Hello> answers_;    // of the others, the last of each
    std::vector<Member> seen_;
};

}  // namespace coord
