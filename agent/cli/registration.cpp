#include "agent/cli/registration.hpp"

#include <boost/json.hpp>

namespace agent {
namespace {

namespace json = boost::json;
using std::chrono::milliseconds;

void add(json::object& to, const char* name, const std::string& value) {
    if (!value.empty()) to.emplace(name, value);
}

void add(json::object& to, const char* name, milliseconds value) {
    if (value.count() > 0) to.emplace(name, format_duration(value));
}

void add(json::object& to, const char* name, bool value) {
    if (value) to.emplace(name, true);
}

void add(json::object& to, const char* name, int value) {
    if (value > 0) to.emplace(name, value);
}

template <class T>
json::array array_of(const std::vector<T>& values) {
    json::array array;
    for (const auto& value : values) array.emplace_back(value);
    return array;
}

json::object headers_of(const CheckDefinition& check) {
    json::object headers;
    for (const auto& [name, value] : check.header) {
        auto& values = headers[name];
        if (!values.is_array()) values = json::array();
        values.as_array().emplace_back(value);
    }
    return headers;
}

void add_kind(json::object& to, const CheckDefinition& check) {
    switch (check.kind) {
        case CheckKind::ttl: add(to, "TTL", check.ttl); break;
        case CheckKind::tcp: add(to, "TCP", check.tcp); break;
        case CheckKind::script: to.emplace("ScriptArgs", array_of(check.args)); break;
        case CheckKind::http:
            add(to, "HTTP", check.http);
            if (check.method != "GET") add(to, "Method", check.method);
            if (!check.header.empty()) to.emplace("Header", headers_of(check));
            add(to, "Body", check.body);
            break;
    }
}

json::object encode(const CheckDefinition& check) {
    json::object to;
    add(to, "CheckID", check.id);
    add(to, "Name", check.name);
    add(to, "Notes", check.notes);
    add_kind(to, check);
    if (!check.expected_status.empty()) {
        to.emplace("ExpectedStatus", array_of(check.expected_status));
    }
    add(to, "BodyMatch", check.body_match);
    add(to, "DisableRedirects", check.disable_redirects);
    add(to, "TLSSkipVerify", check.tls_skip_verify);
    add(to, "TLSServerName", check.tls_server_name);
    add(to, "TCPUseTLS", check.tcp_use_tls);
    add(to, "Interval", check.interval);
    add(to, "Timeout", check.timeout);
    add(to, "StartPeriod", check.start_period);
    add(to, "SuccessBeforePassing", check.success_before_passing);
    add(to, "FailuresBeforeWarning", check.failures_before_warning);
    add(to, "FailuresBeforeCritical", check.failures_before_critical);
    add(to, "DeregisterCriticalServiceAfter", check.deregister_critical_after);
    if (check.initial_status) to.emplace("Status", format(*check.initial_status));
    return to;
}

}  // namespace

std::string encode_registration(const ServiceDefinition& service) {
    json::object to;
    add(to, "ID", service.id);
    add(to, "Name", service.name);
    add(to, "Address", service.address);
    if (service.port != 0) to.emplace("Port", service.port);
    if (!service.tags.empty()) to.emplace("Tags", array_of(service.tags));
    json::object meta;
    for (const auto& [key, value] : service.meta) meta.emplace(key, value);
    if (!meta.empty()) to.emplace("Meta", std::move(meta));
    json::object addresses;
    for (const auto& [name, tagged] : service.tagged_addresses) {
        addresses[name] = {{"Address", tagged.address}, {"Port", tagged.port}};
    }
    if (!addresses.empty()) to.emplace("TaggedAddresses", std::move(addresses));
    if (service.weights != Weights{}) {
        to.emplace("Weights",
                   json::object{{"Passing", service.weights.passing},
                                {"Warning", service.weights.warning}});
    }
    add(to, "EnableTagOverride", service.enable_tag_override);
    if (!service.zone.empty()) to.emplace("Locality", json::object{{"Zone", service.zone}});
    json::array checks;
    for (const auto& check : service.checks) checks.emplace_back(encode(check));
    if (!checks.empty()) to.emplace("Checks", std::move(checks));
    return json::serialize(to);
}

}  // namespace agent
