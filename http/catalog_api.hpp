#pragma once
// /v1/catalog: every service and node of the datacenter, and entries that no agent holds.
//
// Fed by:  Router.
// Thread:  http. Reads come from CatalogView; writes hop to the agent.

#include "coord/base/async.hpp"
#include "http/message.hpp"

namespace http {

struct Api;

coord::Task<Response> get_datacenters(Api& api, const Request& request);
coord::Task<Response> get_nodes(Api& api, const Request& request);
coord::Task<Response> get_services(Api& api, const Request& request);
coord::Task<Response> get_catalog_service(Api& api, const Request& request);
coord::Task<Response> get_node(Api& api, const Request& request);
coord::Task<Response> get_node_services(Api& api, const Request& request);
// catalog/connect, catalog/gateway-services, health/connect and health/ingress: no mesh, no
// instances.
coord::Task<Response> get_mesh_services(Api& api, const Request& request);
coord::Task<Response> put_catalog_register(Api& api, const Request& request);
coord::Task<Response> put_catalog_deregister(Api& api, const Request& request);

}  // namespace http
