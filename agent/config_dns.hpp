#pragma once
// The section [dns] of the configuration.
//
// Fed by:  config.cpp.
// Thread:  any.
// Fails:   ConfigErrors, through the reader.

#include "agent/config_table.hpp"

namespace agent {

void read_dns(TableReader& in, DnsConfig& dns);

}  // namespace agent
