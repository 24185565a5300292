#include "tests/coord/simulation/client_network.hpp"

#include "tests/coord/simulation/simulated_server.hpp"

#include <algorithm>

namespace coord {

namespace {

using std::chrono_literals::operator""us;

constexpr SimulatedTime typical = 300us;

SimulatedServer& server_of(const ClientLink& link) {
    return static_cast<SimulatedServer&>(*link.server.application);
}

}  // namespace

template <class Job>
void ClientNetwork::upwards(const ClientLinkPtr& link, Job job) {
    link->up = std::max(link->up, world_.clock.now() + world_.dice.latency(typical));
    link->server.machine.post_at(link->up, [link, job = std::move(job)] {
        if (link->has_server && !link->is_silent) job(server_of(*link));
    });
}

template <class Job>
void ClientNetwork::downwards(const ClientLinkPtr& link, Job job) {
    link->down = std::max(link->down, world_.clock.now() + world_.dice.latency(typical));
    world_.clock.at(link->down, [link, job = std::move(job)] {
        if (link->has_client && !link->is_silent) job(link->client);
    });
}

ClientLinkPtr ClientNetwork::connect(SimulatedCluster::Seat& to, ClientLink::ClientEnd client) {
    const auto link = std::make_shared<ClientLink>(ClientLink{++links_, to, std::move(client)});
    if (to.is_running()) {
        upwards(link, [link](SimulatedServer& server) { server.accept(link); });
    } else {
        downwards(link, [](const ClientLink::ClientEnd& end) { end.closed(); });
    }
    return link;
}

void ClientNetwork::send(const ClientLinkPtr& link, std::string frame) {
    upwards(link, [link, frame = std::move(frame)](SimulatedServer& server) {
        server.receive(*link, frame);
    });
}

void ClientNetwork::close(const ClientLinkPtr& link) {
    link->has_client = false;
    upwards(link, [link](SimulatedServer& server) { server.hang_up(*link); });
}

void ClientNetwork::answer(const ClientLinkPtr& link, std::string bytes) {
    downwards(link, [bytes = std::move(bytes)](const ClientLink::ClientEnd& end) {
        end.received(bytes);
    });
}

void ClientNetwork::end(const ClientLinkPtr& link) {
    link->has_server = false;
    downwards(link, [](const ClientLink::ClientEnd& end) { end.closed(); });
}

// The kernel of a host that lives says so; one whose power is gone does not.
void ClientNetwork::crash(const ClientLinkPtr& link) {
    if (world_.dice.once_in(4)) {
        link->has_server = false;
        link->is_silent = true;
    } else {
        end(link);
    }
}

}  // namespace coord
