#pragma once
// A TCP check: a connection that comes about passes; with TLS, after the handshake.
//
// Fed by:  CheckRunner.
// Thread:  agent.
// Fails:   a status with a sentence as its output.
// Source:  Consul's TCP check.

#include "agent/checks/probe.hpp"

#include <boost/asio/io_context.hpp>

namespace agent {

class TcpCheck : public Probe {
public:
    TcpCheck(boost::asio::io_context& io, CheckDefinition definition);

    coord::Task<ProbeResult> run() override;

private:
    boost::asio::io_context& io_;
    CheckDefinition definition_;
};

}  // namespace agent
