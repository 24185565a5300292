#pragma once
// An existing ensemble: which servers it has, and which of them leads.
//
// Fed by:  the connection string; main, whenever the session is connected: when another server comes
//          to lead, every server closes its connections, so that is often enough.
// Read by: http, for the status (any thread: a mutex guards who leads).
// Thread:  agent.
// Source:  ZooKeeper administrator's guide, "srvr", the one word that is answered by default.
// Fails:   nothing: of servers that do not answer nobody is known to lead.

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

namespace agent {

struct EnsembleOptions {
    std::chrono::milliseconds answer_timeout{1000};  // of one server
    std::chrono::milliseconds ask_again{1000};       // when none of them leads
    int rounds_max = 10;
};

class Ensemble {
public:
    // `connect` has been read by the client: it is a connection string.
    Ensemble(boost::asio::io_context& io, const std::string& connect, EnsembleOptions options = {});
    ~Ensemble();
    Ensemble(const Ensemble&) = delete;
    Ensemble& operator=(const Ensemble&) = delete;

    // Asks the servers which of them leads, until one does.
    void find_leader();
    void stop();

    [[nodiscard]] const std::vector<std::string>& servers() const;  // "zk1:2181"
    // One of servers(); empty: none said so. Of any thread.
    [[nodiscard]] std::string leader() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
