#include "tests/support/simulated_faults.hpp"

#include <algorithm>
#include <array>
#include <string>

namespace coord {

namespace {

using std::chrono_literals::operator""us;
using std::chrono_literals::operator""ms;

constexpr SimulatedTime disk_typical = 300us;
constexpr SimulatedTime network_typical = 300us;
constexpr std::size_t seats_max = 8;
constexpr std::size_t members_max = 5;

}  // namespace

const std::vector<SimulatedFaults::Kind>& SimulatedFaults::all() {
    using F = SimulatedFaults;
    static const std::vector<Kind> kinds{
        {"kill ordered", &F::kill},
        {"kill within ordered", &F::kill_within},
        {"orderly end", &F::say_goodbye},
        {"power failure", &F::power_failure},
        {"cut one way", &F::cut_one_way},
        {"isolated", &F::isolate},
        {"split", &F::split},
        {"healed", &F::heal},
        {"link severed", &F::sever_one},
        {"links severed", &F::sever_all},
        {"stalled", &F::stall},
        {"clock jumped", &F::jump},
        {"disk slow", &F::slow_disk},
        {"disk full", &F::fill_disk},
        {"disk nearly full", &F::nearly_fill_disk},
        {"network slow", &F::slow_network},
        {"change asked for", &F::change_members},
        {"disk lost", &F::lose_disk},
    };
    return kinds;
}

const std::vector<std::string_view>& SimulatedFaults::kinds() {
    static const std::vector<std::string_view> names = [] {
        std::vector<std::string_view> list;
        for (const auto& kind : all()) list.push_back(kind.name);
        return list;
    }();
    return names;
}

SimulatedFaults::SimulatedFaults(SimulatedCluster& cluster)
    : cluster_(cluster), world_(cluster.world()) {
    for (const auto& kind : all()) {
        const auto weight = world_.dice.below(3);
        for (std::uint64_t i = 0; i < weight; ++i) mix_.push_back(kind);
    }
    pause_max_ = world_.dice.time(60ms, 1000ms);
    cluster_.buried = [this](Seat& seat) {
        under_change_.erase(seat.id());
        world_.clock.after(world_.dice.time(20ms, over_ ? 50ms : 1500ms), [this, &seat] {
            if (!lost_.contains(seat.id())) cluster_.start(seat);
        });
    };
}

void SimulatedFaults::begin() {
    if (mix_.empty()) return;
    world_.clock.after(world_.dice.time(1ms, pause_max_), [this] { strike_next(); });
}

void SimulatedFaults::strike_next() {
    if (over_) return;
    const auto kind = world_.dice.one_of(mix_);
    auto& chosen = victim();
    world_.count(kind.name, number(chosen.id()));
    (this->*kind.strike)(chosen);
    world_.clock.after(world_.dice.time(1ms, pause_max_), [this] { strike_next(); });
}

void SimulatedFaults::stop() {
    over_ = true;
    cluster_.network().set_typical(network_typical);
    cluster_.network().settle();
    for (const auto& seat : cluster_.seats()) {
        seat->machine.doom_after(0);
        recover(*seat);
        if (!lost_.contains(seat->id())) cluster_.start(*seat);
    }
}

void SimulatedFaults::recover(Seat& seat) {
    seat.disk.set_full(false);
    cluster_.set_room(seat, Room::plenty);
    seat.disk.set_typical(disk_typical);
}

// Often the leader.
SimulatedFaults::Seat& SimulatedFaults::victim() {
    auto* const leader = cluster_.leader();
    if (leader != nullptr && world_.dice.once_in(2)) return *leader;
    return *cluster_.seats().at(world_.dice.below(cluster_.seats().size()));
}

MemberId SimulatedFaults::other_than(MemberId member) {
    const auto count = cluster_.seats().size();
    const auto other = 1 + (number(member) - 1 + world_.dice.between(1, count)) % count;
    return MemberId{other};
}

void SimulatedFaults::kill_within(Seat& victim) {
    victim.machine.doom_after(world_.dice.between(1, 15));
}

// As at the end of an agent: a leader hands over, and goes when another leads or after a while.
void SimulatedFaults::say_goodbye(Seat& victim) {
    if (!victim.is_running()) return;
    victim.machine.post(0us, [this, &victim] {
        if (victim.replica->hand_over()) world_.count("handed over", number(victim.id()));
    });
    world_.clock.after(world_.dice.time(5ms, 1000ms), [this, &victim] {
        if (!over_) cluster_.kill(victim);
    });
}

void SimulatedFaults::power_failure(Seat&) {
    for (const auto& seat : cluster_.seats()) cluster_.kill(*seat);
}

void SimulatedFaults::cut_one_way(Seat& victim) {
    const auto other = other_than(victim.id());
    if (other == victim.id()) return;
    world_.dice.once_in(2) ? cluster_.network().cut(victim.id(), other)
                           : cluster_.network().cut(other, victim.id());
}

void SimulatedFaults::isolate(Seat& victim) { cluster_.network().isolate(victim.id()); }

void SimulatedFaults::split(Seat&) {
    std::vector<MemberId> here;
    std::vector<MemberId> there;
    for (const auto& seat : cluster_.seats()) {
        (world_.dice.once_in(2) ? here : there).push_back(seat->id());
    }
    for (const auto one : here) {
        for (const auto other : there) {
            cluster_.network().cut(one, other);
            cluster_.network().cut(other, one);
        }
    }
}

void SimulatedFaults::heal(Seat&) { cluster_.network().heal(); }

void SimulatedFaults::sever_one(Seat& victim) {
    cluster_.network().sever(victim.id(), other_than(victim.id()));
}

void SimulatedFaults::sever_all(Seat& victim) {
    for (const auto& seat : cluster_.seats()) cluster_.network().sever(victim.id(), seat->id());
}

void SimulatedFaults::stall(Seat& victim) {
    if (victim.is_running()) victim.machine.stall(world_.dice.time(20ms, 2000ms));
}

void SimulatedFaults::jump(Seat& victim) {
    cluster_.move_clock(victim, Driver::Time(world_.dice.between(10, 5000)));
}

void SimulatedFaults::slow_disk(Seat& victim) {
    victim.disk.set_typical(world_.dice.time(2ms, 150ms));
    world_.clock.after(world_.dice.time(100ms, 2000ms), [this, &victim] { recover(victim); });
}

void SimulatedFaults::fill_disk(Seat& victim) {
    victim.disk.set_full(true);
    world_.clock.after(world_.dice.time(50ms, 1500ms), [this, &victim] { recover(victim); });
}

void SimulatedFaults::nearly_fill_disk(Seat& victim) {
    cluster_.set_room(victim, world_.dice.once_in(2) ? Room::reserve : Room::none);
    world_.clock.after(world_.dice.time(50ms, 1500ms), [this, &victim] { recover(victim); });
}

void SimulatedFaults::slow_network(Seat&) {
    cluster_.network().set_typical(world_.dice.time(1ms, 60ms));
    world_.clock.after(world_.dice.time(100ms, 2000ms),
                       [this] { cluster_.network().set_typical(network_typical); });
}

MemberChange SimulatedFaults::draw_change(const std::vector<MemberStatus>& members) {
    using enum MemberChange::Kind;
    const auto& member = members.at(world_.dice.below(members.size())).member;
    const bool can_grow = members.size() < members_max && cluster_.seats().size() < seats_max;
    if (can_grow && world_.dice.once_in(2)) {
        const auto& seat = cluster_.add();
        return {add, seat.id(), "member" + std::to_string(number(seat.id()))};
    }
    if (member.role == MemberRole::standby && !world_.dice.once_in(4)) return {promote, member.id};
    switch (world_.dice.below(4)) {
        case 0: return {demote, member.id};
        case 1: return {relocate, member.id, "moved" + std::to_string(world_.dice.below(1000))};
        case 2: {  // one that was removed comes back
            const auto& seat = *cluster_.seats().at(world_.dice.below(cluster_.seats().size()));
            const auto address = "again" + std::to_string(number(seat.id()));
            if (lost_.contains(seat.id())) return {relocate, member.id, address};
            return {add, seat.id(), address};
        }
        default: return {remove, member.id};
    }
}

void SimulatedFaults::change_members(Seat&) {
    auto* const leader = cluster_.leader();
    if (leader == nullptr || replacing_) return;
    leader->machine.post(0us, [this, leader] {
        const auto members = leader->replica->members();
        if (!members.empty()) change(*leader, draw_change(members));
    });
}

void SimulatedFaults::change(Seat& leader, const MemberChange& change) {
    static constexpr std::array results{
        "member added", "member promoted", "member demoted", "member relocated", "member removed"};
    const auto* const result = results.at(static_cast<std::size_t>(change.kind));
    under_change_.insert(leader.id());
    leader.replica->change_members(
        change, [this, leader = leader.id(), id = change.id, result](const Result<void>& r) {
            if (const auto at = under_change_.find(leader); at != under_change_.end()) {
                under_change_.erase(at);
            }
            world_.count(r ? result : "change failed", number(id));
        });
}

// The others can go on without it, and will: nothing is under way that could make them fewer.
bool SimulatedFaults::is_dispensable(const Seat& seat) const {
    const auto* const leader = cluster_.leader();
    if (leader == nullptr || leader == &seat || replacing_ || !under_change_.empty()) return false;
    const auto& replica = *leader->replica;
    if (replica.applied() != replica.last()) return false;
    const auto members = replica.members();
    const auto voters = std::count_if(members.begin(), members.end(), [](const auto& status) {
        return status.member.role == MemberRole::voter;
    });
    const bool votes = std::any_of(members.begin(), members.end(), [&](const auto& status) {
        return status.member.role == MemberRole::voter && status.member.id == seat.id();
    });
    return votes && voters >= 3;
}

void SimulatedFaults::lose_disk(Seat& victim) {
    if (!is_dispensable(victim) || cluster_.seats().size() >= seats_max) return;
    lost_.insert(victim.id());
    replacing_ = {victim.id(), cluster_.add().id()};
    cluster_.kill(victim);
    replace_lost();
}

// As an operator does: again and again until it is done.
void SimulatedFaults::replace_lost() {
    auto* const leader = cluster_.leader();
    if (leader != nullptr) {
        leader->machine.post(0us, [this, leader] {
            if (replacing_) ask_to_replace(*leader, replacing_->lost, replacing_->by);
        });
    }
    world_.clock.after(world_.dice.time(50ms, 300ms), [this] {
        if (replacing_) replace_lost();
    });
}

void SimulatedFaults::ask_to_replace(Seat& leader, MemberId lost, MemberId replacement) {
    using enum MemberChange::Kind;
    const auto members = leader.replica->members();
    const auto role_of = [&](MemberId id) -> std::optional<MemberRole> {
        for (const auto& status : members) {
            if (status.member.id == id) return status.member.role;
        }
        return std::nullopt;
    };
    if (members.empty()) return;
    const auto role = role_of(replacement);
    if (role_of(lost)) return change(leader, {remove, lost});
    if (!role)
        return change(leader, {add, replacement, "new" + std::to_string(number(replacement))});
    if (role == MemberRole::standby) return change(leader, {promote, replacement});
    world_.count("lost disk replaced", number(lost));
    replacing_.reset();
}

}  // namespace coord
