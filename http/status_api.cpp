#include "http/status_api.hpp"

#include "http/api.hpp"
#include "http/json.hpp"

#include <boost/json.hpp>

namespace http {
namespace {

CoordStatus coord_status(const Api& api) {
    return api.options.coord_status ? api.options.coord_status() : CoordStatus{};
}

}  // namespace

coord::Task<Response> get_root(Api& api, const Request&) {
    co_return plain(200, "Roster " + api.options.version + ": the HTTP API is below /v1/\n");
}

coord::Task<Response> get_leader(Api& api, const Request& request) {
    const auto status = coord_status(api);
    co_return reply(
        request, json::value(status.known_leader ? json::string(status.leader) : json::string()));
}

coord::Task<Response> get_peers(Api& api, const Request& request) {
    json::array peers;
    for (const auto& peer : coord_status(api).peers) peers.emplace_back(peer);
    co_return reply(request, peers);
}

coord::Task<Response> refuse_acl(Api&, const Request&) {
    co_return plain(401, "ACL support disabled");
}

}  // namespace http
