#pragma once
// /v1/agent, what is asked of it: this agent, what is registered here, and how it fares.
//
// Fed by:  Router.
// Thread:  http; what is registered here is read on the agent thread.

#include "coord/base/async.hpp"
#include "http/message.hpp"

namespace http {

struct Api;

coord::Task<Response> get_self(Api& api, const Request& request);
coord::Task<Response> get_version(Api& api, const Request& request);
coord::Task<Response> get_members(Api& api, const Request& request);
coord::Task<Response> get_local_services(Api& api, const Request& request);
coord::Task<Response> get_local_service(Api& api, const Request& request);
coord::Task<Response> get_local_checks(Api& api, const Request& request);
coord::Task<Response> get_health_by_id(Api& api, const Request& request);
coord::Task<Response> get_health_by_name(Api& api, const Request& request);
coord::Task<Response> put_leave(Api& api, const Request& request);
coord::Task<Response> put_reload(Api& api, const Request& request);
// /v1/roster/journal: why the catalog changed.
coord::Task<Response> get_journal(Api& api, const Request& request);

}  // namespace http
