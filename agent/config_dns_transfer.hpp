#pragma once
// [[dns.transfer]] of the configuration, and the limits of transfers.
//
// Fed by:  config_dns.cpp.
// Thread:  any.
// Fails:   ConfigErrors, through the reader.

#include "agent/config_table.hpp"

namespace agent {

void read_dns_transfers(TableReader& in, DnsConfig& dns);

}  // namespace agent
