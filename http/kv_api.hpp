#pragma once
// /v1/kv: keys are opaque, a missing one is 404 with the headers of a read.
//
// Fed by:  Router.
// Thread:  http. Reads come from KvView; writes hop to the agent and return when the view has them.
// Fails:   413 for a value above 512 KiB; 400 for exclusive or bad parameters.

#include "coord/base/async.hpp"
#include "http/message.hpp"

namespace http {

struct Api;

coord::Task<Response> get_kv(Api& api, const Request& request);
coord::Task<Response> put_kv(Api& api, const Request& request);
coord::Task<Response> delete_kv(Api& api, const Request& request);

}  // namespace http
