#pragma once
// What an operator does with the servers that form the core, in Consul's words where it has some.
//
// Fed by:  Router.
// Read by: operators, `roster members` and `roster snapshot`.
// Thread:  http; the core is asked by way of the agent thread.
// Fails:   400 for an order that makes no sense, 404 for a server nobody knows, 409 for what is not
//          to be done now, 503 for what nobody can do now; 501 at an agent that has no core. The
//          sentence says what to do.

#include "http/router.hpp"

namespace http {

coord::Task<Response> get_raft_configuration(Api& api, const Request& request);
coord::Task<Response> put_raft_peer(Api& api, const Request& request);     // ?address=
coord::Task<Response> delete_raft_peer(Api& api, const Request& request);  // ?id= or ?address=
coord::Task<Response> put_raft_promote(Api& api, const Request& request);  // likewise
coord::Task<Response> put_raft_demote(Api& api, const Request& request);   // likewise
coord::Task<Response> get_snapshot(Api& api, const Request& request);      // ?stale

}  // namespace http
