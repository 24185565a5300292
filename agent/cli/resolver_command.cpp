#include "agent/child_process.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/resolver_plan.hpp"
#include "agent/cli/resolver_status.hpp"
#include "agent/data_dir.hpp"

#include <boost/asio/io_context.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <fstream>
#include <memory>
#include <net/if.h>
#include <optional>
#include <sstream>
#include <stdexcept>

namespace agent {
namespace {

namespace fs = std::filesystem;

struct Options {
    std::optional<fs::path> config;
    std::optional<std::string> domain;
    std::optional<std::string> dns_addr;
    std::string resolver;  // empty: what this host uses
    fs::path root = "/";   // of the host, or of an image of one
    bool print_only = false;
    bool write = false;
};

constexpr const char* resolv_conf = "/etc/resolv.conf";
constexpr const char* resolv_conf_before = "/etc/resolv.conf.before-roster";

int fail(const Console& console, const char* verb, const std::string& message) {
    console.err << "roster resolver " << verb << ": " << message << "\n";
    return exit_failed;
}

// A path of the host, below --root.
fs::path below(const Options& options, const fs::path& path) {
    return options.root / path.relative_path();
}

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

bool is_ours(const fs::path& path) { return read_file(path).starts_with(file_mark); }

std::string line_of(const Command& command) {
    std::string line;
    for (const auto& word : command) line += (line.empty() ? "" : " ") + word;
    return line;
}

// Empty: it ended well. Else a sentence with what it said.
std::string run(const Command& command) {
    boost::asio::io_context io;
    ChildProcess child(io, {.args = command, .capture = true, .output_bytes_max = 4096});
    if (auto error = child.start(); !error.empty()) return line_of(command) + ": " + error;
    ChildEnd end;
    coord::spawn(io, "command", [&]() -> coord::Task<void> { end = co_await child.wait(); });
    io.run();
    if (end.signal == 0 && end.exit_code == 0) return {};
    while (end.output.ends_with('\n')) end.output.pop_back();
    return "'" + line_of(command) + "' failed" + (end.output.empty() ? "" : ": " + end.output);
}

// The configuration of the agent that is meant. Errors are printed.
std::optional<Config> read_config(const Console& console, const Options& options) {
    AgentArguments arguments;
    arguments.config = options.config;
    arguments.domain = options.domain;
    if (options.dns_addr) arguments.dns_listen = {*options.dns_addr};
    const auto configured = configure(arguments);
    if (const auto* config = std::get_if<Config>(&configured)) return *config;
    for (const auto& error : std::get<std::vector<ConfigError>>(configured)) {
        console.err << format(error) << "\n";
    }
    return std::nullopt;
}

void print_plan(const Console& console, const ResolverPlan& plan) {
    for (const auto& [path, text] : plan.files) {
        console.out << "--- " << path.string() << "\n" << text;
    }
    console.out << "--- then\n";
    for (const auto& command : plan.commands) console.out << line_of(command) << "\n";
    for (const auto& note : plan.notes) console.out << "# " << note << "\n";
}

// What stood in resolv.conf before us is kept once, beside it.
void keep_resolv_conf(const Options& options) {
    const auto now = below(options, resolv_conf);
    if (!fs::exists(now) || is_ours(now)) return;
    replace_file(below(options, resolv_conf_before), read_file(now), 0644);
}

// Writes what differs; says so. Throws std::runtime_error.
void write_files(const Console& console, const Options& options, const ResolverPlan& plan) {
    for (const auto& [path, text] : plan.files) {
        const auto target = below(options, path);
        if (read_file(target) == text) {
            console.out << "unchanged " << target.string() << "\n";
            continue;
        }
        if (path == resolv_conf) {
            keep_resolv_conf(options);
        } else if (fs::exists(target) && !is_ours(target)) {
            throw std::runtime_error(target.string() + " is there and not ours: move it away");
        }
        fs::create_directories(target.parent_path());
        replace_file(target, text, 0644);
        console.out << "written " << target.string() << "\n";
    }
}

// All are tried, also after one that failed.
bool run_all(const Console& console, const char* verb, const std::vector<Command>& commands) {
    bool all = true;
    for (const auto& command : commands) {
        const auto error = run(command);
        if (error.empty()) {
            console.out << "ran " << line_of(command) << "\n";
        } else {
            fail(console, verb, error);
            all = false;
        }
    }
    return all;
}

// What is done on an image, or to another program's service, is left to the one who asked.
void tell_commands(const Console& console, const std::vector<Command>& commands) {
    for (const auto& command : commands) console.out << "now run: " << line_of(command) << "\n";
}

template <class Work>
int with_files(const Console& console, const char* verb, Work work) {
    try {
        return work();
    } catch (const std::exception& error) {
        const std::string text = error.what();
        const bool denied = text.find("Permission denied") != std::string::npos;
        return fail(console, verb, text + (denied ? ": run it as root, or with --print" : ""));
    }
}

// The files of ours that are there.
std::vector<fs::path> our_files(const Options& options) {
    std::vector<fs::path> found;
    for (const auto& path : planned_files()) {
        if (is_ours(below(options, path))) found.push_back(path);
    }
    return found;
}

bool has_file(const ResolverPlan& plan, const fs::path& path) {
    const auto is_it = [&](const HostFile& file) { return file.path == path; };
    return std::any_of(plan.files.begin(), plan.files.end(), is_it);
}

int apply(const Console& console,
          const Options& options,
          HostResolver resolver,
          const ResolverPlan& plan) {
    return with_files(console, "setup", [&] {
        if (!fs::is_directory(below(options, plan.needs))) {
            return fail(console,
                        "setup",
                        std::string(name_of(resolver)) + " is not installed here: there is no " +
                            below(options, plan.needs).string());
        }
        write_files(console, options, plan);
        for (const auto& note : plan.notes) console.out << "mind: " << note << "\n";
        for (const auto& path : our_files(options)) {
            if (!has_file(plan, path))
                console.out << "mind: " << path.string()
                            << " of another setup is there, too: 'roster resolver remove' first\n";
        }
        if (options.root != "/" || resolver != HostResolver::systemd_resolved) {
            tell_commands(console, plan.commands);
            return static_cast<int>(exit_ok);
        }
        if (!run_all(console, "setup", plan.commands)) return static_cast<int>(exit_failed);
        console.out << "see 'roster resolver status'\n";
        return static_cast<int>(exit_ok);
    });
}

int set_up(const Console& console, const Options& options) {
    const auto config = read_config(console, options);
    if (!config) return exit_failed;
    const auto agent = agent_dns(*config);
    if (!agent.value) return fail(console, "setup", agent.error);
    const auto host = look_at_host(options.root);
    const auto resolver = parse_host_resolver(options.resolver).value_or(detect(host));
    const auto plan = make_plan(resolver, *agent.value, host);
    if (!plan.value) return fail(console, "setup", plan.error);
    const bool is_wired_by_us = resolver == HostResolver::systemd_resolved;
    if (!options.print_only && (options.write || is_wired_by_us))
        return apply(console, options, resolver, *plan.value);
    print_plan(console, *plan.value);
    if (!options.print_only) console.err << "Nothing is changed: --write writes these files.\n";
    return exit_ok;
}

void put_resolv_conf_back(const Console& console, const Options& options) {
    const auto before = below(options, resolv_conf_before);
    const auto now = below(options, resolv_conf);
    if (!is_ours(now)) return;
    if (!fs::exists(before)) {
        throw std::runtime_error(now.string() + " is ours, and " + before.string() +
                                 ", what stood there, is gone: write it anew");
    }
    fs::rename(before, now);
    console.out << "put back " << now.string() << "\n";
}

void print_removal(const Console& console,
                   const Options& options,
                   const RemovalPlan& plan,
                   const std::vector<fs::path>& files) {
    for (const auto& command : plan.before) console.out << line_of(command) << "\n";
    for (const auto& path : files) console.out << "rm " << below(options, path).string() << "\n";
    const auto now = below(options, resolv_conf);
    if (is_ours(now)) {
        console.out << "mv " << below(options, resolv_conf_before).string() << " " << now.string()
                    << "\n";
    }
    for (const auto* commands : {&plan.after, &plan.told}) {
        for (const auto& command : *commands) console.out << line_of(command) << "\n";
    }
}

int remove_all(const Console& console, const Options& options) {
    const auto files = our_files(options);
    const auto plan = make_removal(files);
    if (files.empty() && !is_ours(below(options, resolv_conf))) {
        console.out << "nothing of ours is there\n";
        return exit_ok;
    }
    if (options.print_only) {
        print_removal(console, options, plan, files);
        return exit_ok;
    }
    return with_files(console, "remove", [&] {
        const bool is_live = options.root == "/";
        bool all = !is_live || run_all(console, "remove", plan.before);
        for (const auto& path : files) {
            fs::remove(below(options, path));
            console.out << "removed " << below(options, path).string() << "\n";
        }
        put_resolv_conf_back(console, options);
        if (is_live) all = run_all(console, "remove", plan.after) && all;
        tell_commands(console, plan.told);
        return static_cast<int>(all ? exit_ok : exit_failed);
    });
}

int tell_status(const Console& console, const Options& options) {
    const auto config = read_config(console, options);
    if (!config) return exit_failed;
    const auto agent = agent_dns(*config);
    if (!agent.value) return fail(console, "status", agent.error);
    StatusQuestion question{*agent.value,
                            config->node + ".node." + config->domain,
                            detect(look_at_host(options.root)),
                            {},
                            ::if_nametoindex(link_name) != 0};
    for (const auto& path : our_files(options)) question.files.push_back(path.string());
    if (is_ours(below(options, resolv_conf))) question.files.emplace_back(resolv_conf);
    return print_status(console, question, ask_agent, ask_host);
}

void add_agent_options(CLI::App& command, Options& options) {
    command.add_option("--config,-c", options.config, "The agent's configuration")
        ->type_name("FILE")
        ->default_str("/etc/roster/roster.toml");
    command.add_option("--domain", options.domain, "Default: as configured")
        ->type_name("DOMAIN")
        ->check([](const std::string& value) {
            return is_domain(value) ? std::string() : "must be a domain, found \"" + value + "\"";
        });
    command.add_option("--dns-addr", options.dns_addr, "The agent's DNS; default: as configured")
        ->type_name("IP:PORT")
        ->check([](const std::string& value) {
            return is_listen_address(value) ? std::string()
                                            : "must be IP:PORT, found \"" + value + "\"";
        });
}

void add_file_options(CLI::App& command, Options& options) {
    command.add_flag("--print", options.print_only, "Say what would be done, and do nothing");
    command.add_option("--root", options.root, "Of an image: files below it, and nothing is run")
        ->type_name("DIR")
        ->check(CLI::ExistingDirectory)
        ->capture_default_str();
}

}  // namespace

void add_resolver_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand(
        "resolver",
        "Make this host's resolver ask the agent, so that every program finds services");
    command->require_subcommand(1);
    const auto options = std::make_shared<Options>();
    const auto chosen = [options, &choice](int (*verb)(const Console&, const Options&)) {
        return [options, &choice, verb] {
            choice.command = [options, &console = choice.console, verb] {
                return verb(console, *options);
            };
        };
    };

    auto* setup = command->add_subcommand("setup",
                                          "Wire systemd-resolved to the agent; for another "
                                          "resolver, print its lines, or --write them");
    setup->add_option("--for", options->resolver, "Default: what this host uses")
        ->type_name("RESOLVER")
        ->check(CLI::IsMember(host_resolver_names()));
    setup->add_flag("--write", options->write, "Write the files, for any resolver");
    add_agent_options(*setup, *options);
    add_file_options(*setup, *options);
    setup->callback(chosen(set_up));

    auto* status = command->add_subcommand(
        "status", "Which resolver this host uses, and whether programs reach the agent by it");
    add_agent_options(*status, *options);
    status->callback(chosen(tell_status));

    auto* remove = command->add_subcommand("remove", "Undo what setup did");
    add_file_options(*remove, *options);
    remove->callback(chosen(remove_all));
}

}  // namespace agent
