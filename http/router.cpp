#include "http/router.hpp"

#include "http/agent_api.hpp"
#include "http/agent_writes.hpp"
#include "http/catalog_api.hpp"
#include "http/health_api.hpp"
#include "http/kv_api.hpp"
#include "http/metrics_api.hpp"
#include "http/operator_api.hpp"
#include "http/status_api.hpp"

#include <cassert>

namespace http {
namespace {

constexpr Route table[] = {
    {.pattern = "/", .get = get_root},
    {.pattern = "/metrics", .get = get_metrics},

    {.pattern = "/v1/acl/", .get = refuse_acl, .put = refuse_acl, .remove = refuse_acl},

    {.pattern = "/v1/agent/check/deregister/", .put = put_check_deregister},
    {.pattern = "/v1/agent/check/fail/", .put = put_check_fail},
    {.pattern = "/v1/agent/check/pass/", .put = put_check_pass},
    {.pattern = "/v1/agent/check/register", .put = put_check_register},
    {.pattern = "/v1/agent/check/update/", .put = put_check_update},
    {.pattern = "/v1/agent/check/warn/", .put = put_check_warn},
    {.pattern = "/v1/agent/checks", .get = get_local_checks},
    {.pattern = "/v1/agent/health/service/id/", .get = get_health_by_id},
    {.pattern = "/v1/agent/health/service/name/", .get = get_health_by_name},
    {.pattern = "/v1/agent/leave", .put = put_leave},
    {.pattern = "/v1/agent/maintenance", .put = put_node_maintenance},
    {.pattern = "/v1/agent/members", .get = get_members},
    {.pattern = "/v1/agent/metrics", .get = get_agent_metrics},
    {.pattern = "/v1/agent/reload", .put = put_reload},
    {.pattern = "/v1/agent/self", .get = get_self},
    {.pattern = "/v1/agent/service/", .get = get_local_service},
    {.pattern = "/v1/agent/service/deregister/", .put = put_service_deregister},
    {.pattern = "/v1/agent/service/maintenance/", .put = put_service_maintenance},
    {.pattern = "/v1/agent/service/register", .put = put_service_register},
    {.pattern = "/v1/agent/services", .get = get_local_services},
    {.pattern = "/v1/agent/version", .get = get_version},

    {.pattern = "/v1/catalog/connect/", .get = get_mesh_services},
    {.pattern = "/v1/catalog/datacenters", .get = get_datacenters},
    {.pattern = "/v1/catalog/deregister", .put = put_catalog_deregister},
    {.pattern = "/v1/catalog/gateway-services/", .get = get_mesh_services},
    {.pattern = "/v1/catalog/node-services/", .get = get_node_services},
    {.pattern = "/v1/catalog/node/", .get = get_node},
    {.pattern = "/v1/catalog/nodes", .get = get_nodes},
    {.pattern = "/v1/catalog/register", .put = put_catalog_register},
    {.pattern = "/v1/catalog/service/", .get = get_catalog_service},
    {.pattern = "/v1/catalog/services", .get = get_services},

    {.pattern = "/v1/health/checks/", .get = get_health_checks},
    {.pattern = "/v1/health/connect/", .get = get_mesh_services},
    {.pattern = "/v1/health/ingress/", .get = get_mesh_services},
    {.pattern = "/v1/health/node/", .get = get_health_node},
    {.pattern = "/v1/health/service/", .get = get_health_service},
    {.pattern = "/v1/health/state/", .get = get_health_state},

    {.pattern = "/v1/kv/", .get = get_kv, .put = put_kv, .remove = delete_kv},

    {.pattern = "/v1/operator/raft/configuration", .get = get_raft_configuration},
    {.pattern = "/v1/operator/raft/demote", .put = put_raft_demote},
    {.pattern = "/v1/operator/raft/peer", .put = put_raft_peer, .remove = delete_raft_peer},
    {.pattern = "/v1/operator/raft/promote", .put = put_raft_promote},

    {.pattern = "/v1/roster/journal", .get = get_journal},

    {.pattern = "/v1/snapshot", .get = get_snapshot},

    {.pattern = "/v1/status/leader", .get = get_leader},
    {.pattern = "/v1/status/peers", .get = get_peers},
};

Handler handler_for(const Route& route, std::string_view method) {
    if (method == "GET" || method == "HEAD") return route.get;
    if (method == "PUT" || method == "POST") return route.put;
    if (method == "DELETE") return route.remove;
    return nullptr;
}

std::string allowed(const Route& route) {
    std::string methods = "OPTIONS";
    if (route.get != nullptr) methods += ",GET,HEAD";
    if (route.put != nullptr) methods += ",PUT,POST";
    if (route.remove != nullptr) methods += ",DELETE";
    return methods;
}

bool is_printable(std::string_view path) {
    return std::none_of(path.begin(), path.end(), [](char c) {
        const auto byte = static_cast<unsigned char>(c);
        return byte < 0x20 || byte == 0x7f;
    });
}

Response unknown_path(std::string_view path) {
    std::string sentence = "Invalid URL path: ";
    sentence += path.starts_with("/v1/") ? "not a recognized HTTP API endpoint"
                                         : "if attempting to use the HTTP API, ensure the path "
                                           "starts with '/v1/'";
    return plain(404, std::move(sentence));
}

}  // namespace

std::span<const Route> routes() { return table; }

Router::Router(Api& api, std::span<const Route> routes)
    : api_(api), table_(routes), counts_(routes.size() + 1) {}

std::size_t Router::find(std::string_view path) const {
    std::size_t found = table_.size();
    for (std::size_t i = 0; i < table_.size(); ++i) {
        const auto pattern = table_[i].pattern;
        if (path == pattern) return i;
        if (!pattern.ends_with('/') || pattern == "/" || !path.starts_with(pattern)) continue;
        if (found == table_.size() || pattern.size() > table_[found].pattern.size()) found = i;
    }
    return found;
}

coord::Task<Response> Router::dispatch(const Route& route, Request& request) {
    if (request.method == "OPTIONS") {
        Response response;
        response.header.emplace_back("Allow", allowed(route));
        co_return response;
    }
    const auto handler = handler_for(route, request.method);
    if (handler == nullptr) {
        auto response = plain(405, "method " + request.method + " not allowed");
        response.header.emplace_back("Allow", allowed(route));
        co_return response;
    }
    request.parameter = request.target.path.substr(route.pattern.size());
    co_return co_await handler(api_, request);
}

coord::Task<Response> Router::answer(Request& request) {
    const auto route = find(request.target.path);
    Response response;
    if (!is_printable(request.target.path)) {
        response = plain(400, "Invalid URL path: it contains unprintable characters");
    } else if (route == table_.size()) {
        response = unknown_path(request.target.path);
    } else {
        response = co_await dispatch(table_[route], request);
    }
    assert(response.status >= 100 && response.status < 600);
    counts_[route][static_cast<std::size_t>(response.status / 100 - 1)].add();
    co_return response;
}

std::vector<coord::Metric> Router::metrics() const {
    std::vector<coord::Metric> samples;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
        const std::string route(i < table_.size() ? table_[i].pattern : "other");
        for (std::size_t status = 0; status < counts_[i].size(); ++status) {
            const auto count = counts_[i][status].value();
            if (count == 0) continue;
            samples.push_back({coord::MetricKind::counter,
                               "roster_http_requests_total",
                               "HTTP requests answered, by route and class of status.",
                               static_cast<double>(count),
                               {{"route", route}, {"class", std::to_string(status + 1) + "xx"}}});
        }
    }
    return samples;
}

}  // namespace http
