#include "agent/child_process.hpp"
#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/instances.hpp"
#include "agent/cli/table.hpp"
#include "agent/endpoint.hpp"
#include "agent/url.hpp"

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <charconv>
#include <csignal>
#include <memory>

namespace agent {
namespace {

namespace asio = boost::asio;

constexpr std::chrono::seconds wait_time{300};
// The agent may wait a sixteenth longer than asked.
constexpr std::chrono::seconds reply_time = wait_time + wait_time / 16 + std::chrono::seconds(15);

struct Options {
    std::string http_addr;
    std::string service;
    bool all = false;
    bool passing = false;
    std::vector<std::string> command;
};

// Follows one service by blocking queries until a signal comes.
class Watch {
public:
    Watch(const Console& console, const Options& options)
        : console_(console),
          options_(options),
          api_(options.http_addr),
          pause_(io_),
          signals_(io_, SIGINT, SIGTERM) {}

    int run() {
        signals_.async_wait([this](const auto& error, int signal) {
            if (!error) end(128 + signal);
        });
        coord::spawn(io_, "watch", follow());
        io_.run();
        return code_;
    }

private:
    void end(int code) {
        code_ = code;
        io_.stop();
    }

    [[nodiscard]] std::string path() const {
        return "/v1/health/service/" + percent_encode(options_.service) +
               "?wait=" + std::to_string(wait_time.count()) + "s&index=" + std::to_string(index_) +
               (options_.all ? "" : "&passing=1");
    }

    coord::Task<void> follow() {
        bool answered = false;
        std::chrono::seconds patience{1};
        for (;;) {
            const auto result = co_await api_.get(io_, path(), reply_time);
            if (const auto* failure = std::get_if<ApiFailure>(&result)) {
                console_.err << "roster watch: " << failure->message << std::endl;
                if (!answered) co_return end(failure->code);  // Most likely a mistake.
                index_ = 0;
                pause_.expires_after(patience);
                co_await pause_.async_wait(coord::use_tuple);
                patience = std::min(patience * 2, std::chrono::seconds(10));
                continue;
            }
            answered = true;
            patience = std::chrono::seconds(1);
            take(std::get<HttpReply>(result));
        }
    }

    // The rules of blocking queries: an index that went back starts over, one that stayed is a
    // query that timed out.
    void take(const HttpReply& reply) {
        const auto text = reply.find("X-Consul-Index");
        std::uint64_t index = 0;
        std::from_chars(text.data(), text.data() + text.size(), index);
        const bool is_same = index == index_ && index != 0;
        index_ = index < index_ ? 0 : std::max<std::uint64_t>(index, 1);
        const auto instances = parse_instances(reply.body);
        if (is_same || !instances) return;
        const bool is_first = !known_;
        const auto changes = compare(known_.value_or(std::vector<Instance>{}), *instances);
        known_ = *instances;
        if (changes.empty() && !is_first) return;
        if (options_.command.empty()) return print(changes);
        latest_ = reply.body;
        if (!is_running_) coord::spawn(io_, "watch command", run_commands());
    }

    void print(const std::vector<InstanceChange>& changes) {
        using Kind = InstanceChange::Kind;
        const auto time = paint(console_, Colour::dim, format_time(console_.clock_ms()));
        if (changes.empty())
            console_.out << time << "   no instance of " << options_.service << "\n";
        for (const auto& [kind, instance, what] : changes) {
            const auto mark = kind == Kind::added     ? paint(console_, Colour::green, "+")
                              : kind == Kind::removed ? paint(console_, Colour::red, "-")
                                                      : paint(console_, Colour::yellow, "~");
            console_.out << time << " " << mark << " " << instance.id << "@" << instance.node << " "
                         << format(HostPort{instance.address, instance.port}) << " "
                         << paint_health(console_, instance.health);
            if (!instance.tags.empty()) console_.out << " " << join(instance.tags);
            if (!what.empty()) console_.out << " (" << what << ")";
            console_.out << "\n";
        }
        console_.out.flush();
    }

    // One at a time; what changes meanwhile is given to the next run, and only the latest of it.
    coord::Task<void> run_commands() {
        is_running_ = true;
        while (latest_) {
            ChildOptions child{.args = options_.command,
                               .environment = {{"ROSTER_SERVICE", options_.service},
                                               {"ROSTER_INDEX", std::to_string(index_)}},
                               .input = std::move(*latest_)};
            latest_.reset();
            ChildProcess process(io_, std::move(child));
            const auto why = process.start();
            if (!why.empty()) {
                console_.err << "roster watch: " << why << std::endl;
                co_return end(exit_failed);
            }
            const auto ended = co_await process.wait();
            if (ended.exit_code != 0 || ended.signal != 0) {
                console_.err << "roster watch: " << options_.command.front()
                             << (ended.signal != 0 ? " was ended by signal " : " ended with ")
                             << (ended.signal != 0 ? ended.signal : ended.exit_code) << std::endl;
            }
        }
        is_running_ = false;
    }

    const Console& console_;
    const Options& options_;
    ApiClient api_;
    asio::io_context io_;
    asio::steady_timer pause_;
    asio::signal_set signals_;
    std::uint64_t index_ = 0;
    std::optional<std::vector<Instance>> known_;  // As last told.
    std::optional<std::string> latest_;           // What the next run of the command is given.
    bool is_running_ = false;
    int code_ = exit_ok;
};

}  // namespace

void add_watch_command(CLI::App& app, Choice& choice) {
    auto* command =
        app.add_subcommand("watch", "Print each change of a service, or run a command at each");
    command->footer(
        "The command gets the new list on standard input, as the JSON of /v1/health/service, "
        "and\n"
        "finds ROSTER_SERVICE and ROSTER_INDEX in its environment. It runs once at a time; the\n"
        "latest list wins. Ctrl-C ends with exit code 130. Exit codes: see 'roster --help'.");
    const auto options = std::make_shared<Options>();
    command->add_option("service", options->service, "The service's name")
        ->type_name("SERVICE")
        ->required();
    command->add_option("command", options->command, "Run at each change, after --")
        ->type_name("COMMAND");
    auto* all = command->add_flag("--all", options->all, "Instances in any health");
    command
        ->add_flag("--passing", options->passing, "Only instances that pass their checks (default)")
        ->excludes(all);
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return Watch(console, *options).run();
        };
    });
}

}  // namespace agent
