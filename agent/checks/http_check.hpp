#pragma once
// An HTTP check: one request; 2xx passes, 429 warns, anything else is critical.
//
// Fed by:  CheckRunner.
// Thread:  agent.
// Holds:   with `expected_status` those codes pass and no others; with `body_match` the first 64 KiB
//          of the body must contain it.
// Fails:   a status with a sentence as its output.
// Source:  Consul's HTTP check, its header fields included.

#include "agent/body_pattern.hpp"
#include "agent/checks/probe.hpp"
#include "agent/http_client.hpp"

#include <boost/asio/io_context.hpp>

#include <optional>

namespace agent {

class HttpCheck : public Probe {
public:
    HttpCheck(boost::asio::io_context& io, CheckDefinition definition);

    coord::Task<ProbeResult> run() override;

private:
    [[nodiscard]] CheckStatus judge(const HttpReply& reply) const;

    boost::asio::io_context& io_;
    CheckDefinition definition_;
    HttpRequest request_;
    std::optional<BodyPattern> pattern_;  // Unless the body may be any.
};

}  // namespace agent
