#pragma once
// Members of one cluster on simulated machines, disks and wires: real Replicas, driven from a seed.
//
// Fed by:  the test, step by step; SimulatedFaults.
// Read by: the test.
// Thread:  the test's.
// Holds:   behind every event the properties of RaftRecord, and that nobody's applied index goes back.
// Fails:   throws Violation.

#include "coord/raft/replica.hpp"
#include "tests/support/raft_record.hpp"
#include "tests/support/simulated_disk.hpp"
#include "tests/support/simulated_machine.hpp"
#include "tests/support/simulated_network.hpp"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace coord {

// So that little memory, short logs and much waiting for the disk come about as well.
ReplicaOptions draw_replica_options(Dice& dice);

// What runs on a member during one life of its process.
class SimulatedApplication {
public:
    SimulatedApplication() = default;
    SimulatedApplication(const SimulatedApplication&) = delete;
    SimulatedApplication& operator=(const SimulatedApplication&) = delete;
    virtual ~SimulatedApplication() = default;

    // What the replica calls, which does not exist yet.
    virtual Application callbacks() = 0;
    virtual void started(Replica& replica) = 0;
};

class SimulatedCluster {
public:
    struct Seat {
        Seat(SimulatedWorld& world, RaftRecord& record, SimulatedNetwork& network, MemberId member)
            : machine(world, member), disk(machine, record), endpoint(network, machine, disk) {}

        SimulatedMachine machine;
        SimulatedDisk disk;
        SimulatedNetwork::Endpoint endpoint;
        std::unique_ptr<SimulatedApplication> application;  // while it runs
        std::unique_ptr<Replica> replica;
        std::function<void()> room_changed;  // of its application
        Driver::Time armed{-1};
        std::uint64_t timers = 0;
        Index applied{};

        [[nodiscard]] MemberId id() const { return machine.id(); }
        [[nodiscard]] bool is_running() const { return replica != nullptr; }
    };
    using MakeApplication = std::function<std::unique_ptr<SimulatedApplication>(Seat&)>;

    SimulatedCluster(SimulatedWorld& world,
                     RaftRecord& record,
                     ReplicaOptions options,
                     MakeApplication make);
    ~SimulatedCluster();
    SimulatedCluster(const SimulatedCluster&) = delete;
    SimulatedCluster& operator=(const SimulatedCluster&) = delete;

    void found(std::size_t size);
    Seat& add();  // with an empty disk, of no cluster yet
    void start(Seat& seat);
    void kill(Seat& seat) { seat.machine.doom(); }
    void move_clock(Seat& seat, Driver::Time by);
    void set_room(Seat& seat, Room room);
    // What is done about a process that ended; from within no event of it.
    std::function<void(Seat&)> buried;

    [[nodiscard]] const std::vector<std::unique_ptr<Seat>>& seats() const { return seats_; }
    [[nodiscard]] Seat& at(MemberId id) const;
    // Of the newest term, if there are two for a while; null if there is none.
    [[nodiscard]] Seat* leader() const;
    // All that the newest leader knows as members run, and have applied all that there is.
    [[nodiscard]] bool has_converged() const;
    SimulatedNetwork& network() { return network_; }
    SimulatedWorld& world() { return world_; }

private:
    Seat& make_seat();
    void bury(Seat& seat);
    void look(Seat& seat);
    void rearm(Seat& seat);

    SimulatedWorld& world_;
    RaftRecord& record_;
    const ReplicaOptions options_;
    const MakeApplication make_;
    SimulatedNetwork network_;
    std::vector<std::unique_ptr<Seat>> seats_;
};

}  // namespace coord
