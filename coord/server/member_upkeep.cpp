#include "coord/server/member_upkeep.hpp"

#include "coord/base/log.hpp"

#include <algorithm>
#include <utility>

namespace coord {
namespace {

using Kind = MembershipOrder::Kind;
using Verdict = MembershipAnswer::Verdict;

spdlog::logger& log() { return logger("coord.members"); }

const MemberStatus* find(const std::vector<MemberStatus>& members, MemberId id) {
    const auto is_it = [id](const MemberStatus& status) { return status.member.id == id; };
    const auto at = std::find_if(members.begin(), members.end(), is_it);
    return at == members.end() ? nullptr : &*at;
}

}  // namespace

MemberUpkeep::MemberUpkeep(Surroundings surroundings) : around_(std::move(surroundings)) {}

void MemberUpkeep::tick(Time now) {
    const auto standing = around_.standing();
    if (standing.role != Role::leader) {
        lost_since_.clear();
        heir_.reset();
    }
    if (ordering_ || !standing.is_current) return;
    if (auto moved = now >= again_ ? move() : std::nullopt) {
        again_ = now + retry;
        const auto where = moved->address;
        return order(std::move(*moved), [this, where](const MembershipAnswer& answer) {
            if (answer.verdict != Verdict::done) return complain(answer.why);
            log().info("the members know this server's new address address={}", where);
        });
    }
    if (standing.role != Role::leader) return;
    if (heir_) return raise_heir(now);
    if (const auto loss = settled_loss(now); loss && now >= again_) give_up(*loss, now);
}

void MemberUpkeep::complain(const std::string& why) {
    if (std::exchange(complaint_, why) != why) log().warn("members not changed why=\"{}\"", why);
}

void MemberUpkeep::order(MembershipOrder order, std::function<void(const MembershipAnswer&)> done) {
    ordering_ = true;
    around_.order(std::move(order), [this, done = std::move(done)](const MembershipAnswer& answer) {
        ordering_ = false;
        done(answer);
    });
}

std::optional<MembershipOrder> MemberUpkeep::move() const {
    const auto self = around_.self();
    const auto members = around_.members();
    const auto* const known = find(members, self.id);
    const bool has_moved =
        known != nullptr && !self.address.empty() && known->member.address != self.address;
    if (!has_moved) return {};
    return MembershipOrder{Kind::relocate, number(self.id), self.address};
}

std::vector<MemberUpkeep::Loss> MemberUpkeep::losses() const {
    std::vector<Loss> all;
    const auto members = around_.members();
    for (const auto& found : around_.waiting()) {
        for (const auto& [member, connected, match] : members) {
            const bool is_lost =
                member.address == found.address && member.id != found.id && !connected;
            if (is_lost) all.push_back({member, found});
        }
    }
    return all;
}

// The first that has been one for long enough.
std::optional<MemberUpkeep::Loss> MemberUpkeep::settled_loss(Time now) {
    const auto all = losses();
    std::erase_if(lost_since_, [&](const auto& entry) {
        return std::none_of(
            all.begin(), all.end(), [&](const Loss& loss) { return loss.lost.id == entry.first; });
    });
    for (const auto& loss : all) {
        const auto since = lost_since_.try_emplace(loss.lost.id, now).first->second;
        if (now - since >= settled) return loss;
    }
    return {};
}

void MemberUpkeep::give_up(const Loss& loss, Time now) {
    again_ = now + retry;
    order({Kind::remove, number(loss.lost.id), {}},
          [this, loss, until = now + heir_max](const MembershipAnswer& answer) {
              if (answer.verdict != Verdict::done) return complain(answer.why);
              log().warn("a server came back without its data and takes its old place address={} "
                         "old={:016x} new={:016x}",
                         loss.lost.address,
                         number(loss.lost.id),
                         number(loss.found.id));
              heir_ = Heir{loss.found, loss.lost.role == MemberRole::voter, until};
          });
}

void MemberUpkeep::raise_heir(Time now) {
    const auto& [heir, votes, until] = *heir_;
    const auto members = around_.members();
    const auto* const present = find(members, heir.id);
    const bool is_done =
        present != nullptr && (!votes || present->member.role == MemberRole::voter);
    if (is_done || now >= until) return heir_.reset();
    // Before it has caught up its promotion is refused: that is nothing to be told.
    const auto kind = present == nullptr ? Kind::add : Kind::promote;
    order({kind, number(heir.id), heir.address}, [](const auto&) {});
}

}  // namespace coord
