#include "http/catalog_api.hpp"

#include "http/agent_writes.hpp"
#include "http/json.hpp"
#include "http/registration.hpp"
#include "http/selection.hpp"

#include <boost/json.hpp>

#include <set>

namespace http {
namespace {

json::array node_list(const Api& api, const Selection& selection) {
    std::vector<const agent::NodeView*> nodes;
    for (const auto& [name, node] : api.catalog.nodes()) {
        if (selection.has_node_meta(node.get())) nodes.push_back(node.get());
    }
    std::stable_partition(nodes.begin(), nodes.end(), [&](const auto* node) {
        return node->record.name == selection.read.near;
    });
    json::array out;
    for (const auto* node : nodes) {
        auto object = encode_node(*node);
        if (selection.filter.matches(object)) out.emplace_back(std::move(object));
    }
    return out;
}

json::array tags_of(const CatalogView::Service& service, const Selection& selection) {
    json::array out;
    if (selection.read.node_meta.empty()) {
        for (const auto& tag : service.tags) out.emplace_back(tag);
        return out;
    }
    std::set<std::string_view> tags;
    for (const auto* instance : selection.of(*service.view)) {
        for (const auto tag : instance->record.tags()) tags.insert(tag);
    }
    for (const auto tag : tags) out.emplace_back(json::string(tag.data(), tag.size()));
    return out;
}

json::object service_names(const Api& api, const Selection& selection) {
    json::object out;
    const auto add = [&](const std::string& name, json::array tags) {
        const json::object item{{"ServiceName", name}, {"ServiceTags", tags}};
        if (selection.filter.matches(item)) out.emplace(name, std::move(tags));
    };
    // Clients expect the servers' own service in the list, and skip it.
    if (!api.catalog.find_service("consul")) add("consul", {});
    for (const auto& [name, service] : api.catalog.services()) {
        const bool empty = service.view->instances.empty();
        const bool elsewhere =
            !selection.read.node_meta.empty() && selection.of(*service.view).empty();
        if (!empty && !elsewhere) add(name, tags_of(service, selection));
    }
    return out;
}

// What the catalog knows of one node; there is no node without its znode or an instance.
struct NodeContents {
    json::value node;
    std::vector<const agent::InstanceView*> instances;
};

NodeContents contents_of(const Api& api, const std::string& name) {
    NodeContents contents;
    for (const auto& [service, entry] : api.catalog.services()) {
        for (const auto& instance : entry.view->instances) {
            if (instance.record.node() == name) contents.instances.push_back(&instance);
        }
    }
    if (const auto node = api.catalog.find_node(name)) {
        contents.node = encode_node(*node);
    } else if (!contents.instances.empty()) {
        contents.node = encode_node_of(*contents.instances.front());
    }
    return contents;
}

json::value services_by_id(const Api& api, const std::string& node, const Filter& filter) {
    auto contents = contents_of(api, node);
    if (contents.node.is_null()) return nullptr;
    json::object services;
    for (const auto* instance : contents.instances) {
        auto object = encode_service(*instance);
        if (filter.matches(object))
            services[std::string(instance->record.id())] = std::move(object);
    }
    return json::object{{"Node", std::move(contents.node)}, {"Services", std::move(services)}};
}

json::value services_in_list(const Api& api, const std::string& node, const Filter& filter) {
    auto contents = contents_of(api, node);
    if (contents.node.is_null()) return nullptr;
    json::array services;
    for (const auto* instance : contents.instances) {
        auto object = encode_service(*instance);
        if (filter.matches(object)) services.emplace_back(std::move(object));
    }
    return json::object{{"Node", std::move(contents.node)}, {"Services", std::move(services)}};
}

using ByNode = json::value (*)(const Api&, const std::string&, const Filter&);

coord::Task<Response> read_node(Api& api, const Request& request, ByNode encode) {
    if (request.parameter.empty()) co_return plain(400, "Missing node name");
    auto selection = parse_selection(api, request, Filtered::service);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{node_key(request.parameter), [&api, &request, &wanted, encode] {
                    const auto value = encode(api, request.parameter, wanted.filter);
                    return Answer{api.catalog.index(), reply(request, value)};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

// What is wrong with a catalog registration, in Consul's words; empty: fine.
std::string wrong_with(const CatalogRegistration& registration, std::string_view datacenter) {
    if (registration.node.name.empty()) return "Must provide node";
    if (registration.node.address.empty() && !registration.skip_node_update) {
        return "Must provide address if SkipNodeUpdate is not set";
    }
    if (registration.service && registration.service->name.empty()) {
        return "Must provide service name with ID";
    }
    if (!registration.datacenter.empty() && registration.datacenter != datacenter) {
        return "No path to datacenter";
    }
    return {};
}

std::optional<agent::InstanceRecord> instance_of(const Api& api, CatalogRegistration& from) {
    if (!from.service) return std::nullopt;
    agent::InstanceRecord instance;
    instance.service = std::move(*from.service);
    if (instance.service.id.empty()) instance.service.id = instance.service.name;
    instance.node = from.node.name;
    instance.node_address = from.node.address;
    instance.datacenter = api.options.datacenter;
    if (api.options.clock_ms) instance.registered_ms = api.options.clock_ms();
    instance.external = true;
    return instance;
}

}  // namespace

coord::Task<Response> get_datacenters(Api& api, const Request& request) {
    co_return reply(request, json::array{json::string(api.options.datacenter)});
}

coord::Task<Response> get_nodes(Api& api, const Request& request) {
    auto selection = parse_selection(api, request, Filtered::node);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{std::string(nodes_key), [&api, &request, &wanted] {
                    return Answer{api.catalog.index(), reply(request, node_list(api, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_services(Api& api, const Request& request) {
    auto selection = parse_selection(api, request, Filtered::service_name);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    const bool by_node = !wanted.read.node_meta.empty();
    Query query{std::string(by_node ? all_key : services_key), [&api, &request, &wanted] {
                    return Answer{api.catalog.index(), reply(request, service_names(api, wanted))};
                }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_catalog_service(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service name");
    auto selection = parse_selection(api, request, Filtered::catalog_service);
    if (auto* refusal = std::get_if<Response>(&selection)) co_return std::move(*refusal);
    const auto& wanted = std::get<Selection>(selection);
    Query query{
        service_key(request.parameter), [&api, &request, &wanted] {
            json::array out;
            const auto view = api.catalog.find_service(request.parameter);
            for (const auto* instance : view ? wanted.of(*view) : decltype(wanted.of(*view)){}) {
                auto object = encode_catalog_service(*instance);
                if (wanted.filter.matches(object)) out.emplace_back(std::move(object));
            }
            return Answer{api.catalog.service_index(request.parameter), reply(request, out)};
        }};
    co_return co_await read(api, request, wanted.read, std::move(query));
}

coord::Task<Response> get_node(Api& api, const Request& request) {
    return read_node(api, request, services_by_id);
}

coord::Task<Response> get_node_services(Api& api, const Request& request) {
    return read_node(api, request, services_in_list);
}

coord::Task<Response> get_mesh_services(Api& api, const Request& request) {
    auto options = parse_read_options(request, api.options.datacenter);
    if (auto* refusal = std::get_if<Response>(&options)) co_return std::move(*refusal);
    Query query{"mesh", [&api, &request] {
                    return Answer{api.catalog.index(), reply(request, json::array())};
                }};
    co_return co_await read(api, request, std::get<ReadOptions>(options), std::move(query));
}

coord::Task<Response> put_catalog_register(Api& api, const Request& request) {
    auto decoded = decode_catalog_registration(request.body);
    if (!decoded.value) co_return plain(400, std::move(decoded.error));
    auto wrong = wrong_with(*decoded.value, api.options.datacenter);
    const int status = wrong.starts_with("No path") ? 500 : 400;
    if (!wrong.empty()) co_return plain(status, std::move(wrong));
    auto& registration = *decoded.value;
    registration.node.datacenter = api.options.datacenter;
    auto instance = instance_of(api, registration);
    std::optional<agent::NodeRecord> node;
    if (!registration.skip_node_update) node = std::move(registration.node);
    auto& registrar = api.backend.registrar;
    Write write = [&registrar, node, instance, checks = registration.checks] {
        return registrar.register_external(node, instance, checks);
    };
    auto done = reply(request, json::value(true));
    add_ignored(done, decoded.ignored);
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_catalog_deregister(Api& api, const Request& request) {
    auto decoded = decode_catalog_deregistration(request.body);
    if (!decoded.value) co_return plain(400, std::move(decoded.error));
    auto& entry = *decoded.value;
    if (entry.node.empty()) co_return plain(400, "Must provide node");
    if (!entry.datacenter.empty() && entry.datacenter != api.options.datacenter) {
        co_return plain(500, "No path to datacenter");
    }
    Write write = [&registrar = api.backend.registrar, entry] {
        return registrar.deregister_external(entry.node, entry.service_id, entry.check_id);
    };
    co_return co_await carry_out(api, std::move(write), reply(request, json::value(true)));
}

}  // namespace http
