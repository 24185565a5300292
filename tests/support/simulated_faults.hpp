#pragma once
// What goes wrong in a simulated cluster, and when: chosen anew for every seed.
//
// Fed by:  the simulation's dice.
// Read by: SimulatedCluster, whose machines, disks and wires it maltreats.
// Thread:  the test's.
// Holds:   every process that ends is started again, unless its disk is lost: then it is removed from
//          the cluster and another takes its place, one at a time. After stop() all is well: disks
//          have room, nothing is cut, everybody runs.

#include "tests/support/simulated_cluster.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

namespace coord {

class SimulatedFaults {
public:
    explicit SimulatedFaults(SimulatedCluster& cluster);

    void begin();
    void stop();

    // Every kind; a run of many seeds in which one never happened has not tested what it says.
    static const std::vector<std::string_view>& kinds();

private:
    using Seat = SimulatedCluster::Seat;
    struct Kind {
        std::string_view name;
        void (SimulatedFaults::*strike)(Seat& victim);
    };
    static const std::vector<Kind>& all();

    void strike_next();
    [[nodiscard]] Seat& victim();
    [[nodiscard]] MemberId other_than(MemberId member);
    void recover(Seat& seat);
    void kill(Seat& victim) { cluster_.kill(victim); }
    void kill_within(Seat& victim);
    void say_goodbye(Seat& victim);
    void power_failure(Seat& victim);
    void cut_one_way(Seat& victim);
    void isolate(Seat& victim);
    void split(Seat& victim);
    void heal(Seat& victim);
    void sever_one(Seat& victim);
    void sever_all(Seat& victim);
    void stall(Seat& victim);
    void jump(Seat& victim);
    void slow_disk(Seat& victim);
    void fill_disk(Seat& victim);
    void nearly_fill_disk(Seat& victim);
    void slow_network(Seat& victim);
    void change_members(Seat& victim);
    void lose_disk(Seat& victim);
    void replace_lost();
    void ask_to_replace(Seat& leader, MemberId lost, MemberId replacement);
    void change(Seat& leader, const MemberChange& change);
    [[nodiscard]] bool is_dispensable(const Seat& seat) const;
    [[nodiscard]] MemberChange draw_change(const std::vector<MemberStatus>& members);

    SimulatedCluster& cluster_;
    SimulatedWorld& world_;
    std::vector<Kind> mix_;
    SimulatedTime pause_max_{};
    bool over_ = false;
    struct Replacement {
        MemberId lost;
        MemberId by;
    };
    std::optional<Replacement> replacing_;
    std::set<MemberId> lost_;  // they never come back
    std::multiset<MemberId>
        under_change_;  // leaders that were asked for a change and have not answered
};

}  // namespace coord
