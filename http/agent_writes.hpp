#pragma once
// What changes this agent: registering, deregistering, maintenance, TTL reports.
//
// Fed by:  Router.
// Read by: catalog_api, which writes the same way.
// Thread:  http; the Registrar is called on the agent thread.
// Holds:   a reply comes when the write is committed and, for at most a second, when the catalog
//          here shows it: who registers and then asks finds it.

#include "agent/registrar.hpp"
#include "coord/base/async.hpp"
#include "http/message.hpp"

#include <functional>
#include <string>
#include <vector>

namespace http {

struct Api;

using Write = std::function<coord::Task<agent::Verdict>()>;

// Runs `write` on the agent thread, waits for the catalog; `done`, or what was wrong.
coord::Task<Response> carry_out(Api& api, Write write, Response done);
// Names the fields of a body that meant nothing to us, in X-Roster-Ignored-Fields and in the log.
void add_ignored(Response& response, const std::vector<std::string>& fields);

coord::Task<Response> put_service_register(Api& api, const Request& request);
coord::Task<Response> put_service_deregister(Api& api, const Request& request);
coord::Task<Response> put_service_maintenance(Api& api, const Request& request);
coord::Task<Response> put_node_maintenance(Api& api, const Request& request);
coord::Task<Response> put_check_register(Api& api, const Request& request);
coord::Task<Response> put_check_deregister(Api& api, const Request& request);
coord::Task<Response> put_check_pass(Api& api, const Request& request);
coord::Task<Response> put_check_warn(Api& api, const Request& request);
coord::Task<Response> put_check_fail(Api& api, const Request& request);
coord::Task<Response> put_check_update(Api& api, const Request& request);

}  // namespace http
