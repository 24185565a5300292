#include "agent/record_json.hpp"

#include <boost/json/array.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <limits>

namespace agent {

namespace json = boost::json;

namespace {

const json::array no_elements;

std::string to_text(const json::value& string) {
    const auto& text = string.get_string();
    return {text.data(), text.size()};
}

json::array to_array(const std::vector<std::string>& texts) {
    json::array out;
    out.reserve(texts.size());
    for (const auto& text : texts) out.emplace_back(valid_utf8(text));
    return out;
}

json::object to_object(const std::map<std::string, std::string>& texts) {
    json::object out;
    for (const auto& [key, text] : texts) out[valid_utf8(key)] = valid_utf8(text);
    return out;
}

void put(json::object& out, std::string_view key, const std::string& text) {
    if (!text.empty()) out[key] = valid_utf8(text);
}

void put(json::object& out, std::string_view key, bool flag) {
    if (flag) out[key] = true;
}

void put(json::object& out, std::string_view key, int number) {
    if (number != 0) out[key] = number;
}

void put(json::object& out, std::string_view key, std::chrono::milliseconds duration) {
    if (duration.count() != 0) out[key] = format_duration(duration);
}

void put(json::object& out, std::string_view key, const std::vector<std::string>& texts) {
    if (!texts.empty()) out[key] = to_array(texts);
}

void put(json::object& out, std::string_view key, const std::map<std::string, std::string>& texts) {
    if (!texts.empty()) out[key] = to_object(texts);
}

json::object to_object(const std::map<std::string, TaggedAddress>& addresses) {
    json::object out;
    for (const auto& [tag, tagged] : addresses) {
        out[valid_utf8(tag)] = {{"address", valid_utf8(tagged.address)}, {"port", tagged.port}};
    }
    return out;
}

// How many bytes of every output a record of so many checks may carry.
std::size_t output_share(std::size_t checks) {
    return std::min(output_bytes_published_max,
                    outputs_bytes_max / std::max<std::size_t>(checks, 1));
}

json::array to_array(const std::vector<Check>& checks, Secrets secrets) {
    json::array out;
    out.reserve(checks.size());
    for (const auto& check : checks) {
        out.push_back(to_json(check, secrets, output_share(checks.size())));
    }
    return out;
}

std::vector<Check> read_checks(const JsonReader& in, std::string_view service_id) {
    std::vector<Check> out;
    for (const auto& element : in.list("checks")) {
        out.push_back(read_check(JsonReader(element, in.error())));
        out.back().definition.service_id = service_id;
    }
    return out;
}

std::vector<std::pair<std::string, std::string>> read_header(const JsonReader& in) {
    std::vector<std::pair<std::string, std::string>> out;
    for (const auto& element : in.list("header")) {
        const auto* pair = element.if_array();
        if (pair == nullptr || pair->size() != 2 || !(*pair)[0].is_string() ||
            !(*pair)[1].is_string()) {
            in.wrong("header", "a list of pairs of strings");
            continue;
        }
        out.emplace_back(to_text((*pair)[0]), to_text((*pair)[1]));
    }
    return out;
}

int read_int(const JsonReader& in, std::string_view key) {
    return static_cast<int>(in.number(key, 0, std::numeric_limits<int>::max()));
}

std::uint16_t read_weight(const JsonReader& in, std::string_view key) { return in.port(key, 1); }

// Another program's ServiceInstance. What Spring Cloud keeps in the payload's metadata is ours too.
InstanceRecord read_curator_instance(const JsonReader& in) {
    InstanceRecord out;
    out.external = true;
    out.service.name = in.text("name");
    out.service.id = in.text("id");
    out.service.address = in.text("address");
    out.service.port = in.port("port", in.port("sslPort"));
    out.node = out.service.address.empty() ? "curator" : out.service.address;
    out.node_address = out.service.address;
    out.registered_ms = in.number("registrationTimeUTC");
    const auto* payload = in.find("payload");
    const auto* metadata = payload != nullptr && payload->is_object()
                               ? payload->as_object().if_contains("metadata")
                               : nullptr;
    if (metadata != nullptr && metadata->is_object()) {
        for (const auto& [key, text] : metadata->as_object()) {
            if (text.is_string()) out.service.meta[key] = to_text(text);
        }
    }
    if (!in.flag("enabled", true)) {
        Check disabled;
        disabled.definition.id = "service:" + out.service.id;
        disabled.definition.name = "Curator's enabled flag";
        disabled.definition.service_id = out.service.id;
        disabled.status = {Health::critical, "disabled by its owner"};
        out.checks.push_back(std::move(disabled));
    }
    return out;
}

json::object to_json(const DnsOrigin& origin) {
    json::object out;
    out["key"] = valid_utf8(origin.key);
    if (origin.expires_ms != 0) out["expires"] = origin.expires_ms;
    put(out, "address", origin.has_address);
    return out;
}

std::optional<DnsOrigin> read_dns_origin(const JsonReader& in) {
    const auto* found = in.find("dns");
    if (found == nullptr) return std::nullopt;
    const JsonReader origin(*found, in.error());
    return DnsOrigin{origin.text("key"), origin.number("expires"), origin.flag("address")};
}

InstanceRecord read_own_instance(const JsonReader& in) {
    InstanceRecord out;
    out.service = read_service(in);
    // `id` and `address` are Curator's: always filled in, and not what was asked for.
    out.service.id = in.text("serviceId");
    out.service.address = in.text("serviceAddress");
    out.node = in.text("node");
    out.node_address = in.text("nodeAddress");
    out.datacenter = in.text("datacenter");
    out.registered_ms = in.number("registrationTimeUTC");
    out.checks = read_checks(in, out.service.id);
    out.maintenance = read_maintenance(in);
    out.external = in.flag("external");
    out.dns = read_dns_origin(in);
    return out;
}

template <class T>
Parsed<T> failed(std::string error) {
    return {std::nullopt, std::move(error)};
}

Secrets secrets_of(bool external) { return external ? Secrets::kept : Secrets::left_out; }

// The length of the UTF-8 sequence at the front of `text`; 0 if there is none. RFC 3629 §4.
std::size_t utf8_sequence(std::string_view text) {
    const auto at = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto lead = at(0);
    if (lead < 0x80) return 1;
    const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
    if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
    const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (at(1) < low || at(1) > high) return 0;
    for (std::size_t i = 2; i < length; ++i) {
        if ((at(i) & 0xC0U) != 0x80U) return 0;
    }
    return length;
}

}  // namespace

JsonReader::JsonReader(const json::value& value, std::string& error)
    : object_(value.if_object()), error_(&error) {
    if (object_ == nullptr && error_->empty()) *error_ = "not a JSON object";
}

void JsonReader::wrong(std::string_view key, std::string_view wanted) const {
    if (error_->empty()) *error_ = std::string(key) + " must be " + std::string(wanted);
}

const json::value* JsonReader::find(std::string_view key) const {
    const auto* found = object_ == nullptr ? nullptr : object_->if_contains(key);
    return found == nullptr || found->is_null() ? nullptr : found;
}

std::string JsonReader::text(std::string_view key) const {
    const auto* found = find(key);
    if (found == nullptr) return {};
    if (found->is_string()) return to_text(*found);
    wrong(key, "a string");
    return {};
}

bool JsonReader::flag(std::string_view key, bool otherwise) const {
    const auto* found = find(key);
    if (found == nullptr) return otherwise;
    if (!found->is_bool()) wrong(key, "true or false");
    return found->is_bool() ? found->get_bool() : otherwise;
}

std::int64_t
JsonReader::number(std::string_view key, std::int64_t otherwise, std::int64_t max) const {
    const auto* found = find(key);
    if (found == nullptr) return otherwise;
    const auto* integer = found->if_int64();
    if (integer != nullptr && *integer >= 0 && *integer <= max) return *integer;
    wrong(key, "a number within 0 and " + std::to_string(max));
    return otherwise;
}

std::uint16_t JsonReader::port(std::string_view key, std::uint16_t otherwise) const {
    return static_cast<std::uint16_t>(
        number(key, otherwise, std::numeric_limits<std::uint16_t>::max()));
}

std::chrono::milliseconds JsonReader::duration(std::string_view key) const {
    if (!has(key)) return {};
    const auto read = parse_duration(text(key));
    if (!read) wrong(key, "a duration such as \"10s\"");
    return read.value_or(std::chrono::milliseconds{0});
}

std::optional<Health> JsonReader::health(std::string_view key) const {
    if (!has(key)) return std::nullopt;
    const auto read = parse_health(text(key));
    if (!read) wrong(key, "passing, warning or critical");
    return read;
}

const json::array& JsonReader::list(std::string_view key) const {
    const auto* found = find(key);
    if (found == nullptr) return no_elements;
    if (const auto* array = found->if_array()) return *array;
    wrong(key, "a list");
    return no_elements;
}

std::vector<std::string> JsonReader::texts(std::string_view key) const {
    std::vector<std::string> out;
    for (const auto& element : list(key)) {
        if (element.is_string())
            out.push_back(to_text(element));
        else
            wrong(key, "a list of strings");
    }
    return out;
}

std::map<std::string, std::string> JsonReader::text_map(std::string_view key) const {
    std::map<std::string, std::string> out;
    const auto* found = find(key);
    if (found == nullptr) return out;
    if (!found->is_object()) {
        wrong(key, "an object");
        return out;
    }
    for (const auto& [name, text] : found->get_object()) {
        if (text.is_string())
            out[name] = to_text(text);
        else
            wrong(key, "an object of strings");
    }
    return out;
}

std::string valid_utf8(std::string_view text, std::size_t bytes_max) {
    std::string out;
    out.reserve(std::min(text.size(), bytes_max));
    while (!text.empty()) {
        const auto length = utf8_sequence(text);
        const auto next = length == 0 ? std::string_view("\xEF\xBF\xBD") : text.substr(0, length);
        if (next.size() > bytes_max - out.size()) break;
        out += next;
        text.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

json::object to_json(const ServiceDefinition& service) {
    json::object out;
    out["name"] = valid_utf8(service.name);
    out["id"] = valid_utf8(service.id);
    put(out, "address", service.address);
    if (service.port != 0) out["port"] = service.port;
    put(out, "tags", service.tags);
    put(out, "meta", service.meta);
    if (!service.tagged_addresses.empty())
        out["taggedAddresses"] = to_object(service.tagged_addresses);
    if (service.weights != Weights{})
        out["weights"] = {{"passing", service.weights.passing},
                          {"warning", service.weights.warning}};
    put(out, "enableTagOverride", service.enable_tag_override);
    put(out, "zone", service.zone);
    return out;
}

ServiceDefinition read_service(const JsonReader& in) {
    ServiceDefinition out;
    out.name = in.text("name");
    out.id = in.text("id");
    out.address = in.text("address");
    out.port = in.port("port");
    out.tags = in.texts("tags");
    out.meta = in.text_map("meta");
    if (const auto* tagged = in.find("taggedAddresses"); tagged != nullptr && tagged->is_object()) {
        for (const auto& [tag, address] : tagged->get_object()) {
            const JsonReader fields(address, in.error());
            out.tagged_addresses[tag] = {fields.text("address"), fields.port("port")};
        }
    }
    if (const auto* weights = in.find("weights")) {
        const JsonReader fields(*weights, in.error());
        out.weights = {read_weight(fields, "passing"), read_weight(fields, "warning")};
    }
    out.enable_tag_override = in.flag("enableTagOverride");
    out.zone = in.text("zone");
    return out;
}

json::object to_json(const CheckDefinition& check, Secrets secrets) {
    json::object out;
    out["id"] = valid_utf8(check.id);
    put(out, "name", check.name);
    put(out, "notes", check.notes);
    put(out, "serviceId", check.service_id);
    out["type"] = format(check.kind);
    put(out, "http", check.http);
    if (check.method != "GET") out["method"] = valid_utf8(check.method);
    if (secrets == Secrets::kept) {
        json::array header;
        for (const auto& [name, text] : check.header) {
            header.emplace_back(json::array{valid_utf8(name), valid_utf8(text)});
        }
        if (!header.empty()) out["header"] = std::move(header);
        put(out, "body", check.body);
    }
    if (!check.expected_status.empty())
        out["expectedStatus"] =
            json::array(check.expected_status.begin(), check.expected_status.end());
    put(out, "bodyMatch", check.body_match);
    put(out, "disableRedirects", check.disable_redirects);
    put(out, "tlsSkipVerify", check.tls_skip_verify);
    put(out, "tlsServerName", check.tls_server_name);
    put(out, "tcp", check.tcp);
    put(out, "tcpUseTls", check.tcp_use_tls);
    put(out, "args", check.args);
    put(out, "ttl", check.ttl);
    put(out, "interval", check.interval);
    put(out, "timeout", check.timeout);
    put(out, "startPeriod", check.start_period);
    put(out, "successBeforePassing", check.success_before_passing);
    put(out, "failuresBeforeWarning", check.failures_before_warning);
    put(out, "failuresBeforeCritical", check.failures_before_critical);
    if (check.initial_status) out["initialStatus"] = format(*check.initial_status);
    put(out, "deregisterCriticalAfter", check.deregister_critical_after);
    if (check.output_bytes_max != CheckDefinition{}.output_bytes_max)
        out["outputBytesMax"] = check.output_bytes_max;
    return out;
}

CheckDefinition read_check_definition(const JsonReader& in) {
    CheckDefinition out;
    out.id = in.text("id");
    out.name = in.text("name");
    out.notes = in.text("notes");
    out.service_id = in.text("serviceId");
    const auto kind = parse_check_kind(in.text("type"));
    if (!kind) in.wrong("type", "ttl, http, tcp or script");
    out.kind = kind.value_or(CheckKind::ttl);
    out.http = in.text("http");
    if (in.has("method")) out.method = in.text("method");
    out.header = read_header(in);
    out.body = in.text("body");
    for (const auto& status : in.list("expectedStatus")) {
        if (status.is_int64())
            out.expected_status.push_back(static_cast<int>(status.get_int64()));
        else
            in.wrong("expectedStatus", "a list of numbers");
    }
    out.body_match = in.text("bodyMatch");
    out.disable_redirects = in.flag("disableRedirects");
    out.tls_skip_verify = in.flag("tlsSkipVerify");
    out.tls_server_name = in.text("tlsServerName");
    out.tcp = in.text("tcp");
    out.tcp_use_tls = in.flag("tcpUseTls");
    out.args = in.texts("args");
    out.ttl = in.duration("ttl");
    out.interval = in.duration("interval");
    out.timeout = in.duration("timeout");
    out.start_period = in.duration("startPeriod");
    out.success_before_passing = read_int(in, "successBeforePassing");
    out.failures_before_warning = read_int(in, "failuresBeforeWarning");
    out.failures_before_critical = read_int(in, "failuresBeforeCritical");
    out.initial_status = in.health("initialStatus");
    out.deregister_critical_after = in.duration("deregisterCriticalAfter");
    const auto output_max = static_cast<std::int64_t>(out.output_bytes_max);
    out.output_bytes_max = static_cast<std::size_t>(in.number("outputBytesMax", output_max));
    return out;
}

json::object to_json(const Check& check, Secrets secrets, std::size_t output_bytes_max) {
    auto out = to_json(check.definition, secrets);
    out["status"] = format(check.status.health);
    put(out, "output", valid_utf8(check.status.output, output_bytes_max));
    return out;
}

Check read_check(const JsonReader& in) {
    Check out{read_check_definition(in), {}};
    out.status.health = in.health("status").value_or(Health::critical);
    out.status.output = in.text("output");
    return out;
}

json::object to_json(const Maintenance& maintenance) {
    return {{"reason", valid_utf8(maintenance.reason)}};
}

std::optional<Maintenance> read_maintenance(const JsonReader& in) {
    const auto* found = in.find("maintenance");
    if (found == nullptr) return std::nullopt;
    return Maintenance{JsonReader(*found, in.error()).text("reason")};
}

std::string encode(const InstanceRecord& record, const NodeRecord* node) {
    const auto& service = record.service;
    auto out = to_json(service);
    // Curator's ServiceInstance, whole, for programs that know nothing of our further fields.
    out["id"] = instance_name(service.id, record.node);
    out["address"] = valid_utf8(service.address.empty() ? record.node_address : service.address);
    out["port"] = service.port;
    out["sslPort"] = nullptr;
    out["payload"] = nullptr;
    out["registrationTimeUTC"] = record.registered_ms;
    out["serviceType"] = record.external ? "STATIC" : "DYNAMIC";
    out["uriSpec"] = nullptr;
    out["enabled"] = aggregate(record, node) != Health::critical;

    out["serviceId"] = valid_utf8(service.id);
    put(out, "serviceAddress", service.address);
    out["node"] = valid_utf8(record.node);
    put(out, "nodeAddress", record.node_address);
    put(out, "datacenter", record.datacenter);
    if (!record.checks.empty())
        out["checks"] = to_array(record.checks, secrets_of(record.external));
    if (record.maintenance) out["maintenance"] = to_json(*record.maintenance);
    put(out, "external", record.external);
    if (record.dns) out["dns"] = to_json(*record.dns);
    return json::serialize(out);
}

std::string encode(const NodeRecord& record) {
    json::object out;
    out["name"] = valid_utf8(record.name);
    put(out, "id", record.id);
    put(out, "address", record.address);
    put(out, "datacenter", record.datacenter);
    put(out, "zone", record.zone);
    put(out, "taggedAddresses", record.tagged_addresses);
    put(out, "meta", record.meta);
    if (!record.checks.empty())
        out["checks"] = to_array(record.checks, secrets_of(record.external));
    if (record.maintenance) out["maintenance"] = to_json(*record.maintenance);
    put(out, "version", record.version);
    put(out, "external", record.external);
    return json::serialize(out);
}

Parsed<InstanceRecord> decode_instance(std::string_view text) {
    boost::system::error_code malformed;
    const auto value = json::parse(text, malformed);
    if (malformed) return failed<InstanceRecord>("not JSON: " + malformed.message());
    std::string error;
    const JsonReader in(value, error);
    auto record = in.has("node") ? read_own_instance(in) : read_curator_instance(in);
    if (!error.empty()) return failed<InstanceRecord>(error);
    if (record.service.name.empty()) return failed<InstanceRecord>("name is missing");
    if (record.service.id.empty()) return failed<InstanceRecord>("id is missing");
    return {std::move(record), {}};
}

Parsed<NodeRecord> decode_node(std::string_view text) {
    boost::system::error_code malformed;
    const auto value = json::parse(text, malformed);
    if (malformed) return failed<NodeRecord>("not JSON: " + malformed.message());
    std::string error;
    const JsonReader in(value, error);
    NodeRecord record;
    record.name = in.text("name");
    record.id = in.text("id");
    record.address = in.text("address");
    record.datacenter = in.text("datacenter");
    record.zone = in.text("zone");
    record.tagged_addresses = in.text_map("taggedAddresses");
    record.meta = in.text_map("meta");
    record.checks = read_checks(in, "");
    record.maintenance = read_maintenance(in);
    record.version = in.text("version");
    record.external = in.flag("external");
    if (!error.empty()) return failed<NodeRecord>(error);
    if (record.name.empty()) return failed<NodeRecord>("name is missing");
    return {std::move(record), {}};
}

}  // namespace agent
