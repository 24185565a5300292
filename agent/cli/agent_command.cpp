#include "agent/cli/commands.hpp"
#include "agent/endpoint.hpp"
#include "agent/service.hpp"

#include <CLI/CLI.hpp>
#include <memory>
#include <utility>

namespace agent {
namespace {

const std::filesystem::path default_config = "/etc/roster/roster.toml";

// A rule of the configuration as CLI11's: the complaint, or nothing.
template <class Accept>
CLI::Validator must_be(const std::string& what, Accept accept) {
    return CLI::Validator(
        [what, accept](std::string& value) {
            return accept(value) ? std::string() : "must be " + what + ", found \"" + value + "\"";
        },
        "");
}

bool is_session_timeout(const std::string& text) {
    const auto timeout = parse_duration(text);
    return timeout && *timeout >= session_timeout_min && *timeout <= session_timeout_max;
}

template <class T>
void override_with(const std::optional<T>& given, T& value) {
    if (given) value = *given;
}

void override_with(const std::vector<std::string>& given, std::vector<std::string>& value) {
    if (!given.empty()) value = given;
}

Configured<Config> base_config(const AgentArguments& arguments) {
    if (arguments.config) return load_config(*arguments.config);
    std::error_code unreadable;
    if (!arguments.dev && std::filesystem::exists(default_config, unreadable)) {
        return load_config(default_config);
    }
    Config config;
    if (!arguments.dev) config.services_dir = default_config.parent_path() / "services.d";
    return config;
}

void add_flags(CLI::App& command, AgentArguments& to) {
    const auto address = must_be("IP:PORT", is_listen_address);
    command.add_option("--config,-c", to.config, "Configuration file")
        ->type_name("FILE")
        ->default_str(default_config.string());
    command.add_flag("--dev",
                     to.dev,
                     "Defaults on loopback and a data directory that is removed at the end; "
                     "reads no configuration unless --config is given");
    command.add_option("--data-dir", to.data_dir, "Where state is kept")->type_name("DIR");
    command.add_option("--services-dir", to.services_dir, "Watched for *.toml with services")
        ->type_name("DIR");
    command.add_option("--node", to.node, "This node's name (default: the hostname)")
        ->type_name("NAME")
        ->check(must_be("a name without blanks", is_node_name));
    command.add_option("--domain", to.domain, "The DNS domain that is ours")
        ->type_name("DOMAIN")
        ->check(must_be("a domain", is_domain));
    command.add_option("--http-listen", to.http_listen, "IP:PORT or unix:/PATH; repeatable")
        ->type_name("ADDR")
        ->expected(1)
        ->take_all()
        ->check(must_be("IP:PORT or unix:/PATH", is_listen_address_or_unix));
    command.add_option("--dns-listen", to.dns_listen, "IP:PORT; repeatable")
        ->type_name("ADDR")
        ->expected(1)
        ->take_all()
        ->check(address);
    command.add_option("--coord-listen", to.coord_listen, "ZooKeeper clients; repeatable")
        ->type_name("ADDR")
        ->expected(1)
        ->take_all()
        ->check(address);
    command.add_option("--coord-connect", to.coord_connect, "An existing ensemble: zk1:2181,zk2")
        ->type_name("SERVERS")
        ->check(must_be("HOST:PORT,…[/CHROOT]", is_connect_string));
    command.add_option("--session-timeout", to.session_timeout, "1s to 10m")
        ->type_name("DURATION")
        ->check(must_be("a duration from 1s to 10m", is_session_timeout));
    command
        .add_option("--log-level", to.log_level, "trace, debug, info, warn, error, critical or off")
        ->type_name("LEVEL")
        ->check(must_be("trace, debug, info, warn, error, critical or off", is_log_level));
}

}  // namespace

void add_agent_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("agent", "Run the agent of this host");
    const auto arguments = std::make_shared<AgentArguments>();
    add_flags(*command, *arguments);
    command->callback([arguments, &choice] { choice.agent = std::move(*arguments); });
}

Configured<Config> configure(const AgentArguments& arguments) {
    auto base = base_config(arguments);
    auto* config = std::get_if<Config>(&base);
    if (config == nullptr) return base;
    if (arguments.dev) config->data_dir.clear();
    override_with(arguments.data_dir, config->data_dir);
    override_with(arguments.services_dir, config->services_dir);
    override_with(arguments.node, config->node);
    override_with(arguments.domain, config->domain);
    override_with(arguments.coord_connect, config->coord.connect);
    override_with(arguments.log_level, config->log.level);
    override_with(arguments.http_listen, config->http.listen);
    override_with(arguments.dns_listen, config->dns.listen);
    override_with(arguments.coord_listen, config->coord.listen);
    if (arguments.session_timeout) {
        config->coord.session_timeout = parse_duration(*arguments.session_timeout).value();
    }
    complete(*config);
    const auto fault = find_peer_fault(config->coord);
    if (!fault.empty())
        return std::vector<ConfigError>{
            {arguments.config.value_or(default_config).string(), 0, fault}};
    return base;
}

}  // namespace agent
