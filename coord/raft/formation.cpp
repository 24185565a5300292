#include "coord/raft/formation.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cassert>
#include <utility>

namespace coord {

namespace {

std::vector<std::string> sorted(std::vector<std::string> servers) {
    std::sort(servers.begin(), servers.end());
    return servers;
}

bool has(const std::vector<Member>& members, MemberId id) {
    return std::any_of(
        members.begin(), members.end(), [id](const Member& member) { return member.id == id; });
}

}  // namespace

Formation::Formation(MemberId self, std::string address, std::vector<std::string> servers)
    : self_(self), address_(std::move(address)), servers_(sorted(std::move(servers))) {
    assert(std::binary_search(servers_.begin(), servers_.end(), address_));
    assert(std::adjacent_find(servers_.begin(), servers_.end()) == servers_.end());
    look();
}

void Formation::heard(const std::string& address, const Hello& hello) {
    if (address == address_) return;
    answers_.insert_or_assign(address, hello);
    look();
}

void Formation::lost(const std::string& address) {
    answers_.erase(address);
    look();
}

// Sees all, or nothing.
void Formation::look() {
    seen_.clear();
    std::vector<Member> seen;
    for (const auto& server : servers_) {
        const auto answer = answers_.find(server);
        if (server != address_ && (answer == answers_.end() || !is_ready(server, answer->second)))
            return;
        const auto id = server == address_ ? self_ : answer->second.id;
        if (has(seen, id)) return;
        seen.push_back({id, server, MemberRole::voter});
    }
    seen_ = std::move(seen);
}

bool Formation::is_ready(const std::string& address, const Hello& hello) const {
    return hello.cluster == ClusterId{0} && hello.servers == servers_ && hello.address == address;
}

std::optional<Founding> Formation::decision() const {
    for (const auto& [address, hello] : answers_) {
        if (hello.cluster != ClusterId{0} && has(hello.members, self_)) {
            return Founding{hello.cluster, hello.founders};
        }
    }
    const bool agreed = std::all_of(answers_.begin(), answers_.end(), [&](const auto& answer) {
        return answer.second.founders == seen_;
    });
    if (seen_.empty() || !agreed) return {};
    return Founding{cluster_of(seen_), seen_};
}

bool Formation::awaits_invitation() const {
    return std::any_of(answers_.begin(), answers_.end(), [](const auto& answer) {
        return answer.second.cluster != ClusterId{0};
    });
}

std::string Formation::mistake() const {
    std::map<MemberId, std::string> ids{{self_, address_}};
    for (const auto& [address, hello] : answers_) {
        const auto [same, is_new] = ids.emplace(hello.id, address);
        if (!is_new) {
            return fmt::format("{} and {} have the same member id: one data directory is a copy of "
                               "the other, and one of them must begin with an empty one",
                               same->second,
                               address);
        }
        if (hello.address != address) {
            return fmt::format("the server at {} calls itself {}", address, hello.address);
        }
        if (hello.cluster == ClusterId{0} && hello.servers != servers_) {
            return fmt::format("the servers listed here are [{}], but those listed on {} are [{}]",
                               fmt::join(servers_, ", "),
                               address,
                               fmt::join(hello.servers, ", "));
        }
    }
    return {};
}

std::string Formation::invitation() const {
    const auto who = fmt::format("member {:016x} at {} waits to be added", number(self_), address_);
    for (const auto& [address, hello] : answers_) {
        for (const auto& member : hello.members) {
            if (member.address != address_) continue;
            return fmt::format(
                "there is a cluster already: {} to it in the place of member {:016x}, "
                "which was here and whose data is not",
                who,
                number(member.id));
        }
    }
    return fmt::format(
        "there is a cluster already: {} to it, with 'roster members add {}' on one of "
        "its servers",
        who,
        address_);
}

bool Formation::is_mistaken() const { return !awaits_invitation() && !mistake().empty(); }

std::string Formation::waits_for() const {
    if (awaits_invitation()) return invitation();
    if (auto wrong = mistake(); !wrong.empty()) return wrong;
    std::vector<std::string> missing;
    for (const auto& server : servers_) {
        if (server != address_ && !answers_.contains(server)) missing.push_back(server);
    }
    if (missing.empty()) return "all servers are there and are about to agree";
    return fmt::format("a new cluster waits for all its servers: no answer from {}",
                       fmt::join(missing, ", "));
}

}  // namespace coord
