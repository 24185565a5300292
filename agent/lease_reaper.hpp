#pragma once
// Ends what DNS UPDATE has registered for a while only, when that while is over.
//
// Fed by:  Catalog and DynamicNames, with their publications.
// Thread:  agent.
// Holds:   every agent reaps, and what it finds expired is removed under its version: exactly once,
//          and never what was renewed meanwhile. Each agent waits a moment of its own first, so that
//          one of them does the work and the others see that it is done.
// Fails:   what cannot be removed now is tried again a second later.

#include "agent/catalog.hpp"
#include "agent/dynamic_names.hpp"
#include "coord/client/client.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace agent {

class LeaseReaper {
public:
    // `node`: this agent's, of which its moment is made. `clock_ms`: milliseconds since 1970.
    LeaseReaper(boost::asio::io_context& io,
                coord::Client& client,
                std::string node,
                std::function<std::int64_t()> clock_ms);
    ~LeaseReaper();
    LeaseReaper(const LeaseReaper&) = delete;
    LeaseReaper& operator=(const LeaseReaper&) = delete;

    void watch(const Publication& publication);
    void watch(const DynamicPublication& publication);
    void stop();

    // Of any thread.
    [[nodiscard]] std::vector<coord::Metric> metrics() const;

private:
    struct State;
    std::shared_ptr<State> state_;
};

}  // namespace agent
