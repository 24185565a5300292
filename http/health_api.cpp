#include "http/health_api.hpp"

#include "http/json.hpp"
#include "http/selection.hpp"

#include <boost/json.hpp>

namespace http {
namespace {

// Appends those checks that the selection (and, unless empty, the status) lets through.
void add_checks(json::array& out,
                json::array checks,
                const Filter& filter,
                std::string_view status) {
    for (auto& check : checks) {
        const auto& object = check.as_object();
        if (!status.empty() &&
            object.at("Status").as_string() != json::string_view(status.data(), status.size()))
            continue;
        if (filter.matches(object)) out.emplace_back(std::move(check));
    }
}

json::array service_entries(const Api& api, const std::string& name, const Selection& wanted) {
    json::array out;
    const auto view = api.catalog.find_service(name);
    if (!view) return out;
    for (const auto* instance : wanted.of(*view)) {
        auto object = encode_service_entry(*instance);
        if (wanted.filter.matches(object)) out.emplace_back(std::move(object));
    }
    return out;
}

json::array service_checks(const Api& api, const std::string& name, const Selection& wanted) {
    json::array out;
    const auto view = api.catalog.find_service(name);
    if (!view) return out;
    for (const auto* instance : wanted.of(*view)) {
        add_checks(out, encode_instance_checks(*instance), wanted.filter, {});
    }
    return out;
}

json::array node_checks(const Api& api, const std::string& name, const Selection& wanted) {
    json::array out;
    if (const auto node = api.catalog.find_node(name)) {
        add_checks(out, encode_node_checks(*node), wanted.filter, {});
    }
    for (const auto& [service, entry] : api.catalog.services()) {
        for (const auto& instance : entry.view->instances) {
            if (instance.record.node() != name) continue;
            add_checks(out, encode_instance_checks(instance), wanted.filter, {});
        }
    }
    return out;
}

// "any" is every status.
json::array checks_in_state(const Api& api, std::string_view state, const Selection& wanted) {
    json::array out;
    const auto status = state == "any" ? std::string_view() : state;
    for (const auto& [name, node] : api.catalog.nodes()) {
        if (!wanted.has_node_meta(node.get())) continue;
        add_checks(out, encode_node_checks(*node), wanted.filter, status);
    }
    for (const auto& [name, service] : api.catalog.services()) {
        for (const auto* instance : wanted.of(*service.view)) {
            add_checks(out, encode_instance_checks(*instance), wanted.filter, status);
        }
    }
    return out;
}

}  // namespace

coord::Task<Response> get_health_service(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service name");
    auto selection = parse_selection(api, request, Filtered::service_entry);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{service_key(request.parameter), [&api, &request, &wanted] {
                    const auto& name = request.parameter;
                    return Answer{api.catalog.service_index(name),
                                  reply(request, service_entries(api, name, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_health_checks(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service name");
    auto selection = parse_selection(api, request, Filtered::check);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{service_key(request.parameter), [&api, &request, &wanted] {
                    const auto& name = request.parameter;
                    return Answer{api.catalog.service_index(name),
                                  reply(request, service_checks(api, name, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_health_node(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing node name");
    auto selection = parse_selection(api, request, Filtered::check);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{node_key(request.parameter), [&api, &request, &wanted] {
                    return Answer{api.catalog.index(),
                                  reply(request, node_checks(api, request.parameter, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_health_state(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing check state");
    if (request.parameter != "any" && !agent::parse_health(request.parameter)) {
        co_return plain(400, "Invalid check state: '" + request.parameter + "'");
    }
    auto selection = parse_selection(api, request, Filtered::check);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{std::string(all_key), [&api, &request, &wanted] {
                    return Answer{api.catalog.index(),
                                  reply(request, checks_in_state(api, request.parameter, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

}  // namespace http
