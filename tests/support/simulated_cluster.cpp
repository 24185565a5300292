#include "tests/support/simulated_cluster.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

using std::chrono_literals::operator""us;

}  // namespace

SimulatedCluster::SimulatedCluster(SimulatedWorld& world,
                                   RaftRecord& record,
                                   ReplicaOptions options,
                                   MakeApplication make)
    : world_(world),
      record_(record),
      options_(std::move(options)),
      make_(std::move(make)),
      network_(world) {}

ReplicaOptions draw_replica_options(Dice& dice) {
    ReplicaOptions options;
    options.driver.heartbeat = Driver::Time(dice.one_of<int>({20, 50}));
    options.driver.election_timeout = Driver::Time(dice.one_of<int>({150, 300}));
    options.driver.in_flight_max = dice.one_of<unsigned>({2, 16, 256});
    options.driver.trailing_entries = dice.one_of<std::size_t>({0, 3, 30, 20'000});
    options.driver.memory_bytes = dice.one_of<std::size_t>({1, 300, 3000, 8U << 20U});
    options.driver.install_timeout = Driver::Time(dice.one_of<int>({500, 5000, 600'000}));
    options.snapshot_log_bytes = dice.one_of<std::size_t>({500, 3000, 10'000, 64U << 20U});
    options.message_bytes_max = dice.one_of<std::size_t>({200, 1U << 20U});
    options.backlog_max = dice.one_of<std::size_t>({1, 4, 64});
    options.in_flight_entries_max = dice.one_of<std::size_t>({4, 4096});
    options.catch_up_max = Driver::Time(dice.one_of<int>({500, 5000}));
    return options;
}

// Applications and replicas know of each other: none is to hear of the other's end.
SimulatedCluster::~SimulatedCluster() {
    for (const auto& seat : seats_) {
        seat->disk.give_up_snapshot();
        seat->replica.reset();
        seat->application.reset();
    }
}

void SimulatedCluster::found(std::size_t size) {
    std::vector<Member> members;
    for (std::size_t i = 0; i < size; ++i) {
        const auto& seat = make_seat();
        members.push_back({seat.id(), "member" + std::to_string(number(seat.id()))});
    }
    for (const auto& seat : seats_) seat->disk.found(members);
    for (const auto& seat : seats_) start(*seat);
}

SimulatedCluster::Seat& SimulatedCluster::add() {
    auto& seat = make_seat();
    start(seat);
    return seat;
}

SimulatedCluster::Seat& SimulatedCluster::make_seat() {
    const MemberId id{seats_.size() + 1};
    seats_.push_back(std::make_unique<Seat>(world_, record_, network_, id));
    auto& seat = *seats_.back();
    seat.machine.watch([this, &seat] { bury(seat); }, [this, &seat] { look(seat); });
    seat.disk.persisted = [&seat](std::uint64_t sequence) { seat.replica->persisted(sequence); };
    return seat;
}

void SimulatedCluster::start(Seat& seat) {
    if (seat.is_running()) return;
    world_.note("start", number(seat.id()));
    seat.machine.begin_life();
    auto found = seat.disk.open();
    seat.application = make_(seat);
    const auto callbacks = seat.application->callbacks();
    seat.room_changed = callbacks.room;
    if (found.snapshot) {
        std::size_t i = 0;
        const auto& chunks = found.snapshot->chunks;
        const auto swap = callbacks.build([&](std::string& chunk) {
            if (i == chunks.size()) return false;
            chunk = chunks[i++];
            return true;
        });
        demand(swap.has_value(), "a snapshot that cannot be restored");
        swap.value()();
    }
    seat.applied = Index{0};
    seat.armed = Driver::Time{-1};
    auto options = options_;
    options.driver.id = seat.id();
    options.driver.address = "member" + std::to_string(number(seat.id()));
    options.driver.seed = static_cast<unsigned>(world_.dice.number());
    auto& machine = seat.machine;
    seat.replica = std::make_unique<Replica>(
        options,
        Replica::Surroundings{seat.disk,
                              &seat.endpoint,
                              [&machine] { return machine.local_time(); },
                              [this, &seat] {
                                  seat.machine.post(world_.dice.time(0us, 50us),
                                                    [&seat] { seat.replica->end_turn(); });
                              },
                              [this, &seat] { rearm(seat); }},
        callbacks);
    seat.application->started(*seat.replica);
    machine.post(0us, [&seat, found = std::move(found)] {
        seat.replica->start(found.restored, found.log_bytes);
    });
}

void SimulatedCluster::bury(Seat& seat) {
    world_.count("kill", number(seat.id()));
    const auto& counters = seat.replica->counters();
    world_.tally["snapshot"] += counters.snapshots.value();
    world_.tally["failed snapshot"] += counters.failed_snapshots.value();
    world_.tally["install"] += counters.installs.value();
    world_.tally["failed install"] += counters.failed_installs.value();
    world_.tally["proposal refused"] += counters.refused.value();
    world_.tally["backlog dropped"] += counters.backlog_dropped.value();
    world_.tally["leader suspected"] += counters.suspicions.value();
    seat.machine.end_life();
    seat.disk.crash();
    seat.endpoint.crash();
    seat.application.reset();
    seat.replica.reset();
    if (buried) buried(seat);
}

// What a process notices a little later.
void SimulatedCluster::set_room(Seat& seat, Room room) {
    seat.disk.set_room(room);
    seat.machine.post(world_.dice.latency(200us), [&seat] {
        if (seat.room_changed) seat.room_changed();
    });
}

void SimulatedCluster::move_clock(Seat& seat, Driver::Time by) {
    seat.machine.set_clock_ahead(by);
    seat.machine.post(0us, [this, &seat] {
        seat.armed = Driver::Time{-1};
        rearm(seat);
    });
}

void SimulatedCluster::look(Seat& seat) {
    if (!seat.replica) return;
    const auto& standing = seat.replica->standing();
    if (standing.leader != MemberId{0}) record_.leads(standing.term, standing.leader);
    demand(seat.replica->applied() >= seat.applied, "the applied index went back");
    seat.applied = seat.replica->applied();
    demand(standing.term <= seat.disk.vote().term, "a term that is not on disk");
}

void SimulatedCluster::rearm(Seat& seat) {
    const auto deadline = seat.replica->deadline();
    if (deadline == seat.armed) return;
    seat.armed = deadline;
    const auto timer = ++seat.timers;
    if (deadline == Driver::Time::max()) return;
    seat.machine.post_at(seat.machine.when(deadline), [this, &seat, timer] {
        if (timer != seat.timers) return;
        seat.armed = Driver::Time{-1};
        seat.replica->timeout();
        rearm(seat);
    });
}

SimulatedCluster::Seat& SimulatedCluster::at(MemberId id) const {
    return *seats_.at(number(id) - 1);
}

SimulatedCluster::Seat* SimulatedCluster::leader() const {
    Seat* found = nullptr;
    for (const auto& seat : seats_) {
        if (!seat->replica || seat->replica->standing().role != Role::leader) continue;
        if (found == nullptr || found->replica->standing().term < seat->replica->standing().term) {
            found = seat.get();
        }
    }
    return found;
}

bool SimulatedCluster::has_converged() const {
    const auto* const leading = leader();
    if (leading == nullptr) return false;
    const auto& replica = *leading->replica;
    if (replica.applied() != replica.last()) return false;
    const auto members = replica.members();
    return std::all_of(members.begin(), members.end(), [&](const MemberStatus& status) {
        const auto& seat = at(status.member.id);
        return seat.replica && seat.replica->applied() == replica.applied();
    });
}

}  // namespace coord
