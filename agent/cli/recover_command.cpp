#include "agent/cli/commands.hpp"
#include "agent/cli/stored_text.hpp"

#include <CLI/CLI.hpp>
#include <exception>
#include <memory>
#include <string>

namespace agent {
namespace {

constexpr const char* about =
    "Go on with this server alone, after a majority was lost for good (offline)";

constexpr const char* footer =
    R"(When a majority of the voters is gone for good, nothing can be committed any more. This takes one
server that is left, whose agent is stopped, and makes it a cluster of its own with all that it has.
What others had and it has not is lost, so take the one with the highest last term, then index: run
this on each without --data-may-be-lost to see them. Servers of before that are still there must
not run on: empty their data directories, then take them in with 'roster members add'.)";

struct Options {
    CoreDirectory where;
    bool accepted = false;
};

int recover(const Console& console, const Options& options) {
    std::string fault;
    const auto core = find_core(options.where, fault);
    if (!core) {
        console.err << "roster recover: " << fault << "\n";
        return exit_failed;
    }
    console.out << describe(coord::inspect_server(core->path), false);
    if (!options.accepted) {
        console.err << "roster recover: nothing was changed. Whatever a majority acknowledged and "
                       "this server does not have would be lost, and its other members would have "
                       "to be emptied. To do it: --data-may-be-lost\n";
        return exit_failed;
    }
    const auto kept = coord::recover_server(core->path);
    console.out << "\nThis server is now a cluster of its own; what was changed is kept in "
                << kept.string()
                << ".\nStart its agent. On every other server: keep the agent stopped, empty its "
                   "data directory, start it, and take it in with 'roster members add ADDRESS "
                   "--voter'.\n";
    return exit_ok;
}

}  // namespace

void add_recover_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("recover", about);
    const auto options = std::make_shared<Options>();
    add_core_directory(*command, options->where);
    command->add_flag("--data-may-be-lost",
                      options->accepted,
                      "Do it: what this server does not have may be lost");
    command->footer(footer);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            try {
                return recover(console, *options);
            } catch (const std::exception& failure) {
                console.err << "roster recover: " << failure.what() << "\n";
                return static_cast<int>(exit_failed);
            }
        };
    });
}

}  // namespace agent
