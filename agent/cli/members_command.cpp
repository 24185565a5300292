#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/table.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>
#include <optional>

namespace agent {
namespace {

namespace json = boost::json;

struct Options {
    std::string http_addr;
    bool json = false;
    bool servers = false;  // these alone
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

constexpr const char* configuration_path = "/v1/operator/raft/configuration";
constexpr const char* no_answer = "roster members: this is no answer of a Roster agent\n";

Row row_of_server(const Console& console, const json::object& server) {
    const auto* leads = server.if_contains("Leader");
    const auto* connected = server.if_contains("Connected");
    const auto* behind = server.if_contains("Behind");
    const bool is_leader = leads != nullptr && leads->is_bool() && leads->as_bool();
    const bool is_connected = connected != nullptr && connected->is_bool() && connected->as_bool();
    const auto role = text(server, "Role");
    const bool waits = role == "waiting";
    const auto status = waits ? "to be added" : is_connected ? "connected" : "unreachable";
    return {text(server, "ID"),
            text(server, "Address"),
            is_leader ? role + " *" : role,
            paint(console, is_connected || waits ? Colour::green : Colour::red, status),
            behind != nullptr ? json::serialize(*behind) : "-"};
}

void print_servers(const Console& console, const json::object& configuration) {
    std::vector<Row> rows{{"SERVER", "ADDRESS", "ROLE", "STATUS", "BEHIND"}};
    for (const auto* key : {"Servers", "Waiting"}) {
        const auto* servers = configuration.if_contains(key);
        if (servers == nullptr || !servers->is_array()) continue;
        for (const auto& server : servers->as_array()) {
            if (server.is_object()) rows.push_back(row_of_server(console, server.as_object()));
        }
    }
    const auto state = text(configuration, "State");
    if (!state.empty())
        console.out << "This server is no member of a cluster yet: " << state << "\n";
    if (rows.size() > 1) console.out << format_table(rows) << "* leads\n";
}

struct Answered {
    std::string body;
    json::value value;
};

// What the agent answers. Nothing: it said why, and `code` is the exit code.
std::optional<Answered>
ask(const Console& console, const Options& options, const std::string& path, int& code) {
    auto result = ApiClient(options.http_addr).get(path);
    if (const auto* failure = std::get_if<ApiFailure>(&result)) {
        console.err << "roster members: " << failure->message << "\n";
        code = failure->code;
        return {};
    }
    auto& body = std::get<HttpReply>(result).body;
    json::error_code error;
    auto value = json::parse(body, error);
    if (!error) return Answered{std::move(body), std::move(value)};
    console.err << no_answer;
    code = exit_failed;
    return {};
}

int print_agents(const Console& console, const Options& options) {
    int code = exit_ok;
    const auto answered = ask(console, options, "/v1/agent/members", code);
    if (!answered) return code;
    const auto& members = answered->value;
    if (!members.is_array()) {
        console.err << no_answer;
        return exit_failed;
    }
    if (options.json) console.out << answered->body << "\n";
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

int print_servers(const Console& console, const Options& options) {
    int code = exit_ok;
    const auto answered = ask(console, options, configuration_path, code);
    if (!answered) return code;
    if (!answered->value.is_object()) {
        console.err << no_answer;
        return exit_failed;
    }
    if (options.json) {
        console.out << answered->body << "\n";
    } else {
        print_servers(console, answered->value.as_object());
    }
    return exit_ok;
}

// Agents, and the servers among them, which an agent without a core does not know.
int print_members(const Console& console, const Options& options) {
    if (options.servers) return print_servers(console, options);
    const int code = print_agents(console, options);
    if (options.json || code == exit_unreachable) return code;
    const auto result = ApiClient(options.http_addr).get(configuration_path);
    const auto* reply = std::get_if<HttpReply>(&result);
    json::error_code error;
    const auto value = reply == nullptr ? json::value() : json::parse(reply->body, error);
    if (error || !value.is_object()) return code;
    console.out << "\n";
    print_servers(console, value.as_object());
    return code;
}

}  // namespace

void add_members_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand(
        "members", "List the agents and servers of the cluster, or change its servers");
    const auto options = std::make_shared<Options>();
    command->add_flag("--json", options->json, "Print the API's JSON");
    command->add_flag("--servers", options->servers, "Only the servers that form the core");
    add_http_addr(*command, options->http_addr);
    command->require_subcommand(0, 1);
    add_member_changes(*command, choice);
    command->callback([command, options, &choice] {
        if (!command->get_subcommands().empty()) return;
        choice.command = [options, &console = choice.console] {
            return print_members(console, *options);
        };
    });
}

}  // namespace agent
