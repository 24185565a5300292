#include "agent/cli/api_client.hpp"
#include "agent/cli/commands.hpp"
#include "agent/cli/dns_lookup.hpp"
#include "agent/cli/table.hpp"

#include <boost/json.hpp>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <memory>

namespace agent {
namespace {

namespace json = boost::json;

struct Options {
    std::string http_addr;
    std::string name;
    std::string type;
    std::string dns_addr = "127.0.0.1:8600";
    std::string domain;
    bool json = false;
};

// "web" or "_web._tcp": a service, of the domain that is ours.
bool is_short(const std::string& name) {
    const auto dots = std::count(name.begin(), name.end(), '.');
    return dots == 0 || (dots == 1 && name.starts_with('_') && !name.ends_with('.'));
}

// What the agent calls its domain; nothing when it does not say.
std::string domain_of(const HttpReply& self) {
    json::error_code error;
    const auto parsed = json::parse(self.body, error);
    if (error || !parsed.is_object()) return {};
    const auto* debug = parsed.as_object().if_contains("DebugConfig");
    if (debug == nullptr || !debug->is_object()) return {};
    const auto* domain = debug->as_object().if_contains("DNSDomain");
    return domain != nullptr && domain->is_string() ? std::string(domain->as_string())
                                                    : std::string();
}

using Name = std::variant<std::string, ApiFailure>;

Name full_name(const Options& options) {
    if (!is_short(options.name)) return options.name;
    auto domain = options.domain;
    if (domain.empty()) {
        const auto result = ApiClient(options.http_addr).get("/v1/agent/self");
        if (const auto* failure = std::get_if<ApiFailure>(&result)) return *failure;
        domain = domain_of(std::get<HttpReply>(result));
    }
    if (domain.empty())
        return ApiFailure{exit_failed, "the agent does not tell its domain: use --domain"};
    return options.name + ".service." + domain;
}

json::array encode(const std::vector<DnsRecord>& records, const char* section) {
    json::array all;
    for (const auto& record : records) {
        all.push_back({{"name", record.name},
                       {"ttl", record.ttl},
                       {"type", record.type},
                       {"data", record.text},
                       {"section", section}});
    }
    return all;
}

void print(const Console& console, const Options& options, const DnsAnswer& answer) {
    if (options.json) {
        auto all = encode(answer.answer, "answer");
        for (auto& record : encode(answer.additional, "additional")) all.push_back(record);
        console.out << json::serialize(all) << "\n";
        return;
    }
    std::vector<Row> rows;
    for (const auto* section : {&answer.answer, &answer.additional}) {
        for (const auto& record : *section) {
            rows.push_back({record.name, std::to_string(record.ttl), record.type, record.text});
        }
    }
    console.out << format_table(rows);
}

std::string refusal(int rcode) {
    auto text = format_rcode(rcode);
    if (rcode == 2) text += " (the agent does not know now: see its log)";
    if (rcode == 5) text += " (not a name of the agent's domain)";
    return text;
}

int resolve(const Console& console, const Options& options) {
    const auto fail = [&](ExitCode code, const std::string& message) {
        console.err << "roster resolve: " << message << "\n";
        return code;
    };
    const auto name = full_name(options);
    if (const auto* failure = std::get_if<ApiFailure>(&name)) {
        return fail(failure->code, failure->message);
    }
    // A service is asked for with its ports; another name for its address.
    const auto* natural = is_short(options.name) ? "SRV" : "A";
    const auto type_text = options.type.empty() ? natural : options.type;
    const auto type = parse_type(type_text);
    if (type == 0) return fail(exit_usage, "no such record type: " + options.type);
    const auto server = parse_host_port(options.dns_addr).value();
    const auto& asked = std::get<std::string>(name);
    const auto answer = lookup(server, asked, type, std::chrono::seconds(5));
    if (!answer.value) {
        return fail(exit_unreachable, "no answer from " + options.dns_addr + ": " + answer.error);
    }
    if (answer.value->rcode == 3) return fail(exit_not_found, asked + " does not exist");
    if (answer.value->rcode != 0) {
        return fail(exit_failed, asked + ": " + refusal(answer.value->rcode));
    }
    print(console, options, *answer.value);
    if (!answer.value->answer.empty()) return exit_ok;
    return fail(exit_not_found, asked + " has no " + type_text + " records now");
}

}  // namespace

void add_resolve_command(CLI::App& app, Choice& choice) {
    auto* command = app.add_subcommand("resolve", "Look a name up in the agent's DNS");
    const auto options = std::make_shared<Options>();
    command
        ->add_option("name",
                     options->name,
                     "A domain name; a name without dots is a service of the agent's domain")
        ->type_name("NAME")
        ->required();
    command->add_option("type", options->type, "Default: SRV for a service, else A")
        ->type_name("TYPE");
    command->add_option("--dns-addr", options->dns_addr, "The agent's DNS")
        ->type_name("IP:PORT")
        ->check([](const std::string& value) {
            return is_listen_address(value) ? std::string()
                                            : "must be IP:PORT, found \"" + value + "\"";
        })
        ->capture_default_str();
    command->add_option("--domain", options->domain, "Default: as the agent says")
        ->type_name("DOMAIN");
    command->add_flag("--json", options->json, "As JSON");
    add_http_addr(*command, options->http_addr);
    command->callback([options, &choice] {
        choice.command = [options, &console = choice.console] {
            return resolve(console, *options);
        };
    });
}

}  // namespace agent
