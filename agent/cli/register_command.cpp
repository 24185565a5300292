#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/registration.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <memory>
#include <sstream>

namespace agent {
namespace {

namespace json = boost::json;

struct Options {
    std::string http_addr;
    std::string file;
    ServiceDefinition service;
    std::vector<std::string> meta;
    std::string check_http;
    std::string check_tcp;
    std::string check_ttl;
    std::string interval;
    std::string timeout;
    bool replace_checks = false;
};

// One body to send, and what to call it when it is done.
struct Registration {
    std::string body;
    std::string name;
};

using Registrations = std::variant<std::vector<Registration>, ApiFailure>;

ApiFailure usage(std::string message) { return {exit_usage, std::move(message)}; }

Registration registration_of(const ServiceDefinition& service) {
    const auto id = service.id.empty() ? service.name : service.id;
    return {encode_registration(service), service.name + " as " + id};
}

Registrations from_toml(const std::string& file) {
    auto loaded = load_services_file(file);
    if (const auto* errors = std::get_if<std::vector<ConfigError>>(&loaded)) {
        std::string text;
        for (const auto& error : *errors) text += (text.empty() ? "" : "\n") + format(error);
        return ApiFailure{exit_failed, text};
    }
    std::vector<Registration> all;
    for (const auto& service : std::get<ServicesFile>(loaded).services) {
        all.push_back(registration_of(service));
    }
    if (all.empty()) return ApiFailure{exit_failed, file + " declares no service"};
    return all;
}

// The file's name where the body has none: the agent will say what is wrong.
std::string title_of(const json::object& body, const std::string& file) {
    const auto member = [&](std::string_view key) {
        const auto* found = body.if_contains(key);
        return found != nullptr && found->is_string() ? std::string(found->as_string())
                                                      : std::string();
    };
    const auto name = member("Name");
    const auto id = member("ID");
    return name.empty() ? file : name + " as " + (id.empty() ? name : id);
}

// A body of the HTTP API, sent as it is: the agent says what is wrong with it.
Registrations from_json(const std::string& file) {
    std::ostringstream text;
    if (file == "-") {
        text << std::cin.rdbuf();
    } else {
        const std::ifstream in(file);
        if (!in) return ApiFailure{exit_failed, "cannot read " + file};
        text << in.rdbuf();
    }
    json::error_code error;
    const auto parsed = json::parse(text.str(), error);
    if (error || !parsed.is_object()) {
        return ApiFailure{exit_failed,
                          file == "-" ? "standard input is not a JSON object"
                                      : file + " is neither TOML (*.toml) nor a JSON object"};
    }
    return std::vector<Registration>{{text.str(), title_of(parsed.as_object(), file)}};
}

std::string read_meta(const std::vector<std::string>& pairs, ServiceDefinition& service) {
    for (const auto& pair : pairs) {
        const auto equals = pair.find('=');
        if (equals == std::string::npos || equals == 0) {
            return "--meta must be KEY=VALUE, found \"" + pair + "\"";
        }
        service.meta[pair.substr(0, equals)] = pair.substr(equals + 1);
    }
    return {};
}

std::string
read_duration(const char* flag, const std::string& text, std::chrono::milliseconds& to) {
    const auto duration = parse_duration(text);
    if (!duration)
        return std::string(flag) + " must be a duration such as 10s, found \"" + text + "\"";
    to = *duration;
    return {};
}

// Each --check-… is a check of its own.
std::string read_checks(const Options& options, ServiceDefinition& service) {
    CheckDefinition common;
    const bool has_probe = !options.check_http.empty() || !options.check_tcp.empty();
    if (!has_probe && !(options.interval.empty() && options.timeout.empty()))
        return "--interval and --timeout need --check-http or --check-tcp";
    const auto interval = options.interval.empty() ? "10s" : options.interval;
    if (auto wrong = read_duration("--interval", interval, common.interval); !wrong.empty()) {
        return wrong;
    }
    if (!options.timeout.empty()) {
        auto wrong = read_duration("--timeout", options.timeout, common.timeout);
        if (!wrong.empty()) return wrong;
    }
    if (!options.check_http.empty()) {
        auto& check = service.checks.emplace_back(common);
        check.kind = CheckKind::http;
        check.http = options.check_http;
    }
    if (!options.check_tcp.empty()) {
        auto& check = service.checks.emplace_back(common);
        check.kind = CheckKind::tcp;
        check.tcp = options.check_tcp;
    }
    if (!options.check_ttl.empty()) {
        auto& check = service.checks.emplace_back();
        check.kind = CheckKind::ttl;
        return read_duration("--check-ttl", options.check_ttl, check.ttl);
    }
    return {};
}

Registrations read(const Options& options) {
    if (options.file.ends_with(".toml")) return from_toml(options.file);
    if (!options.file.empty()) return from_json(options.file);
    auto service = options.service;
    if (service.name.empty()) return usage("give a FILE, or --name and more");
    if (auto wrong = read_meta(options.meta, service); !wrong.empty()) return usage(wrong);
    if (auto wrong = read_checks(options, service); !wrong.empty()) return usage(wrong);
    return std::vector<Registration>{registration_of(service)};
}

int register_all(const Console& console, const Options& options) {
    const auto fail = [&](const ApiFailure& failure) {
        console.err << "roster register: " << failure.message << "\n";
        return failure.code;
    };
    const auto registrations = read(options);
    if (const auto* failure = std::get_if<ApiFailure>(&registrations)) return fail(*failure);
    const ApiClient api(options.http_addr);
    const auto* path = options.replace_checks ? "/v1/agent/service/register?replace-existing-checks"
                                              : "/v1/agent/service/register";
    for (const auto& one : std::get<std::vector<Registration>>(registrations)) {
        const auto result = api.put(path, one.body);
        if (const auto* failure = std::get_if<ApiFailure>(&result)) return fail(*failure);
        const auto warning = std::get<HttpReply>(result).find("X-Roster-Warning");
        if (!warning.empty()) console.err << "roster register: warning: " << warning << "\n";
        console.out << "registered " << one.name << "\n";
    }
    return exit_ok;
}

}  // namespace

void add_register_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("register", "Register a service with this agent");
    const auto options = std::make_shared<Options>();
    auto& service = options->service;
    auto* file = command
                     ->add_option("file",
                                  options->file,
                                  "*.toml with [[service]], or the API's JSON; - is standard input")
                     ->type_name("FILE");
    command->add_option("--name", service.name, "The service's name")
        ->type_name("NAME")
        ->excludes(file);
    command->add_option("--id", service.id, "Unique on this agent (default: the name)")
        ->type_name("ID");
    command->add_option("--address", service.address, "Default: the node's")->type_name("ADDR");
    command->add_option("--port", service.port, "1 to 65535")
        ->type_name("PORT")
        ->check(CLI::Range(1, 65535));
    command->add_option("--tag", service.tags, "Repeatable")
        ->type_name("TAG")
        ->expected(1)
        ->take_all();
    command->add_option("--meta", options->meta, "Repeatable")
        ->type_name("KEY=VALUE")
        ->expected(1)
        ->take_all();
    command->add_option("--check-http", options->check_http, "Passes on 2xx")->type_name("URL");
    command->add_option("--check-tcp", options->check_tcp, "Passes on a connection")
        ->type_name("HOST:PORT");
    command->add_option("--check-ttl", options->check_ttl, "Must be reported this often")
        ->type_name("DURATION");
    command
        ->add_option(
            "--interval", options->interval, "Of --check-http and --check-tcp (default 10s)")
        ->type_name("DURATION");
    command
        ->add_option("--timeout", options->timeout, "Of --check-http and --check-tcp (default 10s)")
        ->type_name("DURATION");
    command->add_flag("--replace-checks", options->replace_checks, "Remove checks it had before");
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return register_all(console, *options);
        };
    });
}

}  // namespace agent
