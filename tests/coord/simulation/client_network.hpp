#pragma once
// The connections between simulated clients and servers.
//
// Fed by:  SimulatedClient and SimulatedServer, the two ends; the faults.
// Thread:  the test's.
// Holds:   as TCP: what arrives is in order and without a gap; a close arrives behind what was sent
//          before it. A connection may fall silent: then nothing arrives any more, and nobody is told.

#include "tests/support/simulated_cluster.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <utility>

namespace coord {

struct ClientLink {
    struct ClientEnd {
        std::function<void(const std::string& bytes)> received;
        std::function<void()> closed;
    };

    std::uint64_t number = 0;
    SimulatedCluster::Seat& server;
    ClientEnd client;
    SimulatedTime up{};  // arrival of the last that was sent
    SimulatedTime down{};
    bool is_silent = false;
    bool has_client = true;  // its end is open
    bool has_server = true;
};
using ClientLinkPtr = std::shared_ptr<ClientLink>;

class ClientNetwork {
public:
    explicit ClientNetwork(SimulatedWorld& world) : world_(world) {}

    // Of the client's end.
    ClientLinkPtr connect(SimulatedCluster::Seat& to, ClientLink::ClientEnd client);
    void send(const ClientLinkPtr& link, std::string frame);
    void close(const ClientLinkPtr& link);

    // Of the server's.
    void answer(const ClientLinkPtr& link, std::string bytes);
    void end(const ClientLinkPtr& link);
    void crash(const ClientLinkPtr& link);  // the process is gone

private:
    template <class Job>
    void upwards(const ClientLinkPtr& link, Job job);
    template <class Job>
    void downwards(const ClientLinkPtr& link, Job job);

    SimulatedWorld& world_;
    std::uint64_t links_ = 0;
};

}  // namespace coord
