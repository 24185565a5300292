#pragma once
// /v1/health: instances with their checks, and checks by service, node and state.
//
// Fed by:  Router.
// Thread:  http. Everything comes from CatalogView.

#include "coord/base/async.hpp"
#include "http/message.hpp"

namespace http {

struct Api;

coord::Task<Response> get_health_service(Api& api, const Request& request);
coord::Task<Response> get_health_checks(Api& api, const Request& request);
coord::Task<Response> get_health_node(Api& api, const Request& request);
coord::Task<Response> get_health_state(Api& api, const Request& request);

}  // namespace http
