#include "http/registration.hpp"

#include <boost/json.hpp>

#include <cmath>
#include <limits>

namespace http {
namespace {

namespace json = boost::json;

constexpr std::size_t depth_max = 32;

std::string normalized(std::string_view key) {
    std::string out;
    for (const char c : key) {
        if (c == '_') continue;
        out += c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    }
    return out;
}

// What went wrong first, and what was ignored, over a whole body.
struct Findings {
    std::string error;
    std::vector<std::string> ignored;

    void fail(std::string sentence) {
        if (error.empty()) error = "Request decode failed: " + std::move(sentence);
    }
};

// The members of one JSON object, each taken once by its name whatever the case.
class Members {
public:
    Members(const json::value& value, std::string where, Findings& findings)
        : where_(std::move(where)), findings_(findings) {
        if (const auto* object = value.if_object()) {
            for (const auto& member : *object) {
                members_[normalized(member.key())] = {&member, false};
            }
        } else {
            findings_.fail((where_.empty() ? "the body" : where_) + " must be an object");
        }
    }
    ~Members() {
        for (const auto& [name, member] : members_) {
            if (!member.taken) findings_.ignored.push_back(path(member.pair->key()));
        }
    }
    Members(const Members&) = delete;
    Members& operator=(const Members&) = delete;

    const json::value* find(std::string_view name) {
        const auto found = members_.find(normalized(name));
        if (found == members_.end()) return nullptr;
        found->second.taken = true;
        const auto& value = found->second.pair->value();
        return value.is_null() ? nullptr : &value;
    }
    [[nodiscard]] std::string path(std::string_view name) const {
        return where_.empty() ? std::string(name) : where_ + "." + std::string(name);
    }
    Findings& findings() { return findings_; }

