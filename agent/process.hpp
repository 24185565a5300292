#pragma once
// What the kernel says of this process, under Prometheus' standard names.
//
// Fed by:  /proc/self, read at every call.
// Read by: http/metrics_api.
// Thread:  any.
// Source:  Prometheus, "Writing client libraries", process metrics.

#include "coord/base/metrics.hpp"

#include <vector>

namespace agent {

std::vector<coord::Metric> process_metrics();

}  // namespace agent
