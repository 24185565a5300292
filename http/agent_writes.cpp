#include "http/agent_writes.hpp"

#include "coord/base/log.hpp"
#include "http/api.hpp"
#include "http/json.hpp"
#include "http/registration.hpp"
#include "http/selection.hpp"

#include <set>

namespace http {
namespace {

constexpr std::size_t ignored_names_max = 256;  // remembered as logged
constexpr std::size_t ignored_told_max = 16;    // in one reply: a header has its limits elsewhere
constexpr std::size_t ignored_name_bytes_max = 64;

spdlog::logger& log() { return coord::logger("http.agent"); }

bool has_script(const std::vector<agent::CheckDefinition>& checks) {
    return std::any_of(checks.begin(), checks.end(), [](const auto& check) {
        return check.kind == agent::CheckKind::script;
    });
}

Response refuse_scripts() {
    return plain(400,
                 "Scripts are disabled on this agent; to enable, configure "
                 "'enable_script_checks' to true");
}

// An id from a path is text for a header or a log line only without control characters.
std::string header_text(std::string_view text) {
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        out += byte < 0x20 || byte >= 0x7f ? '?' : c;
    }
    return out;
}

// ?enable and ?reason of the two maintenance endpoints; a Response is the refusal.
std::variant<std::optional<agent::Maintenance>, Response>
parse_maintenance(const Request& request) {
    if (request.query("enable").empty()) return plain(400, "Missing value for enable");
    const auto enable = parse_flag(request.query("enable"));
    if (!enable) {
        return plain(400,
                     "Invalid value for enable: '" + std::string(request.query("enable")) + "'");
    }
    if (!*enable) return std::optional<agent::Maintenance>();
    return std::optional(agent::Maintenance{std::string(request.query("reason"))});
}

coord::Task<Response> report_ttl(Api& api, const Request& request, agent::CheckStatus status) {
    if (request.parameter.empty()) co_return plain(400, "Missing check ID");
    Write write = [&registrar = api.backend.registrar, id = request.parameter, status] {
        return registrar.report_ttl(id, status);
    };
    Response done;
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> report_note(Api& api, const Request& request, agent::Health health) {
    return report_ttl(api, request, {health, std::string(request.query("note"))});
}

}  // namespace

void add_ignored(Response& response, const std::vector<std::string>& fields) {
    static std::set<std::string> logged;  // the http thread's own
    std::string names;
    for (std::size_t i = 0; i < std::min(fields.size(), ignored_told_max); ++i) {
        const auto name =
            header_text(std::string_view(fields[i]).substr(0, ignored_name_bytes_max));
        if (!names.empty()) names += ", ";
        names += name;
        if (logged.size() < ignored_names_max && logged.insert(name).second) {
            log().info("registration field ignored field={}", name);
        }
    }
    if (fields.size() > ignored_told_max) names += ", ...";
    if (!names.empty()) response.header.emplace_back("X-Roster-Ignored-Fields", std::move(names));
}

coord::Task<Response> carry_out(Api& api, Write write, Response done) {
    std::function<coord::Task<Response>()> work =
        [&backend = api.backend, write = std::move(write), done]() -> coord::Task<Response> {
        const auto verdict = co_await write();
        if (verdict) co_return reject(*verdict);
        if (backend.last_zxid) {
            const auto zxid = backend.last_zxid();
            const auto reached = co_await backend.catalog.reached(zxid, view_patience);
            if (!reached) log().debug("catalog is behind zxid={}", static_cast<std::int64_t>(zxid));
        }
        co_return done;
    };
    co_return co_await on_agent(api, std::move(work));
}

coord::Task<Response> put_service_register(Api& api, const Request& request) {
    auto decoded = decode_service(request.body);
    if (!decoded.value) co_return plain(400, std::move(decoded.error));
    auto& service = *decoded.value;
    if (has_script(service.checks) && !api.options.script_checks_over_http) {
        co_return refuse_scripts();
    }
    bool replace = false;
    if (request.has("replace-existing-checks")) {
        const auto flag = parse_flag(request.query("replace-existing-checks"));
        if (!flag) co_return plain(400, "Invalid value for ?replace-existing-checks");
        replace = *flag;
    }
    Response done;
    add_ignored(done, decoded.ignored);
    if (!service.name.empty() && !agent::is_dns_label(service.name)) {
        const auto name = header_text(service.name);
        log().warn("service name does not fit DNS name={}", name);
        done.header.emplace_back("X-Roster-Warning",
                                 "service name \"" + name +
                                     "\" is not a DNS label: DNS cannot answer for it");
    }
    Write write = [&registrar = api.backend.registrar, service, replace] {
        return registrar.register_service(service, agent::Source::api, replace);
    };
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_service_deregister(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service ID");
    Write write = [&registrar = api.backend.registrar, id = request.parameter] {
        return registrar.deregister_service(id);
    };
    Response done;
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_service_maintenance(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing service ID");
    auto maintenance = parse_maintenance(request);
    if (auto* refusal = std::get_if<Response>(&maintenance)) co_return std::move(*refusal);
    Write write = [&registrar = api.backend.registrar,
                   id = request.parameter,
                   on = std::get<0>(maintenance)] {
        return registrar.set_service_maintenance(id, on);
    };
    Response done;
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_node_maintenance(Api& api, const Request& request) {
    auto maintenance = parse_maintenance(request);
    if (auto* refusal = std::get_if<Response>(&maintenance)) co_return std::move(*refusal);
    Write write = [&registrar = api.backend.registrar, on = std::get<0>(maintenance)] {
        return registrar.set_node_maintenance(on);
    };
    Response done;
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_check_register(Api& api, const Request& request) {
    auto decoded = decode_check(request.body);
    if (!decoded.value) co_return plain(400, std::move(decoded.error));
    auto& check = *decoded.value;
    if (check.name.empty()) co_return plain(400, "Missing check name");
    if (check.id.empty()) check.id = check.name;
    if (check.kind == agent::CheckKind::script && !api.options.script_checks_over_http) {
        co_return refuse_scripts();
    }
    Response done;
    add_ignored(done, decoded.ignored);
    Write write = [&registrar = api.backend.registrar, check] {
        return registrar.register_check(check, agent::Source::api);
    };
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_check_deregister(Api& api, const Request& request) {
    if (request.parameter.empty()) co_return plain(400, "Missing check ID");
    Write write = [&registrar = api.backend.registrar, id = request.parameter] {
        return registrar.deregister_check(id);
    };
    Response done;
    co_return co_await carry_out(api, std::move(write), std::move(done));
}

coord::Task<Response> put_check_pass(Api& api, const Request& request) {
    return report_note(api, request, agent::Health::passing);
}

coord::Task<Response> put_check_warn(Api& api, const Request& request) {
    return report_note(api, request, agent::Health::warning);
}

coord::Task<Response> put_check_fail(Api& api, const Request& request) {
    return report_note(api, request, agent::Health::critical);
}

coord::Task<Response> put_check_update(Api& api, const Request& request) {
    auto decoded = decode_ttl_report(request.body);
    if (!decoded.value) co_return plain(400, std::move(decoded.error));
    const auto health = agent::parse_health(decoded.value->status);
    if (!health) {
        co_return plain(400, "Invalid check status: '" + decoded.value->status + "'");
    }
    agent::CheckStatus status{*health, std::move(decoded.value->output)};
    co_return co_await report_ttl(api, request, std::move(status));
}

}  // namespace http
