#pragma once
// Growing and shrinking the ensemble: an operator's order, looked at and carried out by the leader.
//
// Fed by:  Server, with orders of its operators and letters of the other servers.
// Read by: whoever asked, through the function that he gave.
// Thread:  coord. No socket, no clock.
// Holds:   every order is answered, once. An order that would leave fewer voters within reach than
//          it takes to commit is refused: nobody could take it back.
// Fails:   by an answer that says what to do. An order that nobody has answered in time may yet be
//          carried out, and its answer says so.

#include "coord/base/membership.hpp"
#include "coord/base/result.hpp"
#include "coord/raft/replica.hpp"

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace coord {

class MemberOrders {
public:
    using Time = std::chrono::steady_clock::time_point;
    using Done = std::function<void(MembershipAnswer)>;

    struct Surroundings {
        std::function<Standing()> standing;
        std::function<std::uint64_t()> cluster;
        std::function<Index()> last;
        std::function<std::vector<MemberStatus>()> members;
        std::function<std::vector<Member>()> waiting;  // servers to be added
        std::function<std::string()> waits_for;  // what this one waits for; empty for a member
        std::function<void(const MemberChange&, std::function<void(Result<void>)>)> change;
        std::function<bool(MemberId, std::string letter)> send;
    };
    static constexpr std::chrono::seconds patience{10};
    static constexpr std::size_t waiting_orders_max = 64;
    // Who lacks fewer entries than this has caught up.
    static constexpr std::uint64_t lag_max = 256;

    explicit MemberOrders(Surroundings surroundings);

    void ask(MembershipOrder order, Time now, Done done);
    // False: it is a letter of another kind.
    bool read(MemberId from, std::string_view letter);
    void disconnected(MemberId peer);
    void tick(Time now);

private:
    struct Forwarded {
        MemberId to{};
        Time give_up;
        MembershipOrder::Kind kind{};
        Done done;
    };

    void lead(const MembershipOrder& order, const Done& done);
    [[nodiscard]] MembershipAnswer listing() const;
    [[nodiscard]] MembershipAnswer look_at(const MembershipOrder& order,
                                           MemberChange& change) const;
    [[nodiscard]] MembershipAnswer look_at_new(const MembershipOrder& order,
                                               MemberChange& change) const;
    [[nodiscard]] MembershipAnswer look_at_move(const MembershipOrder& order,
                                                MemberChange& change) const;
    [[nodiscard]] MembershipAnswer explain(const Error& error) const;
    void forward(MembershipOrder order, MemberId leader, Time now, Done done);
    void give_up(Forwarded forwarded);
    [[nodiscard]] MemberId waiting_at(const std::string& address) const;
    void add_waiting(MembershipAnswer& answer) const;

    const Surroundings around_;
    std::uint64_t sequence_ = 0;
    std::map<std::uint64_t, Forwarded> forwarded_;
};

}  // namespace coord
