#pragma once
// What servers do about their members without an operator: one that has moved says where it is, and
// one that has lost its disk takes the place that it had.
//
// Fed by:  Server, at every tick.
// Read by: MemberOrders, which looks at each order and carries it out as an operator's.
// Thread:  coord. No socket, no clock.
// Holds:   a member loses its place only to a server that waits at its very address, while itself it
//          cannot be reached, for as long as `settled`; and only the leader decides that. One order
//          at a time. Who had a vote gets it again once it has caught up.
// Fails:   an order that is refused is logged, and tried again later. A leader that is lost between
//          the steps leaves a stand-by, which an operator promotes.

#include "coord/server/member_orders.hpp"

#include <chrono>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace coord {

class MemberUpkeep {
public:
    using Time = MemberOrders::Time;

    struct Surroundings {
        std::function<Standing()> standing;
        std::function<std::vector<MemberStatus>()> members;
        std::function<std::vector<Member>()> waiting;
        std::function<Member()> self;  // where it really is; without an address, nobody asks
        std::function<void(MembershipOrder, MemberOrders::Done)> order;
    };
    static constexpr std::chrono::seconds settled{3};
    static constexpr std::chrono::seconds retry{2};
    static constexpr std::chrono::minutes heir_max{10};  // then the heir is an operator's business

    explicit MemberUpkeep(Surroundings surroundings);

    void tick(Time now);

private:
    // Who is to have the place of a member that was removed for it.
    struct Heir {
        Member member;
        bool votes = false;
        Time until;
    };
    struct Loss {
        Member lost;
        Member found;  // waits at its address
    };

    [[nodiscard]] std::optional<MembershipOrder> move() const;
    [[nodiscard]] std::optional<Loss> settled_loss(Time now);
    [[nodiscard]] std::vector<Loss> losses() const;
    void give_up(const Loss& loss, Time now);
    void raise_heir(Time now);
    void order(MembershipOrder order, std::function<void(const MembershipAnswer&)> done);
    void complain(const std::string& why);

    const Surroundings around_;
    bool ordering_ = false;
    std::string complaint_;  // the last; the same again is not logged
    Time again_{};
    std::map<MemberId, Time> lost_since_;
    std::optional<Heir> heir_;
};

}  // namespace coord
