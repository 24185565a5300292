#pragma once
// [dns.forward] of the configuration.
//
// Fed by:  config.cpp, with that table.
// Thread:  any; pure.
// Fails:   the errors go to the reader; a key that failed leaves its default.

#include "agent/config_table.hpp"

namespace agent {

void read_dns_forward(TableReader& in, DnsForwardConfig& forward);

}  // namespace agent
