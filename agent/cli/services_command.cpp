#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/instances.hpp"
#include "agent/cli/table.hpp"
#include "agent/url.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

namespace agent {
namespace {

namespace json = boost::json;

struct Options {
    std::string http_addr;
    std::string name;
    bool json = false;
    bool passing = false;
};

int fail(const Console& console, const ApiFailure& failure) {
    console.err << "roster services: " << failure.message << "\n";
    return failure.code;
}

std::string health_path(const Options& options, const std::string& name) {
    return "/v1/health/service/" + percent_encode(name) + (options.passing ? "?passing=1" : "");
}

Row row_of(const Console& console, const Instance& instance) {
    return {instance.node,
            instance.id,
            instance.address,
            std::to_string(instance.port),
            paint_health(console, instance.health),
            join(instance.tags)};
}

int print_instances(const Console& console, const Options& options) {
    const auto result = ApiClient(options.http_addr).get(health_path(options, options.name));
    if (const auto* failure = std::get_if<ApiFailure>(&result)) return fail(console, *failure);
    const auto& reply = std::get<HttpReply>(result);
    const auto instances = parse_instances(reply.body);
    if (!instances) return fail(console, {exit_failed, "this is no answer of a Roster agent"});
    if (options.json) {
        console.out << reply.body << "\n";
    } else if (!instances->empty()) {
        std::vector<Row> rows{{"NODE", "ID", "ADDRESS", "PORT", "HEALTH", "TAGS"}};
        for (const auto& instance : *instances) rows.push_back(row_of(console, instance));
        console.out << format_table(rows);
    }
    if (!instances->empty()) return exit_ok;
    const auto* kind = options.passing ? "no passing instance of " : "no instance of ";
    return fail(console, {exit_not_found, kind + options.name});
}

// One request for each service: the API has none for all of them.
int print_services(const Console& console, const Options& options) {
    const ApiClient api(options.http_addr);
    const auto result = api.get("/v1/catalog/services");
    if (const auto* failure = std::get_if<ApiFailure>(&result)) return fail(console, *failure);
    const auto& body = std::get<HttpReply>(result).body;
    json::error_code error;
    const auto catalog = json::parse(body, error);
    if (error || !catalog.is_object()) {
        return fail(console, {exit_failed, "this is no answer of a Roster agent"});
    }
    if (options.json) {
        console.out << body << "\n";
        return exit_ok;
    }
    std::vector<Row> rows;
    for (const auto& [name, value] : catalog.as_object()) {
        const auto answer = api.get(health_path({}, name));
        if (const auto* failure = std::get_if<ApiFailure>(&answer)) return fail(console, *failure);
        const auto instances =
            parse_instances(std::get<HttpReply>(answer).body).value_or(std::vector<Instance>{});
        const auto passing =
            std::count_if(instances.begin(), instances.end(), [](const auto& instance) {
                return instance.health == "passing";
            });
        // The name `consul` stands in the catalog for clients of Consul, with nothing behind it.
        if (instances.empty() || (options.passing && passing == 0)) continue;
        std::vector<std::string> tags;
        for (const auto& tag : value.is_array() ? value.as_array() : json::array()) {
            if (tag.is_string()) tags.emplace_back(tag.as_string());
        }
        rows.push_back(
            {name, std::to_string(instances.size()), std::to_string(passing), join(tags)});
    }
    std::sort(rows.begin(), rows.end());
    rows.insert(rows.begin(), {"SERVICE", "INSTANCES", "PASSING", "TAGS"});
    console.out << format_table(rows);
    return exit_ok;
}

}  // namespace

void add_services_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("services", "List the services, or the instances of one");
    const auto options = std::make_shared<Options>();
    command->add_option("name", options->name, "Only this service's instances")->type_name("NAME");
    command->add_flag("--passing", options->passing, "Only what passes its checks");
    command->add_flag("--json", options->json, "Print the API's JSON");
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return options->name.empty() ? print_services(console, *options)
                                         : print_instances(console, *options);
        };
    });
}

}  // namespace agent