    void text(std::string_view name, std::string& out) {
        const auto* value = find(name);
        if (value == nullptr) return;
        if (const auto* string = value->if_string())
            out.assign(string->data(), string->size());
        else
            findings_.fail(path(name) + " must be a string");
    }
    void flag(std::string_view name, bool& out) {
        const auto* value = find(name);
        if (value == nullptr) return;
        if (const auto* boolean = value->if_bool())
            out = *boolean;
        else
            findings_.fail(path(name) + " must be true or false");
    }
    template <class Number>
    void number(std::string_view name, Number& out) {
        const auto* value = find(name);
        if (value == nullptr) return;
        boost::system::error_code wrong;
        const auto wide = value->to_number<std::int64_t>(wrong);
        if (wrong || wide < std::numeric_limits<Number>::min() ||
            wide > std::numeric_limits<Number>::max()) {
            findings_.fail(path(name) + " must be a whole number of its range");
            return;
        }
        out = static_cast<Number>(wide);
    }
    void duration(std::string_view name, std::chrono::milliseconds& out);
    void texts(std::string_view name, std::vector<std::string>& out);
    void statuses(std::string_view name, std::vector<int>& out);
    void pairs(std::string_view name, std::map<std::string, std::string>& out);

private:
    struct Member {
        const json::key_value_pair* pair = nullptr;
        bool taken = false;
    };
    std::map<std::string, Member, std::less<>> members_;
    std::string where_;
    Findings& findings_;
};

void Members::duration(std::string_view name, std::chrono::milliseconds& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    if (const auto* string = value->if_string()) {
        if (string->empty()) return;
        if (const auto parsed = agent::parse_duration({string->data(), string->size()})) {
            out = *parsed;
            return;
        }
    } else if (value->is_number()) {
        boost::system::error_code wrong;
        const auto nanoseconds = value->to_number<double>(wrong);
        constexpr double ten_years = 3.2e17;
        if (!wrong && nanoseconds >= 0 && nanoseconds < ten_years) {
            out = std::chrono::milliseconds(std::llround(std::ceil(nanoseconds / 1e6)));
            return;
        }
    }
    findings_.fail(path(name) + " must be a duration such as \"10s\"");
}

void Members::texts(std::string_view name, std::vector<std::string>& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* array = value->if_array();
    if (array == nullptr) return findings_.fail(path(name) + " must be a list of strings");
    out.clear();
    for (const auto& each : *array) {
        if (const auto* string = each.if_string())
            out.emplace_back(string->data(), string->size());
        else
            findings_.fail(path(name) + " must be a list of strings");
    }
}

// One status, or a list of them.
void Members::statuses(std::string_view name, std::vector<int>& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* array = value->if_array();
    out.clear();
    for (std::size_t i = 0, count = array == nullptr ? 1 : array->size(); i < count; ++i) {
        const auto& each = array == nullptr ? *value : (*array)[i];
        boost::system::error_code wrong;
        const auto status = each.to_number<int>(wrong);
        if (wrong || status < 100 || status > 599) {
            return findings_.fail(path(name) + " must be an HTTP status or a list of them");
        }
        out.push_back(status);
    }
}

void Members::pairs(std::string_view name, std::map<std::string, std::string>& out) {
    const auto* value = find(name);
    if (value == nullptr) return;
    const auto* object = value->if_object();
    if (object == nullptr) return findings_.fail(path(name) + " must be a map of strings");
    out.clear();
    for (const auto& pair : *object) {
        if (const auto* string = pair.value().if_string())
            out[pair.key()].assign(string->data(), string->size());
        else
            findings_.fail(path(name) + "." + std::string(pair.key()) + " must be a string");
    }
}

void decode_header(Members& members, agent::CheckDefinition& check) {
    const auto* value = members.find("Header");
    if (value == nullptr) return;
    const auto* object = value->if_object();
    if (object == nullptr) {
        members.findings().fail(members.path("Header") + " must be a map of lists of strings");
        return;
    }
    Members fields(*value, members.path("Header"), members.findings());
    for (const auto& pair : *object) {
        std::vector<std::string> values;
        fields.texts(pair.key(), values);
        for (auto& each : values) check.header.emplace_back(pair.key(), std::move(each));
    }
}

// The kinds of check Consul knows and this agent does not run.
constexpr std::string_view foreign_kinds[] = {
    "UDP", "GRPC", "H2PING", "DockerContainerID", "OSService", "AliasService", "AliasNode"};

void decode_kind(Members& members, agent::CheckDefinition& check) {
    members.text("HTTP", check.http);
    members.text("TCP", check.tcp);
    members.texts("Args", check.args);
    members.texts("ScriptArgs", check.args);
    members.duration("TTL", check.ttl);
    for (const auto kind : foreign_kinds) {
        std::string value;
        members.text(kind, value);
        if (value.empty()) continue;
        members.findings().error =
            "Invalid check: " + std::string(kind) + " checks are not supported by this agent";
    }
    if (!check.http.empty())
        check.kind = agent::CheckKind::http;
    else if (!check.tcp.empty())
        check.kind = agent::CheckKind::tcp;
    else if (!check.args.empty())
        check.kind = agent::CheckKind::script;
    else
        check.kind = agent::CheckKind::ttl;
}

void decode_status(Members& members, agent::CheckDefinition& check) {
    std::string status;
    members.text("Status", status);
    if (status.empty()) return;
    check.initial_status = agent::parse_health(status);
    if (!check.initial_status && members.findings().error.empty()) {
        members.findings().error =
            "Status for checks must 'passing', 'warning', 'critical': not '" + status + "'";
    }
}

agent::CheckDefinition decode_check(Members& members) {
    agent::CheckDefinition check;
    members.text("ID", check.id);
    members.text("CheckID", check.id);
    members.text("Name", check.name);
    members.text("Notes", check.notes);
    members.text("ServiceID", check.service_id);
    decode_kind(members, check);
    decode_status(members, check);
    decode_header(members, check);
    members.text("Method", check.method);
    if (check.method.empty()) check.method = "GET";
    members.text("Body", check.body);
    members.statuses("ExpectedStatus", check.expected_status);
    members.text("BodyMatch", check.body_match);
    members.flag("DisableRedirects", check.disable_redirects);
    members.text("TLSServerName", check.tls_server_name);
    members.flag("TLSSkipVerify", check.tls_skip_verify);
    members.flag("TCPUseTLS", check.tcp_use_tls);
    members.duration("Interval", check.interval);
    members.duration("Timeout", check.timeout);
    members.duration("StartPeriod", check.start_period);
    members.duration("DeregisterCriticalServiceAfter", check.deregister_critical_after);
    members.number("SuccessBeforePassing", check.success_before_passing);
    members.number("FailuresBeforeWarning", check.failures_before_warning);
    members.number("FailuresBeforeCritical", check.failures_before_critical);
    std::uint32_t output_bytes_max = 0;
    members.number("OutputMaxSize", output_bytes_max);
    if (output_bytes_max != 0) check.output_bytes_max = output_bytes_max;
    for (const auto* const known : {"Token", "Namespace", "Partition"}) members.find(known);
    return check;
}

template <class Each>
void each_of(Members& members, std::string_view name, Each each) {
    const auto* value = members.find(name);
    if (value == nullptr) return;
    const auto* array = value->if_array();
    if (array == nullptr) return members.findings().fail(members.path(name) + " must be a list");
    for (std::size_t i = 0; i < array->size(); ++i) {
        if ((*array)[i].is_null()) continue;
        each((*array)[i], members.path(name) + "[" + std::to_string(i) + "]");
    }
}

void decode_checks(Members& members, agent::ServiceDefinition& service) {
    const auto add = [&](const json::value& value, const std::string& where) {
        Members check(value, where, members.findings());
        service.checks.push_back(decode_check(check));
    };
    // Consul: a "Check" that says nothing is none, while one in the list is wrong.
    const auto* one = members.find("Check");
    const auto* said = one == nullptr ? nullptr : one->if_object();
    const bool is_blank =
        said != nullptr && std::all_of(said->begin(), said->end(), [](const auto& member) {
            return member.value().is_null() || member.value() == json::value("");
        });
    if (one != nullptr && !is_blank) add(*one, members.path("Check"));
    each_of(members, "Checks", add);
}

void decode_tagged_addresses(Members& members, agent::ServiceDefinition& service) {
    const auto* value = members.find("TaggedAddresses");
    if (value == nullptr) return;
    const auto where = members.path("TaggedAddresses");
    const auto* object = value->if_object();
    if (object == nullptr) return members.findings().fail(where + " must be a map");
    for (const auto& pair : *object) {
        auto& address = service.tagged_addresses[pair.key()];
        if (const auto* string = pair.value().if_string()) {
            address.address.assign(string->data(), string->size());
            continue;
        }
        Members fields(pair.value(), where + "." + std::string(pair.key()), members.findings());
        fields.text("Address", address.address);
        fields.number("Port", address.port);
    }
}

void decode_weights(Members& members, agent::ServiceDefinition& service) {
    const auto* value = members.find("Weights");
    if (value == nullptr) return;
    Members fields(*value, members.path("Weights"), members.findings());
    fields.number("Passing", service.weights.passing);
    fields.number("Warning", service.weights.warning);
}

agent::ServiceDefinition decode_service(Members& members, std::string_view name_field) {
    agent::ServiceDefinition service;
    members.text("ID", service.id);
    members.text(name_field, service.name);
    members.text("Address", service.address);
    members.number("Port", service.port);
    members.texts("Tags", service.tags);
    members.pairs("Meta", service.meta);
    members.flag("EnableTagOverride", service.enable_tag_override);
    decode_tagged_addresses(members, service);
    decode_weights(members, service);
    decode_checks(members, service);
    if (const auto* locality = members.find("Locality")) {
        Members fields(*locality, members.path("Locality"), members.findings());
        fields.text("Zone", service.zone);
        fields.find("Region");
    }
    std::string kind;
    members.text("Kind", kind);
    if (!kind.empty() && kind != "typical") {
        members.findings().error = "Invalid service kind: '" + kind + "' is not supported";
    }
    for (const auto* const known : {"Token", "Namespace", "Partition"}) members.find(known);
    return service;
}

agent::Check decode_catalog_check(Members& members, const agent::NodeRecord& node) {
    agent::Check check;
    if (const auto* definition = members.find("Definition")) {
        Members fields(*definition, members.path("Definition"), members.findings());
        check.definition = decode_check(fields);
    }
    std::string of_node;
    members.text("Node", of_node);
    if (!of_node.empty() && !node.name.empty() && of_node != node.name) {
        members.findings().fail(members.path("Node") + " must be the node that is registered");
    }
    members.text("ID", check.definition.id);
    members.text("CheckID", check.definition.id);
    members.text("Name", check.definition.name);
    members.text("Notes", check.definition.notes);
    members.text("ServiceID", check.definition.service_id);
    members.text("Output", check.status.output);
    decode_status(members, check.definition);
    check.status.health = check.definition.initial_status.value_or(agent::Health::critical);
    if (check.definition.id.empty()) check.definition.id = check.definition.name;
    for (const auto* const known :
         {"ServiceName", "ServiceTags", "Type", "Namespace", "CreateIndex", "ModifyIndex"}) {
        members.find(known);
    }
    return check;
}

CatalogRegistration decode_catalog_registration(Members& members) {
    CatalogRegistration registration;
    members.text("Datacenter", registration.datacenter);
    members.text("ID", registration.node.id);
    members.text("Node", registration.node.name);
    members.text("Address", registration.node.address);
    members.pairs("TaggedAddresses", registration.node.tagged_addresses);
    members.pairs("NodeMeta", registration.node.meta);
    members.flag("SkipNodeUpdate", registration.skip_node_update);
    registration.node.external = true;
    if (const auto* service = members.find("Service")) {
        Members fields(*service, "Service", members.findings());
        registration.service = decode_service(fields, "Service");
    }
    const auto add = [&](const json::value& value, const std::string& where) {
        Members check(value, where, members.findings());
        registration.checks.push_back(decode_catalog_check(check, registration.node));
    };
    if (const auto* one = members.find("Check")) add(*one, "Check");
    each_of(members, "Checks", add);
    return registration;
}

TtlReport decode_ttl_report(Members& members) {
    TtlReport report;
    members.text("Status", report.status);
    members.text("Output", report.output);
    return report;
}

CatalogDeregistration decode_catalog_deregistration(Members& members) {
    CatalogDeregistration deregistration;
    members.text("Datacenter", deregistration.datacenter);
    members.text("Node", deregistration.node);
    members.text("ServiceID", deregistration.service_id);
    members.text("CheckID", deregistration.check_id);
    return deregistration;
}

// Parses the body and lets `decode` take what it knows.
template <class T, class Decode>
Decoded<T> decode_body(std::string_view body, Decode decode) {
    json::parse_options options;
    options.max_depth = depth_max;
    boost::system::error_code wrong;
    const auto value = json::parse({body.data(), body.size()}, wrong, {}, options);
    Decoded<T> decoded;
    if (wrong) {
        decoded.error = "Request decode failed: the body is not JSON: " + wrong.message();
        return decoded;
    }
    Findings findings;
    {
        Members members(value, "", findings);
        decoded.value = decode(members);
    }
    decoded.error = std::move(findings.error);
    decoded.ignored = std::move(findings.ignored);
    if (!decoded.error.empty()) decoded.value.reset();
    return decoded;
}

}  // namespace

Decoded<agent::ServiceDefinition> decode_service(std::string_view body) {
    return decode_body<agent::ServiceDefinition>(
        body, [](Members& members) { return decode_service(members, "Name"); });
}

Decoded<agent::CheckDefinition> decode_check(std::string_view body) {
    return decode_body<agent::CheckDefinition>(
        body, [](Members& members) { return decode_check(members); });
}

Decoded<TtlReport> decode_ttl_report(std::string_view body) {
    return decode_body<TtlReport>(body,
                                  [](Members& members) { return decode_ttl_report(members); });
}

Decoded<CatalogRegistration> decode_catalog_registration(std::string_view body) {
    return decode_body<CatalogRegistration>(
        body, [](Members& members) { return decode_catalog_registration(members); });
}

Decoded<CatalogDeregistration> decode_catalog_deregistration(std::string_view body) {
    return decode_body<CatalogDeregistration>(
        body, [](Members& members) { return decode_catalog_deregistration(members); });
}

}  // namespace http
