#include "agent/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <memory>

namespace agent {

void add_version_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("version", "Print the version");
    const auto json = std::make_shared<bool>(false);
    command->add_flag("--json", *json, "As JSON");
    command->callback([json, &choice] {
        choice.command = [json, &console = choice.console] {
            console.out << (*json ? "{\"version\":\"" ROSTER_VERSION "\"}\n"
                                  : "roster " ROSTER_VERSION "\n");
            return exit_ok;
        };
    });
}

}  // namespace agent
