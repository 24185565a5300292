#pragma once
// /v1/status: who leads, and who the peers are. And "/", for whoever looks in with a browser.
//
// Fed by:  Router.
// Thread:  http.

#include "coord/base/async.hpp"
#include "http/message.hpp"

namespace http {

struct Api;

coord::Task<Response> get_root(Api& api, const Request& request);
coord::Task<Response> get_leader(Api& api, const Request& request);
coord::Task<Response> get_peers(Api& api, const Request& request);
// Every path of /v1/acl/: there are no ACLs.
coord::Task<Response> refuse_acl(Api& api, const Request& request);

}  // namespace http
