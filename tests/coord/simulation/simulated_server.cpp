#include "tests/coord/simulation/simulated_server.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

using std::chrono_literals::operator""us;

constexpr std::uint64_t entries_between_comparisons = 16;

ServerOptions complete(ServerOptions options, SimulatedCluster::Seat& seat) {
    options.transport = &seat.endpoint;
    options.wall_clock_ms = [&machine = seat.machine] {
        return SimulatedServer::wall_ahead_ms + machine.local_time().count();
    };
    return options;
}

}  // namespace

SimulatedServer::SimulatedServer(ServerRecords& records,
                                 ClientNetwork& network,
                                 SimulatedCluster::Seat& seat,
                                 ServerOptions options)
    : records_(records),
      network_(network),
      seat_(seat),
      options_(complete(std::move(options), seat)),
      core_(
          options_,
          counters_,
          {[this] { return seat_.id(); },
           [this] { return replica_->standing(); },
           [this] { return replica_->members(); },
           [this] { return replica_->has_room(); },
           [this](const ServerCore::Entry& entry) { return replica_->propose(entry).has_value(); },
           [this](MemberId to, std::string letter) {
               return replica_->send_letter(to, std::move(letter));
           },
           [this] { wake(); },
           [this] { return now(); }}) {}

SimulatedServer::~SimulatedServer() {
    for (const auto& [number, connection] : connections_) network_.crash(connection->link);
    auto& tally = seat_.machine.world().tally;
    tally["entry repeated"] += counters_.entries_repeated.value();
    tally["write refused without room"] += counters_.writes_refused.value();
    tally["entry forwarded"] += counters_.forwarded.value();
    tally["forwarded entry dropped"] += counters_.forwarded_dropped.value();
    tally["writes sent again"] += counters_.sent_again.value();
    tally["write of unknown fate"] += counters_.dropped_unknown_fate.value();
    tally["session moved"] += counters_.sessions_moved.value();
    tally["client ahead of its server"] += counters_.refused_zxid.value();
}

ServerCore::Time SimulatedServer::now() const {
    return ServerCore::Time(seat_.machine.local_time());
}

Application SimulatedServer::callbacks() {
    core_.processor().set_member(seat_.id());
    calls_ = core_.application();
    auto outer = calls_;
    outer.apply = [this](Index index, Term term, std::string_view entry) {
        apply(index, term, entry);
    };
    outer.standing_changed = [this](const Standing& standing) {
        const bool leads = standing.role == Role::leader;
        if (std::exchange(is_leading_, leads) != leads) {
            records_.contacts.began_anew(seat_.id(), seat_.machine.local_time());
        }
        seat_.machine.world().note(
            "standing", number(seat_.id()), number(standing.term), number(standing.leader));
        calls_.standing_changed(standing);
    };
    outer.letter = [this](MemberId from, std::string_view letter) {
        note_letter(letter);
        calls_.letter(from, letter);
    };
    outer.cut_snapshot = [this] { return cut_snapshot(); };
    outer.build = [this](const Disk::Chunks& next) { return build(next); };
    return outer;
}

void SimulatedServer::started(Replica& replica) {
    replica_ = &replica;
    tick();
}

void SimulatedServer::apply(Index index, Term term, std::string_view entry) {
    auto& model = records_.model;
    if (index > model.index()) model.apply(index, term, entry);
    const auto before = state().last_zxid();
    calls_.apply(index, term, entry);
    const auto zxid = state().last_zxid();
    seat_.machine.world().note(
        "applied", number(seat_.id()), number(index), static_cast<std::uint64_t>(zxid));
    records_.raft.applied(index, {term, RaftRecord::hash(entry), static_cast<std::uint64_t>(zxid)});
    demand(index < model.index() || zxid == model.last(), "the state is not that of the log");
    note_contacts(before);
    if (number(index) % entries_between_comparisons != 0) return;
    if (const auto bytes = snapshot()) {
        const auto [at, is_new] = records_.snapshots.try_emplace(index, *bytes);
        demand(at->second == *bytes, "two servers' states differ");
    }
}

