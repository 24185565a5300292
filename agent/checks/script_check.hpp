#pragma once
// A script check: exit code 0 passes, 1 warns, anything else is critical.
//
// Fed by:  CheckRunner.
// Thread:  agent.
// Holds:   the script has a process group of its own, which is killed at its timeout (default 30 s)
//          or when its check goes. It finds ROSTER_SERVICE (the service's id; empty for a check of
//          the node), ROSTER_CHECK and ROSTER_CHECK_NAME in its environment. The last
//          `output_bytes_max` bytes of what it prints are kept.
// Fails:   a status with a sentence as its output.
// Source:  Consul's script check.

#include "agent/checks/probe.hpp"

#include <boost/asio/io_context.hpp>

#include <memory>

namespace agent {

class ChildProcess;

class ScriptCheck : public Probe {
public:
    ScriptCheck(boost::asio::io_context& io, CheckDefinition definition);
    ~ScriptCheck() override;

    coord::Task<ProbeResult> run() override;
    void cancel() override;

private:
    boost::asio::io_context& io_;
    CheckDefinition definition_;
    std::shared_ptr<ChildProcess> child_;  // While a run is under way.
};

}  // namespace agent
