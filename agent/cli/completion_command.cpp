#include "agent/cli/commands.hpp"

#include <CLI/CLI.hpp>
#include <set>
#include <string>

namespace agent {
namespace {

constexpr const char* head =
    R"sh(# Completion of roster for bash; written by 'roster completion bash'.
_roster() {
  local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} flags="" more=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "$(_roster_commands)" -- "$current"))
    return
  fi
  case $previous in
    --config | -c) COMPREPLY=($(compgen -f -- "$current")); return ;;
    --data-dir | --services-dir | --root) COMPREPLY=($(compgen -d -- "$current")); return ;;
    --for) COMPREPLY=($(compgen -W "systemd-resolved networkmanager dnsmasq unbound resolv.conf" -- "$current")); return ;;
    --log-level) COMPREPLY=($(compgen -W "trace debug info warn error off" -- "$current")); return ;;
  esac
  case ${COMP_WORDS[1]} in
)sh";

constexpr const char* tail = R"sh(  esac
  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags" -- "$current"))
    return
  fi
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$more" ]; then
    COMPREPLY=($(compgen -W "$more" -- "$current"))
    return
  fi
  case ${COMP_WORDS[1]} in
    services | watch | resolve)
      COMPREPLY=($(compgen -W "$(roster services 2>/dev/null | awk 'NR > 1 {print $1}')" -- "$current")) ;;
    validate | register | snapshot) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _roster roster
)sh";

// Its own, and those of what can be done with it: "members add --voter".
std::string flags_of(const CLI::App& command) {
    std::set<std::string> flags;
    const auto add = [&flags](const CLI::App& of) {
        for (const auto* option : of.get_options()) {
            for (const auto& name : option->get_lnames()) flags.insert("--" + name);
        }
    };
    add(command);
    for (const auto* more : command.get_subcommands({})) add(*more);
    std::string all;
    for (const auto& flag : flags) all += (all.empty() ? "" : " ") + flag;
    return all;
}

std::string names_below(const CLI::App& command) {
    std::string all;
    for (const auto* more : command.get_subcommands({})) {
        all += (all.empty() ? "" : " ") + more->get_name();
    }
    return all;
}

// Generated from the command line itself, so that it cannot lag behind.
std::string bash_completion(const CLI::App& app) {
    std::string commands;
    std::string flags;
    for (const auto* command : app.get_subcommands({})) {
        commands += command->get_name() + " ";
        flags += "    " + command->get_name() + ") flags=\"" + flags_of(*command) + "\" more=\"" +
                 names_below(*command) + "\" ;;\n";
    }
    return head + flags + tail + "_roster_commands() { echo \"" + commands +
           "--help --version\"; }\n";
}

}  // namespace

void add_completion_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("completion", "Print the completion script of a shell");
    command->require_subcommand(1);
    auto* bash = command->add_subcommand("bash", "To be sourced, or put among bash's completions");
    bash->callback([&app, &choice] {
        choice.command = [&app, &console = choice.console] {
            console.out << bash_completion(app);
            return exit_ok;
        };
    });
}

}  // namespace agent
