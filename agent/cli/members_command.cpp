#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/table.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

namespace agent {
namespace {

namespace json = boost::json;

struct Options {
    std::string http_addr;
    bool json = false;
};

std::string text(const json::object& object, std::string_view key) {
    const auto* found = object.if_contains(key);
    return found != nullptr && found->is_string() ? std::string(found->as_string()) : "-";
}

// Serf's numbers, as Consul's API tells them.
std::string status_of(const json::object& member) {
    const auto* status = member.if_contains("Status");
    const auto number = status != nullptr && status->is_int64() ? status->as_int64() : 0;
    if (number == 1) return "alive";
    if (number == 2) return "leaving";
    if (number == 3) return "left";
    return number == 4 ? "failed" : "unknown";
}

Row row_of(const Console& console, const json::object& member) {
    const auto* found = member.if_contains("Tags");
    const auto tags = found != nullptr && found->is_object() ? found->as_object() : json::object();
    const auto status = status_of(member);
    return {text(member, "Name"),
            text(member, "Addr"),
            paint(console, status == "alive" ? Colour::green : Colour::red, status),
            text(tags, "build"),
            text(tags, "dc")};
}

int print_members(const Console& console, const Options& options) {
    const auto result = ApiClient(options.http_addr).get("/v1/agent/members");
    if (const auto* failure = std::get_if<ApiFailure>(&result)) {
        console.err << "roster members: " << failure->message << "\n";
        return failure->code;
    }
    const auto& body = std::get<HttpReply>(result).body;
    json::error_code error;
    const auto members = json::parse(body, error);
    if (error || !members.is_array()) {
        console.err << "roster members: this is no answer of a Roster agent\n";
        return exit_failed;
    }
    if (options.json) console.out << body << "\n";
    if (members.as_array().empty()) {  // It would know itself.
        console.err << "roster members: the agent has no word from the coordination core yet\n";
        return exit_failed;
    }
    if (options.json) return exit_ok;
    std::vector<Row> rows;
    for (const auto& member : members.as_array()) {
        if (member.is_object()) rows.push_back(row_of(console, member.as_object()));
    }
    std::sort(rows.begin(), rows.end());
    rows.insert(rows.begin(), {"NODE", "ADDRESS", "STATUS", "VERSION", "DATACENTER"});
    console.out << format_table(rows);
    return exit_ok;
}

}  // namespace

void add_members_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("members", "List the agents of the cluster");
    const auto options = std::make_shared<Options>();
    command->add_flag("--json", options->json, "Print the API's JSON");
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return print_members(console, *options);
        };
    });
}

}  // namespace agent
