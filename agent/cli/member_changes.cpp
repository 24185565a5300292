#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/config.hpp"
#include "agent/url.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace agent {
namespace {

namespace json = boost::json;
using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;

constexpr std::uint64_t lag_max = 256;  // entries; then it may vote
constexpr auto asking_pause = 200ms;
constexpr auto until_it_asks = 10s;  // that its agent was started just now

struct Options {
    std::string http_addr;
    std::string server;  // its id or its address
    bool voter = false;
    bool no_wait = false;
    std::string timeout = "10m";
};

void pause() {
    boost::asio::io_context io;
    boost::asio::steady_timer(io, asking_pause).wait();
}

std::string query_of(const std::string& server) {
    const bool is_id = server.size() == 16 &&
                       server.find_first_not_of("0123456789abcdefABCDEF") == std::string::npos;
    return (is_id ? "?id=" : "?address=") + percent_encode(server);
}

int tell(const Console& console, const std::string& command, const ApiFailure& failure) {
    console.err << "roster members " << command << ": " << failure.message << "\n";
    return failure.code;
}

int change(const Console& console,
           const Options& options,
           const std::string& command,
           const std::string& method,
           const std::string& path) {
    const auto result = ApiClient(options.http_addr).send(method, path + query_of(options.server));
    if (const auto* failure = std::get_if<ApiFailure>(&result)) {
        return tell(console, command, *failure);
    }
    console.out << options.server << ": " << command << " done\n";
    return exit_ok;
}

// How many entries the member at `address` lacks; nothing as long as nobody knows.
std::optional<std::uint64_t> lag_of(const HttpReply& reply, const std::string& address) {
    json::error_code error;
    const auto configuration = json::parse(reply.body, error);
    if (error || !configuration.is_object()) return {};
    const auto* servers = configuration.as_object().if_contains("Servers");
    if (servers == nullptr || !servers->is_array()) return {};
    for (const auto& server : servers->as_array()) {
        if (!server.is_object()) continue;
        const auto* at = server.as_object().if_contains("Address");
        if (at == nullptr || !at->is_string() || at->as_string() != address) continue;
        const auto* behind = server.as_object().if_contains("Behind");
        if (behind == nullptr) return {};
        return behind->is_uint64() ? behind->as_uint64()
                                   : static_cast<std::uint64_t>(behind->as_int64());
    }
    return {};
}

// Says how far it is, on a terminal. Nothing: it has caught up.
std::optional<int> wait_for_catch_up(const Console& console, const Options& options) {
    const auto give_up = std::chrono::steady_clock::now() + *parse_duration(options.timeout);
    for (;;) {
        const auto result = ApiClient(options.http_addr).get("/v1/operator/raft/configuration");
        if (const auto* failure = std::get_if<ApiFailure>(&result)) {
            return tell(console, "add", *failure);
        }
        const auto lag = lag_of(std::get<HttpReply>(result), options.server);
        if (console.shows_progress) {
            console.err << "\r" << options.server << ": "
                        << (lag ? std::to_string(*lag) + " entries behind" : "not heard of yet")
                        << "        " << std::flush;
        }
        const bool done = lag && *lag < lag_max;
        const bool late = std::chrono::steady_clock::now() >= give_up;
        if (console.shows_progress && (done || late)) console.err << "\n";
        if (done) return {};
        if (late) {
            console.err << "roster members add: " << options.server
                        << " is a stand-by, but has not caught up in " << options.timeout
                        << ": see that its agent runs; 'roster members promote' makes it a voter "
                           "later\n";
            return exit_failed;
        }
        pause();
    }
}

int add(const Console& console, const Options& options) {
    const auto path = "/v1/operator/raft/peer?address=" + percent_encode(options.server);
    const auto give_up = std::chrono::steady_clock::now() + until_it_asks;
    auto result = ApiClient(options.http_addr).send("POST", path);
    const auto is_unknown = [&] {
        const auto* failure = std::get_if<ApiFailure>(&result);
        return failure != nullptr && failure->code == exit_not_found;
    };
    while (!options.no_wait && is_unknown() && std::chrono::steady_clock::now() < give_up) {
        pause();
        result = ApiClient(options.http_addr).send("POST", path);
    }
    if (const auto* failure = std::get_if<ApiFailure>(&result)) {
        return tell(console, "add", *failure);
    }
    console.out << options.server << ": added as a stand-by\n" << std::flush;
    if (options.no_wait) return exit_ok;
    if (const auto failed = wait_for_catch_up(console, options)) return *failed;
    console.out << options.server << ": has caught up\n";
    if (!options.voter) return exit_ok;
    return change(console, options, "promote", "POST", "/v1/operator/raft/promote");
}

std::shared_ptr<Options> options_of(CLI::App& command, const char* what, const char* name) {
    auto options = std::make_shared<Options>();
    command.add_option(name, options->server, what)->required()->type_name("");
    add_http_addr(command, options->http_addr);
    return options;
}

void add_add(CLI::App& members, Choice& choice) {
    auto* command = members.add_subcommand(
        "add", "Take in a server that waits, as a stand-by, and wait until it has caught up");
    const auto options = options_of(*command, "Where it listens to servers, as IP:PORT", "ADDRESS");
    auto* voter = command->add_flag("--voter", options->voter, "Then let it vote");
    command->add_flag("--no-wait", options->no_wait, "Do not wait")->excludes(voter);
    command->add_option("--timeout", options->timeout, "How long to wait (default: 10m)")
        ->type_name("DURATION")
        ->check(CLI::Validator(
            [](std::string& text) {
                return parse_duration(text) ? std::string() : "must be a duration such as 10m";
            },
            ""));
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] { return add(console, *options); };
    });
}

void add_change(CLI::App& members,
                Choice& choice,
                const std::string& name,
                const char* about,
                const std::string& method,
                const std::string& path) {
    auto* command = members.add_subcommand(name, about);
    const auto options = options_of(*command, "Its id or address, as listed", "SERVER");
    command->callback([options, name, method, path, &choice] {
        choice.command = [options, name, method, path, &console = choice.console] {
            return change(console, *options, name, method, path);
        };
    });
}

}  // namespace

void add_member_changes(CLI::App& members, Choice& choice) {
    const std::string raft = "/v1/operator/raft/";
    add_add(members, choice);
    add_change(members,
               choice,
               "promote",
               "Let a stand-by that has caught up vote",
               "POST",
               raft + "promote");
    add_change(members, choice, "demote", "Make a voter a stand-by", "POST", raft + "demote");
    add_change(members,
               choice,
               "remove",
               "Remove a server, dead or alive, for good",
               "DELETE",
               raft + "peer");
}

}  // namespace agent
