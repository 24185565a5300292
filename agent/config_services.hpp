#pragma once
// Services and checks, as configurations and files of services.d declare them.
//
// Fed by:  config.cpp.
// Thread:  any.
// Fails:   ConfigErrors, through the reader.

#include "agent/config_table.hpp"

namespace agent {

void read_services(TableReader& in, ServicesFile& out, Scripts scripts);

}  // namespace agent
