#include "http/agent_api.hpp"

#include "http/api.hpp"
#include "http/filter.hpp"
#include "http/json.hpp"
#include "http/selection.hpp"

#include <boost/json.hpp>

#include <charconv>

namespace http {
namespace {

constexpr std::size_t journal_limit_default = 100;

json::object encode_member(const agent::NodeRecord& node) {
    json::object tags{{"role", "node"},
                      {"dc", node.datacenter},
                      {"id", node.id},
                      {"vsn", "2"},
                      {"build", node.version}};
    return {{"Name", node.name},
            {"Addr", node.address},
            {"Port", 0},
            {"Tags", std::move(tags)},
            {"Status", 1},  // serf's "alive": a member whose session ended is not listed
            {"ProtocolMin", 1},
            {"ProtocolMax", 5},
            {"ProtocolCur", 2},
            {"DelegateMin", 2},
            {"DelegateMax", 5},
            {"DelegateCur", 4}};
}

json::object encode_self(const Api& api) {
    const auto& registrar = api.backend.registrar;
    const auto& options = api.options;
    const auto& node = registrar.node();
    const auto count = [](std::size_t n) { return json::string(std::to_string(n)); };
    json::object meta;
    for (const auto& [key, value] : node.meta) meta.emplace(key, value);
    return {{"Config",
             {{"Datacenter", options.datacenter},
              {"PrimaryDatacenter", options.datacenter},
              {"NodeName", options.node},
              {"NodeID", options.node_id},
              {"Revision", ""},
              {"Server", options.coord_status && options.coord_status().known_leader},
              {"Version", options.version}}},
            {"DebugConfig", {{"DNSDomain", options.domain}}},
            {"Coord", nullptr},
            {"Member", encode_member(node)},
            {"Stats",
             {{"agent",
               {{"checks", count(registrar.checks().size())},
                {"services", count(registrar.services().size())},
                {"settled", registrar.settled() ? "true" : "false"}}},
              {"build", {{"version", options.version}}}}},
            {"Meta", std::move(meta)},
            {"xDS", json::object()}};
}

json::object encode_local(const Api& api, const agent::LocalService& service) {
    auto out = encode_service(service.definition);
    out.emplace("Datacenter", api.options.datacenter);
    return out;
}

CheckOwner owner_of(const Api& api, const agent::ServiceDefinition* service) {
    CheckOwner owner;
    owner.node = api.options.node;
    if (service == nullptr) return owner;
    owner.service_id = service->id;
    owner.service_name = service->name;
    owner.tags = &service->tags;
    return owner;
}

// The checks and maintenance marks of one service; of the node itself when there is none.
json::array local_checks_of(const Api& api, const agent::LocalService* local) {
    const auto& registrar = api.backend.registrar;
    const auto* service = local == nullptr ? nullptr : &local->definition;
    const auto& maintenance = local == nullptr ? registrar.node().maintenance : local->maintenance;
    const auto owner = owner_of(api, service);
    json::array out;
    if (maintenance) out.emplace_back(encode_maintenance(*maintenance, owner));
    for (const auto& [id, check] : registrar.checks()) {
        if (check.definition.service_id != owner.service_id) continue;
        out.emplace_back(encode_check(check, owner));
    }
    return out;
}

// All of this agent's, by check id.
json::object local_checks(const Api& api, const Filter& filter) {
    const auto& registrar = api.backend.registrar;
    json::object out;
    const auto add = [&](json::object check) {
        if (filter.matches(check)) out[check.at("CheckID").as_string()] = std::move(check);
    };
    if (const auto& maintenance = registrar.node().maintenance) {
        add(encode_maintenance(*maintenance, owner_of(api, nullptr)));
    }
    for (const auto& [id, local] : registrar.services()) {
        if (!local.maintenance) continue;
        add(encode_maintenance(*local.maintenance, owner_of(api, &local.definition)));
    }
    for (const auto& [id, check] : registrar.checks()) {
        const auto service = registrar.services().find(check.definition.service_id);
        const bool found = service != registrar.services().end();
        add(encode_check(check, owner_of(api, found ? &service->second.definition : nullptr)));
    }
    return out;
}

struct LocalHealth {
    std::string_view word;
    int severity = 0;
    json::object encoded;  // {AggregatedStatus, Service, Checks}
};

LocalHealth health_of(const Api& api, const agent::LocalService& local) {
    const auto& registrar = api.backend.registrar;
    const auto health = registrar.service_health(local.definition.id);
    const bool maintenance = local.maintenance || registrar.node().maintenance;
    LocalHealth out;
    out.word = aggregate_word(health, maintenance);
    out.severity = maintenance ? 3 : static_cast<int>(health);
    auto checks = local_checks_of(api, nullptr);
    for (auto& check : local_checks_of(api, &local)) checks.emplace_back(std::move(check));
    out.encoded = {{"AggregatedStatus", json::string(out.word.data(), out.word.size())},
                   {"Service", encode_local(api, local)},
                   {"Checks", std::move(checks)}};
    return out;
}

// A load balancer probes with these: the status code is the health.
Response health_reply(const Request& request, const LocalHealth& worst, const json::value& body) {
    constexpr int status_of[] = {200, 429, 503, 503};
    const bool as_text = request.query("format") == "text" ||
                         request.find_header("Accept").starts_with("text/plain");
    auto response = as_text ? plain(200, std::string(worst.word)) : reply(request, body);
    response.status = status_of[worst.severity];
    response.header.emplace_back("X-Consul-Reason", worst.word);
    return response;
}

// Reads the registrar on its own thread. `encode` holds by value what it needs.
coord::Task<Response> read_local(Api& api, std::function<Response()> encode) {
    std::function<coord::Task<Response>()> work =
        [encode = std::move(encode)]() -> coord::Task<Response> { co_return encode(); };
    return on_agent(api, std::move(work));
}

// The part of a request that may travel to the agent thread.
Request without_peer(const Request& request) {
    auto copy = request;
    copy.on_hangup = nullptr;
    copy.body.clear();
    return copy;
}

Response local_service(const Api& api, const Request& request) {
    const auto& services = api.backend.registrar.services();
    const auto found = services.find(request.parameter);
    if (found == services.end()) {
        return plain(404, "unknown service ID: " + request.parameter);
    }
    auto object = encode_local(api, found->second);
    const auto hash = std::hash<std::string>{}(json::serialize(object));
    char digits[17] = {};
    std::snprintf(digits, sizeof digits, "%016zx", hash);
    object.emplace("ContentHash", digits);
    auto response = reply(request, object);
    response.header.emplace_back("X-Consul-ContentHash", digits);
    return response;
}

std::string service_name_in(const Response& response) {
    boost::system::error_code wrong;
    const auto value = json::parse(response.body, wrong);
    const auto* object = wrong ? nullptr : value.if_object();
    const auto* name = object == nullptr ? nullptr : object->if_contains("Service");
    return name == nullptr ? std::string() : std::string(name->as_string());
}

}  // namespace

coord::Task<Response> get_self(Api& api, const Request& request) {
    return read_local(
        api, [&api, asked = without_peer(request)] { return reply(asked, encode_self(api)); });
}

coord::Task<Response> get_version(Api& api, const Request& request) {
    co_return reply(request,
                    json::object{{"SHA", ""}, {"HumanVersion", api.options.version}, {"FIPS", ""}});
}

coord::Task<Response> get_members(Api& api, const Request& request) {
    json::array out;
    for (const auto& [name, node] : api.catalog.nodes()) {
        if (!node->record.external) out.emplace_back(encode_member(node->record));
    }
    co_return reply(request, out);
}

coord::Task<Response> get_local_services(Api& api, const Request& request) {
    auto parsed = parse_filter(request.query("filter"), Filtered::service);
    if (!parsed.error.empty()) co_return plain(400, std::move(parsed.error));
    std::function<Response()> encode =
        [&api, asked = without_peer(request), filter = parsed.filter] {
            json::object out;
            for (const auto& [id, local] : api.backend.registrar.services()) {
                auto object = encode_local(api, local);
                if (filter.matches(object)) out[id] = std::move(object);
            }
            return reply(asked, out);
        };
    co_return co_await read_local(api, std::move(encode));
}

coord::Task<Response> get_local_checks(Api& api, const Request& request) {
    auto parsed = parse_filter(request.query("filter"), Filtered::check);
    if (!parsed.error.empty()) co_return plain(400, std::move(parsed.error));
    std::function<Response()> encode =
        [&api, asked = without_peer(request), filter = parsed.filter] {
            return reply(asked, local_checks(api, filter));
        };
    co_return co_await read_local(api, std::move(encode));
}

// Blocks on ?hash: what is registered here shows in the catalog, so its key wakes us.
coord::Task<Response> get_local_service(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service ID");
    const auto options = parse_read_options(request, api.options.datacenter);
    if (const auto* refusal = std::get_if<Response>(&options)) co_return *refusal;
    std::function<Response()> encode = [&api, asked = without_peer(request)] {
        return local_service(api, asked);
    };
    const auto hash = request.query("hash");
    const auto wait = api.queries.jittered(std::get<ReadOptions>(options).wait);
    const auto end = std::chrono::steady_clock::now() + wait;
    for (;;) {
        auto response = co_await read_local(api, encode);
        const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
            end - std::chrono::steady_clock::now());
        const bool same = !response.header.empty() && response.header.back().second == hash;
        if (hash.empty() || !same || left.count() <= 0 || api.queries.full()) co_return response;
        const bool open = co_await api.queries.park_until_touched(
            service_key(service_name_in(response)), left, request.on_hangup);
        if (!open) co_return response;
    }
}

