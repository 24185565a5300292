#pragma once
// A service definition as the body of /v1/agent/service/register.
//
// Fed by:  register, with its flags or a TOML file.
// Thread:  any; a pure function.
// Source:  Consul's HTTP API for the names; what was not given is left out.

#include "agent/service.hpp"

#include <string>

namespace agent {

std::string encode_registration(const ServiceDefinition& service);

}  // namespace agent
