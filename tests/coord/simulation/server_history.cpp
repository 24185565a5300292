#include "tests/coord/simulation/server_history.hpp"

#include <algorithm>
#include <utility>

namespace coord {

namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr SimulatedTime recovery_max = 60s;

ServerOptions draw_server_options(Dice& dice) {
    ServerOptions options;
    options.tick = std::chrono::milliseconds(dice.one_of<int>({50, 100, 200}));
    options.session_timeout_min = 100ms;
    options.leaderless_max = std::chrono::milliseconds(dice.one_of<int>({300, 1500, 5000}));
    options.outstanding_per_connection_max = dice.one_of<std::size_t>({1, 3, 1000});
    options.forwarded_bytes_max = dice.one_of<std::size_t>({40'000, 1U << 20U});
    return options;
}

}  // namespace

ServerHistory::ServerHistory(SimulatedWorld& world)
    : world_(world),
      options_(draw_server_options(world.dice)),
      network_(world),
      cluster_(world,
               raft_,
               draw_replica_options(world.dice),
               [this](SimulatedCluster::Seat& seat) {
                   return std::make_unique<SimulatedServer>(records_, network_, seat, options_);
               }),
      faults_(cluster_),
      client_records_{world, cluster_, network_, model_, registers_},
      pause_max_(world.dice.time(50ms, 1500ms)) {
    model_.applied = [this](Zxid zxid, const TreeModel::Applied& command) {
        applied(zxid, command);
    };
}

void ServerHistory::run() {
    cluster_.found(world_.dice.one_of<std::size_t>({1, 3, 3, 3, 5}));
    const auto count = world_.dice.between(2, 4);
    for (std::uint64_t i = 1; i <= count; ++i) {
        clients_.push_back(std::make_unique<SimulatedClient>(client_records_, i));
        clients_.back()->start();
    }
    faults_.begin();
    disturb_clients();
    run_until(world_.dice.time(1s, 4s));
    faults_.stop();
    calm_since_ = world_.clock.now();
    recover();
    judge();
    cluster_.buried = nullptr;
    for (const auto& seat : cluster_.seats()) cluster_.kill(*seat);
    world_.tally["command applied"] += static_cast<std::uint64_t>(model_.last());
    world_.tally["snapshots compared"] += records_.snapshots.size();
}

void ServerHistory::applied(Zxid, const TreeModel::Applied& command) {
    const auto session = client_records_.sessions.find(command.session);
    if (session != client_records_.sessions.end()) session->second->applied(command);
    if (command.op == OpCode::expire_session) judge_expiry(command);
}

void ServerHistory::judge_expiry(const TreeModel::Applied& command) const {
    if (command.error != Errc::ok) {
        ++world_.tally["void expiry"];
        return;
    }
    ++world_.tally["session expired"];
    contacts_.judge_expiry(MemberId{command.member},
                           command.session,
                           command.timeout,
                           Driver::Time(command.time_ms - SimulatedServer::wall_ahead_ms));
    for (const auto& client : clients_) {
        if (!calm_since_ || client->session() != command.session) continue;
        const auto since = std::max(*calm_since_, client->pings_since());
        demand(world_.clock.now() - since < client->timeout() + 4 * options_.tick,
               "a session expired whose client pings");
    }
}

// ---- what goes wrong

void ServerHistory::disturb_clients() {
    world_.clock.after(world_.dice.time(1ms, pause_max_), [this] {
        if (calm_since_) return;
        disturb(*clients_.at(world_.dice.below(clients_.size())));
        disturb_clients();
    });
}

void ServerHistory::disturb(SimulatedClient& client) {
    switch (world_.dice.below(6)) {
        case 0: ++world_.tally["client drops"]; return client.drop();
        case 1: ++world_.tally["client falls silent"]; return client.silence();
        case 2: ++world_.tally["client stalls"]; return client.stall(world_.dice.time(10ms, 4s));
        case 3: ++world_.tally["client vanishes"]; return client.abandon();
        case 4: ++world_.tally["client closes"]; return client.close_session();
        default: return;
    }
}

// ---- recovery

void ServerHistory::run_until(SimulatedTime time) {
    while (world_.clock.now() < time && world_.clock.run_next()) {
    }
}

template <class Condition>
void ServerHistory::run_to(Condition condition, const char* what) {
    const auto end = world_.clock.now() + recovery_max;
    while (!condition()) {
        demand(world_.clock.now() < end, what);
        run_until(world_.clock.now() + 10ms);
    }
}

void ServerHistory::recover() {
    std::vector<std::uint64_t> before;
    for (const auto& client : clients_) before.push_back(client->writes_answered());
    const auto has_written = [&](std::size_t i) {
        return clients_[i]->writes_answered() > before[i];
    };
    run_to(
        [&] {
            for (std::size_t i = 0; i < clients_.size(); ++i) {
                if (!has_written(i)) return false;
            }
            return true;
        },
        "a client does not get its writes answered again");
    for (const auto& client : clients_) client->finish();
    run_to([this] { return is_settled(); }, "the servers and their clients do not agree again");
    run_to([this] { return have_looked_round() && is_settled(); },
           "a client cannot read everything");
}

// The sessions that are left are those of the clients.
bool ServerHistory::is_settled() const {
    if (!cluster_.has_converged()) return false;
    return model_.sessions().size() == clients_.size() &&
           std::all_of(clients_.begin(), clients_.end(), [this](const auto& client) {
               return client->is_idle() && model_.sessions().contains(client->session());
           });
}

bool ServerHistory::have_looked_round() {
    bool all = true;
    for (const auto& client : clients_) {
        if (client->has_looked_round()) continue;
        all = false;
        if (client->is_idle()) client->look_round();
    }
    return all;
}

// ---- judgement

void ServerHistory::judge() {
    std::optional<std::string> bytes;
    for (const auto& status : cluster_.leader()->replica->members()) {
        auto& server = static_cast<SimulatedServer&>(*cluster_.at(status.member.id).application);
        demand(server.state().last_zxid() == model_.last(), "a server lags in the end");
        judge_state(server);
        auto snapshot = server.snapshot();
        if (!snapshot) continue;
        demand(!bytes || *bytes == *snapshot, "two servers' states differ in the end");
        bytes = std::move(snapshot);
    }
    judge_registers();
}

void ServerHistory::judge_state(const SimulatedServer& server) const {
    std::size_t ephemerals = 0;
    for (const auto& path : model_.paths()) {
        if (path == "/" || path == members_path) continue;
        const auto& znode = *model_.find(path, model_.last());
        const auto owner = znode.stat.ephemeral_owner;
        demand(owner == SessionId{} || model_.sessions().contains(owner),
               "an ephemeral znode outlived its session");
        ephemerals += owner == SessionId{} ? 0 : 1;
        std::string body;
        Encoder out(body);
        ReadRequest{path, false}.encode(out);
        const auto read = server.state().read(OpCode::get_data, body, SessionId{}, {});
        Decoder in(read.body);
        demand(read.error == Errc::ok && in.buffer() == std::string_view(znode.data) &&
                   in.stat() == znode.stat,
               "a znode that is another in the end");
    }
    constexpr std::size_t others =
        3;  // "/zookeeper" and its children; "/" and config are in paths()
    demand(server.state().znode_count() == model_.paths().size() + others - 1,
           "a znode too many or too few in the end");
    demand(server.state().ephemeral_count() == ephemerals, "ephemerals are miscounted");
    demand(server.state().sessions().size() == model_.sessions().size(),
           "a session too many or too few in the end");
}

void ServerHistory::judge_registers() {
    for (const auto& [path, calls] : registers_.of_each()) {
        world_.tally["register call"] += calls.size();
        const auto verdict = judge_register(calls);
        demand(verdict != Linearizability::broken, "a register is not linearizable");
        ++world_
              .tally[verdict == Linearizability::holds ? "register judged" : "register undecided"];
    }
}

}  // namespace coord
