#pragma once
// The wire between simulated members: links that delay, are cut, break and are made anew.
//
// Fed by:  Replica, through the transport of its member; the faults.
// Thread:  the test's.
// Holds:   as PeerTransport: over one link nothing arrives out of order or after a gap. One link per
//          pair, of which each end learns in its own time. What is sent into a cut waits, as TCP's
//          does, until it is healed or the link breaks. Links delay each on its own.
//          Who has not made it durable does not say it: terms, votes, acknowledged entries.
// Fails:   throws Violation.

#include "coord/raft/peer_transport.hpp"
#include "tests/support/simulated_disk.hpp"
#include "tests/support/simulated_machine.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace coord {

class SimulatedNetwork {
    struct Link;

public:
    class Endpoint final : public PeerTransport {
    public:
        Endpoint(SimulatedNetwork& network, SimulatedMachine& machine, SimulatedDisk& disk)
            : network_(network), machine_(machine), disk_(disk) {
            network_.endpoints_[machine.id()] = this;
        }

        void start(Listener listener) override;
        void stop() override { listener_.reset(); }
        void set_members(const std::vector<Member>& members) override;
        void send(const Message& message) override;
        bool send_letter(MemberId to, std::string letter) override;
        [[nodiscard]] bool is_connected(MemberId peer) const override {
            return links_.contains(peer);
        }
        void fetch_snapshot(MemberId from,
                            const SnapshotMetadata& snapshot,
                            std::filesystem::path into,
                            std::function<void(Result<void>)> done) override;
        [[nodiscard]] std::vector<Metric> metrics() const override { return {}; }
        void crash();  // the process is gone

    private:
        friend class SimulatedNetwork;
        struct Fetch {
            MemberId from;
            Index index;
            std::function<void(Result<void>)> done;
            SimulatedTime progress{};
            std::uint64_t steps_left = 0;
        };

        void check(const Message& message) const;
        void open(const std::shared_ptr<Link>& link, MemberId peer);
        void close(const std::shared_ptr<Link>& link, MemberId peer);
        void pull(const std::shared_ptr<Fetch>& fetch);

        SimulatedNetwork& network_;
        SimulatedMachine& machine_;
        SimulatedDisk& disk_;
        std::optional<Listener> listener_;
        std::set<MemberId> members_;
        std::set<MemberId> removed_;
        std::map<MemberId, std::shared_ptr<Link>> links_;  // open at this end
        std::shared_ptr<Fetch> fetch_;
    };

    explicit SimulatedNetwork(SimulatedWorld& world) : world_(world) {}

    // In this direction, until it is healed.
    void cut(MemberId from, MemberId to);
    void isolate(MemberId member);
    void heal();
    // The link breaks; some of what is under way is lost.
    void sever(MemberId one, MemberId other);
    void set_typical(SimulatedTime latency) { typical_ = latency; }
    // All is well from now on: what would be under way for long is lost with its link.
    void settle();

private:
    using Delivery = std::function<void(Endpoint&)>;
    using Pair = std::pair<MemberId, MemberId>;
    struct Direction {
        std::deque<Delivery> held;  // by a cut
        SimulatedTime arrived{};    // of the last that is under way, or was
        SimulatedTime lost_from = SimulatedTime::max();
    };
    struct Link {
        Pair ends;
        std::array<Direction, 2> directions;  // by who sends
        bool is_broken = false;
        [[nodiscard]] Direction& from(MemberId end) {
            return directions[end == ends.first ? 0 : 1];
        }
        [[nodiscard]] MemberId other(MemberId end) const {
            return end == ends.first ? ends.second : ends.first;
        }
    };
    using LinkPtr = std::shared_ptr<Link>;

    static Pair pair_of(MemberId one, MemberId other) { return std::minmax(one, other); }
    bool send(Endpoint& from, MemberId to, Delivery delivery);
    void transmit(const LinkPtr& link, MemberId from, Delivery delivery);
    void break_link(const LinkPtr& link);
    void give_up_later(const LinkPtr& link);
    void seek(MemberId one, MemberId other);
    void try_to_link(Pair pair);
    [[nodiscard]] bool wants_link(const Endpoint& one, const Endpoint& other) const;
    [[nodiscard]] bool is_cut(MemberId from, MemberId to) const {
        return cut_.contains({from, to});
    }
    [[nodiscard]] bool is_cut_at_all(Pair pair) const {
        return is_cut(pair.first, pair.second) || is_cut(pair.second, pair.first);
    }

    SimulatedWorld& world_;
    std::map<MemberId, Endpoint*> endpoints_;
    std::map<Pair, std::vector<LinkPtr>> links_;  // that are not broken
    std::set<Pair> seeking_;
    std::set<Pair> cut_;
    SimulatedTime typical_{300};
};

}  // namespace coord
