#include "agent/cli/command_line.hpp"

#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/spelling.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <string_view>
#include <utility>

namespace agent {
namespace {

constexpr const char* about = R"(Service discovery and dynamic DNS, one agent per host.)";

constexpr const char* footer = R"(Exit codes:
  0  done
  1  failed
  2  the command line is wrong
  3  no agent answers
  4  no such service, name or id
  130  interrupted (watch)

'roster COMMAND --help' tells more of each.)";

void add_commands(CLI::App& app, Choice& choice) {
    add_agent_command(app, choice);
    add_services_command(app, choice);
    add_register_command(app, choice);
    add_deregister_command(app, choice);
    add_watch_command(app, choice);
    add_resolve_command(app, choice);
    add_resolver_command(app, choice);
    add_members_command(app, choice);
    add_snapshot_command(app, choice);
    add_recover_command(app, choice);
    add_validate_command(app, choice);
    add_version_command(app, choice);
    add_completion_command(app, choice);
}

void shorten_footers(CLI::App& app) {
    for (auto* command : app.get_subcommands({})) {
        if (command->get_footer() == footer) command->footer("Exit codes: see 'roster --help'.");
        shorten_footers(*command);
    }
}

std::vector<std::string_view> names_of(const CLI::App& app) {
    std::vector<std::string_view> names;
    for (const auto* command : app.get_subcommands({})) names.push_back(command->get_name());
    return names;
}

bool is_known(const CLI::App& app, std::string_view word) {
    const auto names = names_of(app);
    return std::find(names.begin(), names.end(), word) != names.end();
}

// The word in front of what is wrong: "roster services", or "roster" alone.
std::string speaker(const CLI::App& app) {
    const auto chosen = app.get_subcommands();
    return chosen.empty() ? "roster" : "roster " + chosen.front()->get_name();
}

// CLI11's words, except where they are longer than what they say.
std::string complaint(const CLI::ParseError& wrong) {
    std::string text = wrong.what();
    const auto unexpected = dynamic_cast<const CLI::ExtrasError*>(&wrong) != nullptr;
    if (unexpected) return "not understood: " + text.substr(text.rfind(": ") + 2);
    return text;
}

std::variant<AgentArguments, int>
parse(CLI::App& app, const std::vector<std::string>& arguments, Choice& choice) {
    try {
        auto reversed = arguments;
        std::reverse(reversed.begin(), reversed.end());  // As CLI11 wants them.
        app.parse(reversed);
    } catch (const CLI::Success& asked) {  // --help, --version
        app.exit(asked, choice.console.out, choice.console.err);
        return exit_ok;
    } catch (const CLI::ParseError& wrong) {
        choice.console.err << speaker(app) << ": " << complaint(wrong) << "\nTry '" << speaker(app)
                           << " --help'.\n";
        return exit_usage;
    }
    if (choice.agent) return std::move(*choice.agent);
    return choice.command();
}

}  // namespace

void add_http_addr(CLI::App& command, std::string& address) {
    address = "http://127.0.0.1:8500";
    command.add_option("--http-addr", address, "The agent: http://HOST:PORT or unix:/PATH")
        ->envname("ROSTER_HTTP_ADDR")
        ->type_name("ADDR")
        ->check([](const std::string& value) {
            return is_api_address(value)
                       ? std::string()
                       : "must be http://HOST:PORT or unix:/PATH, found \"" + value + "\"";
        })
        ->capture_default_str();
}

std::variant<AgentArguments, int> run_command_line(const std::vector<std::string>& arguments,
                                                   const Console& console,
                                                   FindFaults find_faults) {
    CLI::App app(about, "roster");
    Choice choice{console, {}, {}, std::move(find_faults)};
    app.require_subcommand(1);
    app.set_version_flag("--version", std::string("roster ") + ROSTER_VERSION);
    app.footer(footer);
    add_commands(app, choice);
    shorten_footers(app);
    if (arguments.empty()) {
        console.err << app.help();
        return exit_usage;
    }
    const auto& first = arguments.front();
    if (!first.starts_with('-') && !is_known(app, first)) {
        console.err << "roster: unknown command \"" << first << "\""
                    << suggestion(first, names_of(app)) << "\n";
        return exit_usage;
    }
    return parse(app, arguments, choice);
}

std::variant<AgentArguments, int> run_command_line(int argc, char** argv, FindFaults find_faults) {
    return run_command_line(std::vector<std::string>(argv + std::min(argc, 1), argv + argc),
                            standard_console(),
                            std::move(find_faults));
}

}  // namespace agent
