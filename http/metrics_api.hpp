#pragma once
// /metrics and /v1/agent/metrics: every room's samples, in Prometheus' text or Consul's JSON.
//
// Fed by:  Router; the MetricSources of ServerOptions and this room's own.
// Thread:  http; the sources may be called from any thread.
// Holds:   samples of one family stand together under one HELP and TYPE, whichever room they come
//          from.

#include "coord/base/async.hpp"
#include "coord/base/metrics.hpp"
#include "http/message.hpp"

#include <string>
#include <vector>

namespace http {

struct Api;

std::string format_prometheus(std::vector<coord::Metric> samples);

coord::Task<Response> get_metrics(Api& api, const Request& request);
coord::Task<Response> get_agent_metrics(Api& api, const Request& request);

}  // namespace http