void SimulatedServer::note_contacts(Zxid from) {
    const auto end = static_cast<std::int64_t>(state().last_zxid());
    for (auto zxid = static_cast<std::int64_t>(from) + 1; zxid <= end; ++zxid) {
        const auto& command = records_.model.at(Zxid{zxid});
        const bool is_sign =
            command.op == OpCode::create_session || command.op == OpCode::attach_session;
        if (!is_sign || command.error != Errc::ok) continue;
        records_.contacts.heard(seat_.id(), command.session, seat_.machine.local_time());
    }
}

void SimulatedServer::note_letter(std::string_view letter) {
    const auto read = decode_letter(letter);
    const auto* const touches = read ? std::get_if<Touches>(&*read) : nullptr;
    if (touches == nullptr || !core_.processor().is_leading()) return;
    for (const auto session : touches->sessions) {
        records_.contacts.heard(seat_.id(), session, seat_.machine.local_time());
    }
}

Result<Disk::Swap> SimulatedServer::build(const Disk::Chunks& next) {
    const auto swap = calls_.build(next);
    demand(swap.has_value(), "a snapshot that cannot be restored");
    return Disk::Swap([this, swap] {
        swap.value()();
        records_.contacts.began_anew(seat_.id(), seat_.machine.local_time());
        seat_.machine.world().note(
            "restored", number(seat_.id()), static_cast<std::uint64_t>(state().last_zxid()));
    });
}

Disk::Slices SimulatedServer::cut_snapshot() {
    const auto token = std::make_shared<int>();
    taking_ = token;
    return [token, slices = calls_.cut_snapshot()](std::string& out, std::size_t items) {
        return slices(out, items);
    };
}

std::optional<std::string> SimulatedServer::snapshot() {
    if (!taking_.expired()) return std::nullopt;
    std::string bytes;
    const auto slices = core_.processor().cut_snapshot();
    while (slices(bytes, 1000)) {
    }
    return bytes;
}

void SimulatedServer::accept(const ClientLinkPtr& link) {
    const auto connection = std::make_shared<Connection>();
    connection->link = link;
    connection->address = "client";
    connection->command.ids.push_back({"ip", "10.0.0.1"});
    connections_.emplace(link->number, connection);
}

void SimulatedServer::receive(const ClientLink& link, const std::string& frame) {
    auto& connection = *connections_.at(link.number);
    core_.processor().heard(connection, now());
    if (connection.phase == Phase::open) {
        records_.contacts.heard(seat_.id(), connection.command.session, seat_.machine.local_time());
    }
    connection.inbox.push_back(frame);
    consume(connection);
}

void SimulatedServer::hang_up(const ClientLink& link) {
    const auto at = connections_.find(link.number);
    if (at == connections_.end()) return;
    core_.processor().forget(*at->second);
    connections_.erase(at);
}

void SimulatedServer::consume(Connection& connection) {
    while (!connection.inbox.empty() && core_.processor().listens_to(connection)) {
        const auto frame = std::move(connection.inbox.front());
        connection.inbox.pop_front();
        core_.processor().take(connection, frame);
    }
}

void SimulatedServer::wake() {
    if (std::exchange(is_awake_, true)) return;
    auto& machine = seat_.machine;
    machine.post(machine.world().dice.time(0us, 50us), [this] { end_turn(); });
}

// In an order that does not depend on where in memory the connections are.
void SimulatedServer::end_turn() {
    is_awake_ = false;
    std::vector<std::shared_ptr<Connection>> all;
    for (const auto& conversation : core_.end_turn()) {
        all.push_back(std::static_pointer_cast<Connection>(conversation));
    }
    std::sort(all.begin(), all.end(), [](const auto& a, const auto& b) {
        return a->link->number < b->link->number;
    });
    for (const auto& connection : all) end_turn_of(*connection);
    for (const auto& [number, connection] : connections_) consume(*connection);
}

void SimulatedServer::end_turn_of(Connection& connection) {
    connection.dirty = false;
    if (connection.phase == Phase::gone) return;
    if (!connection.out.empty()) {
        if (!seat_.machine.operate()) return;
        network_.answer(connection.link, std::exchange(connection.out, {}));
    }
    if (connection.phase != Phase::ending) return;
    network_.end(connection.link);
    hang_up(*connection.link);
}

void SimulatedServer::tick() {
    core_.tick();
    seat_.machine.post(options_.tick / 2, [this] { tick(); });
}

}  // namespace coord
