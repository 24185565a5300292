#include "agent/config_services.hpp"

#include "agent/body_pattern.hpp"
#include "agent/endpoint.hpp"
#include "agent/url.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds check_duration_max = std::chrono::hours(24 * 365);

// A threshold has Consul's name and HAProxy's; only one may be used.
void take_alias(TableReader& in, std::string_view name, std::string_view alias, int& out) {
    const auto kind = integer<int>(0, 1000);
    if (in.has(name) && in.has(alias)) {
        in.report("\"" + std::string(alias) + "\" is \"" + std::string(name) +
                      "\" by another name: leave one out",
                  alias);
    }
    in.take(name, out, kind);
    in.take(alias, out, kind);
}

void take_header(TableReader& in, CheckDefinition& check) {
    const auto* table = in.take_table("header");
    if (table == nullptr) return;
    auto header = in.inner(*table, "header");
    for (const auto& [name, node] : *table) {
        std::vector<std::string> values;
        header.take_one_or_list(name.str(), values, text());
        for (auto& value : values) check.header.emplace_back(name.str(), std::move(value));
    }
}

CheckKind kind_of(std::string_view key) {
    if (key == "http") return CheckKind::http;
    if (key == "tcp") return CheckKind::tcp;
    if (key == "ttl") return CheckKind::ttl;
    return CheckKind::script;
}

// Exactly one of http, tcp, ttl, script and args says what the check does.
void take_check_kind(TableReader& in, CheckDefinition& check) {
    const auto run = duration(milliseconds(1), check_duration_max);
    std::string script;
    in.take("http",
            check.http,
            text_that("a URL such as \"http://127.0.0.1:8080/health\"", [](const auto& value) {
                const auto url = parse_url(value);
                return url && url->scheme != Url::Scheme::unix_socket;
            }));
    in.take(
        "tcp", check.tcp, text_that("an address such as \"127.0.0.1:80\"", [](const auto& value) {
            const auto endpoint = parse_host_port(value);
            return endpoint && endpoint->port != 0;
        }));
    in.take("ttl", check.ttl, run);
    in.take("script", script, text());
    in.take_list("args", check.args, text());
    if (!script.empty()) check.args = {"/bin/sh", "-c", script};

    std::vector<std::string_view> given;
    for (const auto* key : {"http", "tcp", "ttl", "script", "args"}) {
        if (in.has(key)) given.emplace_back(key);
    }
    if (given.size() == 1) {
        check.kind = kind_of(given.front());
        const bool is_ttl = check.kind == CheckKind::ttl;
        if (!is_ttl && !in.has("interval")) in.report("a check needs an \"interval\"");
        if (is_ttl && in.has("interval")) {
            in.report("a ttl check has no \"interval\": it is reported to", "interval");
        }
    } else if (given.empty()) {
        in.report("a check needs one of http, tcp, ttl, script and args");
    } else {
        in.report("a check does one thing: \"" + std::string(given[0]) + "\" and \"" +
                      std::string(given[1]) + "\" exclude each other",
                  given[1]);
    }
}

CheckDefinition read_check(TableReader& in) {
    CheckDefinition check;
    in.take("id", check.id, text());
    in.take("name", check.name, text());
    in.take("notes", check.notes, text());
    take_check_kind(in, check);
    in.take("method", check.method, text());
    take_header(in, check);
    in.take("body", check.body, text());
    in.take_one_or_list("expected_status", check.expected_status, integer<int>(100, 599));
    in.take("body_match", check.body_match, text_that("a regular expression", is_pattern));
    in.take("disable_redirects", check.disable_redirects, boolean());
    in.take("tls_skip_verify", check.tls_skip_verify, boolean());
    in.take("tls_server_name", check.tls_server_name, text());
    in.take("tcp_use_tls", check.tcp_use_tls, boolean());
    const auto span = duration(milliseconds(0), check_duration_max);
    in.take("interval", check.interval, duration(milliseconds(1), check_duration_max));
    in.take("timeout", check.timeout, duration(milliseconds(1), check_duration_max));
    in.take("start_period", check.start_period, span);
    in.take("deregister_critical_after", check.deregister_critical_after, span);
    take_alias(in, "rise", "success_before_passing", check.success_before_passing);
    take_alias(in, "fall", "failures_before_critical", check.failures_before_critical);
    in.take("failures_before_warning", check.failures_before_warning, integer<int>(0, 1000));
    in.take("output_bytes_max", check.output_bytes_max, integer<std::size_t>(0, 1 << 20));
    in.take("initial_status",
            check.initial_status,
            Kind<Health>{"\"passing\", \"warning\" or \"critical\"", [](const toml::node& node) {
                             const auto word = node.value_exact<std::string>();
                             return word ? parse_health(*word) : std::nullopt;
                         }});
    in.finish();
    return check;
}

