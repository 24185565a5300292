#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/url.hpp"

#include <CLI/CLI.hpp>
#include <memory>

namespace agent {
namespace {

struct Options {
    std::string http_addr;
    std::string id;
};

int deregister(const Console& console, const Options& options) {
    const ApiClient api(options.http_addr);
    const auto result =
        api.put("/v1/agent/service/deregister/" + percent_encode(options.id), std::string());
    if (const auto* failure = std::get_if<ApiFailure>(&result)) {
        console.err << "roster deregister: " << failure->message << "\n";
        return failure->code;
    }
    console.out << "deregistered " << options.id << "\n";
    return exit_ok;
}

}  // namespace

void add_deregister_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("deregister", "Remove a service of this agent");
    const auto options = std::make_shared<Options>();
    command->add_option("id", options->id, "The service's id")->type_name("ID")->required();
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return deregister(console, *options);
        };
    });
}

}  // namespace agent
