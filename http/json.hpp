#pragma once
// Every object of Consul's API as JSON, and the one place where a Rejection becomes a status.
//
// Fed by:  agent's values and views.
// Read by: every *_api; Filter, which looks at the same objects that are sent.
// Thread:  any; pure functions.
// Holds:   lists that clients range over are [] and not null; zero values of a check's Definition
//          are left out; names and order are Go's.

#include "agent/catalog.hpp"
#include "agent/journal.hpp"
#include "agent/kv.hpp"
#include "agent/registrar.hpp"
#include "http/message.hpp"

#include <boost/json/fwd.hpp>

#include <cstdint>
#include <string>
#include <string_view>

namespace http {

namespace json = boost::json;

// 200 with `value` as the body; ?pretty is Consul's four spaces and a final newline.
Response reply(const Request& request, const json::value& value);
std::string pretty(const json::value& value);
// Any bytes as a JSON string: what is not UTF-8 becomes U+FFFD, as Go's encoder does it.
json::string text(std::string_view from);

Response reject(const agent::Rejection& rejection);

json::object encode_node(const agent::NodeView& node);
// Of an instance whose node is not known: what its own record says of it.
json::object encode_node_of(const agent::InstanceView& instance);
// The agent form; `with_index` as in health/service and catalog/node.
json::object encode_service(const agent::ServiceDefinition& service);
json::object encode_service(const agent::InstanceView& instance);
json::object encode_catalog_service(const agent::InstanceView& instance);

// Whose check it is; empty service: the node's.
struct CheckOwner {
    std::string_view node;
    std::string_view service_id;
    std::string_view service_name;
    const std::vector<std::string>* tags = nullptr;
    std::uint64_t create_index = 0;
    std::uint64_t modify_index = 0;
};
json::object encode_check(const agent::Check& check, const CheckOwner& owner);
// The critical pseudo check that says a service (or, without one, a node) is in maintenance.
json::object encode_maintenance(const agent::Maintenance& maintenance, const CheckOwner& owner);

// Node checks first: serfHealth of a node that an agent holds, maintenance, the rest.
json::array encode_node_checks(const agent::NodeView& node);
json::array encode_instance_checks(const agent::InstanceView& instance);
// health/service: {Node, Service, Checks}.
json::object encode_service_entry(const agent::InstanceView& instance);

json::object encode_kv(const agent::KvEntry& entry);
json::object encode_journal(const agent::JournalEntry& entry);

// "passing", "warning", "critical" or "maintenance".
std::string_view aggregate_word(agent::Health health, bool maintenance);
std::string base64(std::string_view bytes);

}  // namespace http