void take_tagged_addresses(TableReader& in, ServiceDefinition& service) {
    const auto* table = in.take_table("tagged_addresses");
    if (table == nullptr) return;
    auto addresses = in.inner(*table, "tagged_addresses");
    for (const auto& [name, node] : *table) {
        const auto* one = addresses.take_table(name.str());
        if (one == nullptr) continue;
        auto address = addresses.inner(*one, name.str());
        auto& out = service.tagged_addresses[std::string(name.str())];
        address.take("address", out.address, text());
        address.take("port", out.port, integer<std::uint16_t>(1, 65535));
        address.finish();
    }
}

void take_weights(TableReader& in, Weights& weights) {
    const auto* table = in.take_table("weights");
    if (table == nullptr) return;
    auto inner = in.inner(*table, "weights");
    inner.take("passing", weights.passing, integer<std::uint16_t>(1, 65535));
    inner.take("warning", weights.warning, integer<std::uint16_t>(0, 65535));
    inner.finish();
}

ServiceDefinition read_service(TableReader& in, Scripts scripts) {
    ServiceDefinition service;
    const auto errors_before = in.error_count();
    in.take("name", service.name, text());
    in.take("id", service.id, text());
    in.take("address", service.address, text());
    in.take("port", service.port, integer<std::uint16_t>(1, 65535));
    in.take_list("tags", service.tags, text());
    in.take_map("meta", service.meta, text());
    take_tagged_addresses(in, service);
    take_weights(in, service.weights);
    in.take("enable_tag_override", service.enable_tag_override, boolean());
    in.take("zone", service.zone, text());
    std::vector<TableReader> readers;
    for (const auto* table : in.take_tables("check")) {
        readers.push_back(in.inner(*table, "check"));
        service.checks.push_back(read_check(readers.back()));
    }
    in.finish();

    complete(service);
    if (in.error_count() != errors_before) return service;
    for (std::size_t i = 0; i < readers.size(); ++i) {
        const auto& check = service.checks[i];
        if (const auto wrong = validate(check); !wrong.empty()) readers[i].report(wrong);
        if (check.kind == CheckKind::script && scripts == Scripts::refused) {
            readers[i].report("script checks are switched off (checks.enable_local_script_checks)");
        }
    }
    if (in.error_count() != errors_before) return service;
    if (const auto wrong = validate(service); !wrong.empty()) in.report(wrong);
    return service;
}

CheckDefinition read_node_check(TableReader& in, Scripts scripts) {
    const auto errors_before = in.error_count();
    auto check = read_check(in);
    if (check.name.empty()) check.name = check.id;
    if (check.id.empty()) check.id = check.name;
    if (in.error_count() != errors_before) return check;
    if (check.id.empty()) {
        in.report("a [[check]] of the node needs a name");
    } else if (const auto wrong = validate(check); !wrong.empty()) {
        in.report(wrong);
    } else if (check.kind == CheckKind::script && scripts == Scripts::refused) {
        in.report("script checks are switched off (checks.enable_local_script_checks)");
    }
    return check;
}

}  // namespace

void read_services(TableReader& in, ServicesFile& out, Scripts scripts) {
    DeclaredIds service_ids("service");
    DeclaredIds check_ids("check");
    for (const auto* table : in.take_tables("service")) {
        auto reader = in.inner(*table, "service");
        out.services.push_back(read_service(reader, scripts));
        service_ids.declare(out.services.back().id, reader);
        for (const auto& check : out.services.back().checks) check_ids.declare(check.id, reader);
    }
    for (const auto* table : in.take_tables("check")) {
        auto reader = in.inner(*table, "check");
        out.node_checks.push_back(read_node_check(reader, scripts));
        check_ids.declare(out.node_checks.back().id, reader);
    }
}

}  // namespace agent