coord::Task<Response> get_health_by_id(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing serviceID");
    std::function<Response()> encode = [&api, asked = without_peer(request)] {
        const auto& services = api.backend.registrar.services();
        const auto found = services.find(asked.parameter);
        if (found == services.end())
            return plain(404, "ServiceId " + asked.parameter + " not found");
        const auto health = health_of(api, found->second);
        return health_reply(asked, health, health.encoded);
    };
    co_return co_await read_local(api, std::move(encode));
}

coord::Task<Response> get_health_by_name(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service Name");
    std::function<Response()> encode = [&api, asked = without_peer(request)] {
        json::array all;
        LocalHealth worst;
        worst.severity = -1;
        for (const auto& [id, local] : api.backend.registrar.services()) {
            if (local.definition.name != asked.parameter) continue;
            auto health = health_of(api, local);
            all.emplace_back(std::move(health.encoded));
            if (health.severity > worst.severity) worst = std::move(health);
        }
        if (all.empty()) return plain(404, "ServiceName " + asked.parameter + " not found");
        return health_reply(asked, worst, all);
    };
    co_return co_await read_local(api, std::move(encode));
}

coord::Task<Response> put_leave(Api& api, const Request&) {
    if (!api.options.leave) co_return plain(500, "This agent cannot leave by itself");
    Response response;
    response.sent = api.options.leave;  // The reply goes out before the connections close.
    co_return response;
}

coord::Task<Response> put_reload(Api& api, const Request&) {
    if (!api.options.reload) co_return plain(500, "This agent has no configuration to reload");
    api.options.reload();
    co_return Response{};
}

coord::Task<Response> get_journal(Api& api, const Request& request) {
    std::size_t limit = journal_limit_default;
    if (const auto text = request.query("limit"); !text.empty()) {
        const auto* end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, limit);
        if (parsed.ec != std::errc{} || parsed.ptr != end) co_return plain(400, "Invalid limit");
    }
    std::function<Response()> encode = [&api, asked = without_peer(request), limit] {
        json::array out;
        for (const auto& entry : api.backend.journal.entries(asked.query("service"), limit)) {
            out.emplace_back(encode_journal(entry));
        }
        return reply(asked, out);
    };
    co_return co_await read_local(api, std::move(encode));
}

}  // namespace http
