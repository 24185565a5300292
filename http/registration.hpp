#pragma once
// The bodies of writes, read as Consul reads them and a little more kindly.
//
// Fed by:  agent_writes, catalog_api: JSON from anyone.
// Read by: Registrar, through them.
// Thread:  any; pure functions.
// Holds:   field names match whatever their case, snake_case too; null is absent; of duplicates the
//          last wins; durations are Go's text or a number of nanoseconds. Unknown fields are
//          ignored and named in `ignored`. JSON nested deeper than 32 is refused.
// Fails:   a sentence fit for a 400 reply: "Request decode failed: …".

#include "agent/service.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace http {

template <class T>
struct Decoded {
    std::optional<T> value;
    std::string error;                 // a sentence, when there is no value
    std::vector<std::string> ignored;  // fields that mean nothing to us
};

struct TtlReport {
    std::string status;
    std::string output;
};

struct CatalogRegistration {
    std::string datacenter;
    agent::NodeRecord node;
    bool skip_node_update = false;
    std::optional<agent::ServiceDefinition> service;
    std::vector<agent::Check> checks;
};

struct CatalogDeregistration {
    std::string datacenter;
    std::string node;
    std::string service_id;
    std::string check_id;
};

Decoded<agent::ServiceDefinition> decode_service(std::string_view body);
Decoded<agent::CheckDefinition> decode_check(std::string_view body);
Decoded<TtlReport> decode_ttl_report(std::string_view body);
Decoded<CatalogRegistration> decode_catalog_registration(std::string_view body);
Decoded<CatalogDeregistration> decode_catalog_deregistration(std::string_view body);

}  // namespace http
