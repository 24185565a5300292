#pragma once
// Makes the ensemble hold what this agent wants in each of its znodes, and keeps it so.
//
// Fed by:  Registrar: which path may have changed; the client's session states.
// Read by: Registrar, which waits for paths to be reached.
// Thread:  agent.
// Holds:   a path is written only if what it holds differs from what is wanted; at most one
//          operation per path and `in_flight_max` paths at once. All znodes are ephemeral and
//          of the current session: one that an earlier session left is replaced. After a new
//          session every path is compared again; after a broken connection those that were on
//          their way.
// Fails:   nothing: what the ensemble refuses is counted, logged and tried again after a second.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "coord/client/client.hpp"

#include <boost/asio/io_context.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace agent {

struct ReconcilerOptions {
    std::size_t in_flight_max = 256;
    std::chrono::milliseconds retry_after{1000};
    // The znode by which this agent says who it is, written first. Empty: there is none.
    std::string claim;
};

// The agent that has our node's name, and keeps it as long as it lives.
struct Namesake {
    std::string id;
    std::string address;
};

class Reconciler {
public:
    // What the znode shall hold now; nothing: it shall not be.
    using Wanted = std::function<std::optional<std::string>(const std::string& path)>;
    // Told when a znode that shall not be is gone for sure.
    using Gone = std::function<void(const std::string& path)>;

    Reconciler(boost::asio::io_context& io,
               coord::Client& client,
               ReconcilerOptions options,
               Wanted wanted,
               Gone gone);
    ~Reconciler();
    Reconciler(const Reconciler&) = delete;
    Reconciler& operator=(const Reconciler&) = delete;

    // What is wanted at `path` may be different now.
    void changed(const std::string& path);
    // The same for a path of which the ensemble may hold something from before this agent started.
    void restored(const std::string& path);
    // Reads every znode again, and mends what somebody else took away or overwrote.
    void compare();
    // True once everything that was wanted at `path` when this was called is in the ensemble;
    // false after `patience`: it is still tried.
    coord::Task<bool> reached(std::string path, std::chrono::milliseconds patience);

    void on_session_state(coord::SessionState state);
    void stop();

    [[nodiscard]] bool settled() const;
    // Whom we wait for; nobody: the name is ours, or has not been asked for yet.
    [[nodiscard]] const std::optional<Namesake>& namesake() const;
    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
