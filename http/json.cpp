#include "http/json.hpp"

#include <boost/json.hpp>

namespace http {
namespace {

json::string_view view(std::string_view text) { return {text.data(), text.size()}; }

// The length of the UTF-8 sequence at the start of `text`; 0 if it is none (RFC 3629 §4).
std::size_t utf8_length(std::string_view text) {
    const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const auto first = byte(0);
    if (first < 0x80) return 1;
    const std::size_t length = first >= 0xf0 ? 4 : (first >= 0xe0 ? 3 : 2);
    if (first < 0xc2 || first > 0xf4 || text.size() < length) return 0;
    for (std::size_t i = 1; i < length; ++i) {
        if ((byte(i) & 0xc0U) != 0x80U) return 0;
    }
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool too_high = (first == 0xed && byte(1) > 0x9f) || (first == 0xf4 && byte(1) > 0x8f);
    return overlong || too_high ? 0 : length;
}

}  // namespace

json::string text(std::string_view from) {
    json::string out;
    out.reserve(from.size());
    while (!from.empty()) {
        const auto length = utf8_length(from);
        out.append(length == 0 ? json::string_view("\xef\xbf\xbd") : view(from.substr(0, length)));
        from.remove_prefix(std::max<std::size_t>(length, 1));
    }
    return out;
}

namespace {

std::uint64_t number(agent::CatalogIndex index) { return static_cast<std::uint64_t>(index); }

json::array list(const std::vector<std::string>& texts) {
    json::array out;
    out.reserve(texts.size());
    for (const auto& each : texts) out.emplace_back(text(each));
    return out;
}

json::object map(const std::map<std::string, std::string>& pairs) {
    json::object out;
    for (const auto& [key, value] : pairs) out.emplace(view(key), text(value));
    return out;
}

json::object map(const std::map<std::string, agent::TaggedAddress>& addresses) {
    json::object out;
    for (const auto& [key, value] : addresses) {
        out.emplace(view(key),
                    json::object{{"Address", text(value.address)}, {"Port", value.port}});
    }
    return out;
}

json::object weights(const agent::Weights& weights) {
    return {{"Passing", weights.passing}, {"Warning", weights.warning}};
}

json::string duration(std::chrono::milliseconds duration) {
    return duration.count() == 0 ? json::string() : text(agent::format_duration(duration));
}

void add_text(json::object& out, json::string_view key, std::string_view value) {
    if (!value.empty()) out.emplace(key, text(value));
}

void add_flag(json::object& out, json::string_view key, bool value) {
    if (value) out.emplace(key, true);
}

json::object header_of(const agent::CheckDefinition& check) {
    json::object out;
    for (const auto& [name, value] : check.header) {
        auto& values = out.emplace(view(name), json::array()).first->value();
        values.as_array().emplace_back(text(value));
    }
    return out;
}

json::object definition_of(const agent::CheckDefinition& check) {
    json::object out;
    if (check.kind == agent::CheckKind::ttl) return out;
    add_text(out, "Interval", duration(check.interval));
    add_text(out, "Timeout", duration(check.timeout));
    add_text(out, "DeregisterCriticalServiceAfter", duration(check.deregister_critical_after));
    if (check.kind == agent::CheckKind::http) {
        add_text(out, "HTTP", check.http);
        if (!check.header.empty()) out.emplace("Header", header_of(check));
        add_text(out, "Method", check.method);
        add_text(out, "Body", check.body);
        if (!check.expected_status.empty()) {
            out.emplace("ExpectedStatus",
                        json::array(check.expected_status.begin(), check.expected_status.end()));
        }
        add_text(out, "BodyMatch", check.body_match);
        add_text(out, "TLSServerName", check.tls_server_name);
        add_flag(out, "TLSSkipVerify", check.tls_skip_verify);
        add_flag(out, "DisableRedirects", check.disable_redirects);
    }
    if (check.kind == agent::CheckKind::tcp) {
        add_text(out, "TCP", check.tcp);
        add_flag(out, "TCPUseTLS", check.tcp_use_tls);
    }
    if (check.kind == agent::CheckKind::script) out.emplace("ScriptArgs", list(check.args));
    return out;
}

// The fields of a HealthCheck in Go's order; `check` brings what is its own.
struct CheckFields {
    std::string_view id, name, status, notes, output, type;
    std::chrono::milliseconds interval{0};
    std::chrono::milliseconds timeout{0};
    json::object definition;
};

json::object encode_fields(CheckFields check, const CheckOwner& owner) {
    json::object out;
    out.reserve(16);
    out.emplace("Node", text(owner.node));
    out.emplace("CheckID", text(check.id));
    out.emplace("Name", text(check.name));
    out.emplace("Status", text(check.status));
    out.emplace("Notes", text(check.notes));
    out.emplace("Output", text(check.output));
    out.emplace("ServiceID", text(owner.service_id));
    out.emplace("ServiceName", text(owner.service_name));
    out.emplace("ServiceTags", owner.tags != nullptr ? list(*owner.tags) : json::array());
    out.emplace("Type", text(check.type));
    out.emplace("Interval", duration(check.interval));
    out.emplace("Timeout", duration(check.timeout));
    out.emplace("ExposedPort", 0);
    out.emplace("Definition", std::move(check.definition));
    out.emplace("CreateIndex", owner.create_index);
    out.emplace("ModifyIndex", owner.modify_index);
    return out;
}

// An instance's record, and the indexes of its znode.
struct Entry {
    agent::InstanceRecord record;
    std::uint64_t create_index = 0;
    std::uint64_t modify_index = 0;
};

Entry entry_of(const agent::InstanceView& instance) {
    return {instance.record.unpack(), number(instance.create_index), number(instance.modify_index)};
}

CheckOwner owner_of(const Entry& entry) {
    const auto& service = entry.record.service;
    return {entry.record.node,
            service.id,
            service.name,
            &service.tags,
            entry.create_index,
            entry.modify_index};
}

json::object tagged_addresses_of(const agent::NodeRecord& node) {
    auto addresses = map(node.tagged_addresses);
    for (const auto* const key : {"lan", "lan_ipv4", "wan", "wan_ipv4"}) {
        if (std::string_view(key).ends_with("ipv4") && node.address.find(':') != std::string::npos)
            continue;
        addresses.emplace(key, text(node.address));  // One that was given stays.
    }
    return addresses;
}

json::object
encode_node(const agent::NodeRecord& node, std::uint64_t create, std::uint64_t modify) {
    json::object out;
    out.emplace("ID", text(node.id));
    out.emplace("Node", text(node.name));
    out.emplace("Address", text(node.address));
    out.emplace("Datacenter", text(node.datacenter));
    out.emplace("TaggedAddresses", tagged_addresses_of(node));
    out.emplace("Meta", map(node.meta));
    out.emplace("CreateIndex", create);
    out.emplace("ModifyIndex", modify);
    return out;
}

json::object encode_service_of(const Entry& entry) {
    auto out = encode_service(entry.record.service);
    out.emplace("Proxy", json::object());
    out.emplace("Connect", json::object());
    out.emplace("CreateIndex", entry.create_index);
    out.emplace("ModifyIndex", entry.modify_index);
    return out;
}

void add_checks(json::array& out, const Entry& entry) {
    const auto owner = owner_of(entry);
    const auto& record = entry.record;
    if (record.maintenance) out.emplace_back(encode_maintenance(*record.maintenance, owner));
    for (const auto& check : record.checks) out.emplace_back(encode_check(check, owner));
}

agent::NodeRecord node_record_of(const agent::InstanceView& instance) {
    if (instance.node) return instance.node->record;
    agent::NodeRecord node;
    node.name = instance.record.node();
    node.address = instance.record.node_address();
    node.datacenter = instance.record.datacenter();
    return node;
}

void write_pretty(std::string& out, const json::value& value, std::size_t depth) {
    const auto indent = [&](std::size_t by) { out.append("\n").append(by * 4, ' '); };
    if (const auto* object = value.if_object(); object != nullptr && !object->empty()) {
        out += '{';
        for (const auto& pair : *object) {
            if (out.back() != '{') out += ',';
            indent(depth + 1);
            out.append(json::serialize(json::string(pair.key()))).append(": ");
            write_pretty(out, pair.value(), depth + 1);
        }
        indent(depth);
        out += '}';
    } else if (const auto* array = value.if_array(); array != nullptr && !array->empty()) {
        out += '[';
        for (const auto& each : *array) {
            if (out.back() != '[') out += ',';
            indent(depth + 1);
            write_pretty(out, each, depth + 1);
        }
        indent(depth);
        out += ']';
    } else {
        out += json::serialize(value);
    }
}

}  // namespace

std::string pretty(const json::value& value) {
    std::string out;
    write_pretty(out, value, 0);
    return out + '\n';
}

Response reply(const Request& request, const json::value& value) {
    Response response;
    response.content_type = "application/json";
    response.body = request.has("pretty") ? pretty(value) : json::serialize(value);
    return response;
}

Response reject(const agent::Rejection& rejection) {
    using Kind = agent::Rejection::Kind;
    int status = 500;
    switch (rejection.kind) {
        case Kind::invalid: status = 400; break;
        case Kind::not_found: status = 404; break;
        case Kind::limit: status = 429; break;
        case Kind::wrong_kind:
        case Kind::unavailable: status = 500; break;
    }
    return plain(status, rejection.message);
}

json::object encode_node(const agent::NodeView& node) {
    return encode_node(node.record, number(node.create_index), number(node.modify_index));
}

json::object encode_node_of(const agent::InstanceView& instance) {
    if (instance.node) return encode_node(*instance.node);
    return encode_node(
        node_record_of(instance), number(instance.create_index), number(instance.modify_index));
}

json::object encode_service(const agent::ServiceDefinition& service) {
    json::object out;
    out.reserve(14);
    out.emplace("ID", text(service.id));
    out.emplace("Service", text(service.name));
    out.emplace("Tags", list(service.tags));
    out.emplace("Meta", map(service.meta));
    out.emplace("Port", service.port);
    out.emplace("Address", text(service.address));
    if (!service.tagged_addresses.empty()) {
        out.emplace("TaggedAddresses", map(service.tagged_addresses));
    }
    out.emplace("Weights", weights(service.weights));
    out.emplace("EnableTagOverride", service.enable_tag_override);
    if (!service.zone.empty()) {
        out.emplace("Locality", json::object{{"Region", ""}, {"Zone", text(service.zone)}});
    }
    return out;
}

json::object encode_service(const agent::InstanceView& instance) {
    return encode_service_of(entry_of(instance));
}

json::object encode_catalog_service(const agent::InstanceView& instance) {
    const auto record = instance.record.unpack();
    const auto& service = record.service;
    const auto node = node_record_of(instance);
    json::object out;
    out.reserve(20);
    out.emplace("ID", text(node.id));
    out.emplace("Node", text(record.node));
    out.emplace("Address", text(node.address));
    out.emplace("Datacenter", text(node.datacenter));
    out.emplace("TaggedAddresses", tagged_addresses_of(node));
    out.emplace("NodeMeta", map(node.meta));
    out.emplace("ServiceKind", "");
    out.emplace("ServiceID", text(service.id));
    out.emplace("ServiceName", text(service.name));
    out.emplace("ServiceTags", list(service.tags));
    out.emplace("ServiceAddress", text(service.address));
    out.emplace("ServiceTaggedAddresses", map(service.tagged_addresses));
    out.emplace("ServiceWeights", weights(service.weights));
    out.emplace("ServiceMeta", map(service.meta));
    out.emplace("ServicePort", service.port);
    out.emplace("ServiceSocketPath", "");
    out.emplace("ServiceEnableTagOverride", service.enable_tag_override);
    out.emplace("ServiceProxy", json::object());
    out.emplace("ServiceConnect", json::object());
    out.emplace("CreateIndex", number(instance.create_index));
    out.emplace("ModifyIndex", number(instance.modify_index));
    return out;
}

json::object encode_check(const agent::Check& check, const CheckOwner& owner) {
    const auto& definition = check.definition;
    return encode_fields({definition.id,
                          definition.name,
                          agent::format(check.status.health),
                          definition.notes,
                          check.status.output,
                          agent::format(definition.kind),
                          definition.interval,
                          definition.timeout,
                          definition_of(definition)},
                         owner);
}

json::object encode_maintenance(const agent::Maintenance& maintenance, const CheckOwner& owner) {
    const bool of_node = owner.service_id.empty();
    const auto id = of_node ? std::string("_node_maintenance")
                            : "_service_maintenance:" + std::string(owner.service_id);
    CheckFields fields;
    fields.id = id;
    fields.name = of_node ? "Node Maintenance Mode" : "Service Maintenance Mode";
    fields.status = "critical";
    fields.notes = maintenance.reason;
    if (maintenance.reason.empty()) fields.notes = "Maintenance mode is on; no reason was given.";
    fields.type = "maintenance";
    return encode_fields(std::move(fields), owner);
}

json::array encode_node_checks(const agent::NodeView& node) {
    const auto& record = node.record;
    const CheckOwner owner{
        record.name, {}, {}, nullptr, number(node.create_index), number(node.modify_index)};
    json::array out;
    if (!record.external) {
        // The agent's znode is there, so its session lives: what gossip is to Consul.
        CheckFields alive;
        alive.id = "serfHealth";
        alive.name = "Serf Health Status";
        alive.status = "passing";
        alive.output = "Agent alive and reachable";
        out.emplace_back(encode_fields(std::move(alive), owner));
    }
    if (record.maintenance) out.emplace_back(encode_maintenance(*record.maintenance, owner));
    for (const auto& check : record.checks) out.emplace_back(encode_check(check, owner));
    return out;
}

json::array encode_instance_checks(const agent::InstanceView& instance) {
    json::array out;
    add_checks(out, entry_of(instance));
    return out;
}

json::object encode_service_entry(const agent::InstanceView& instance) {
    const auto entry = entry_of(instance);
    auto checks = instance.node ? encode_node_checks(*instance.node) : json::array();
    add_checks(checks, entry);
    return {{"Node", encode_node_of(instance)},
            {"Service", encode_service_of(entry)},
            {"Checks", std::move(checks)}};
}

json::object encode_kv(const agent::KvEntry& entry) {
    json::object out;
    out.emplace("LockIndex", entry.lock_index);
    out.emplace("Key", text(entry.key));
    out.emplace("Flags", entry.flags);
    out.emplace("Value", entry.value.empty() ? json::value() : json::value(base64(entry.value)));
    if (!entry.session.empty()) out.emplace("Session", text(entry.session));
    out.emplace("CreateIndex", number(entry.create_index));
    out.emplace("ModifyIndex", number(entry.modify_index));
    return out;
}

json::object encode_journal(const agent::JournalEntry& entry) {
    return {{"TimeMs", entry.time_ms},
            {"Index", number(entry.index)},
            {"Service", text(entry.service)},
            {"Instance", text(entry.instance)},
            {"What", text(entry.what)},
            {"Why", text(entry.why)}};
}

std::string_view aggregate_word(agent::Health health, bool maintenance) {
    return maintenance ? "maintenance" : agent::format(health);
}

std::string base64(std::string_view bytes) {
    constexpr std::string_view alphabet =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const auto left = std::min<std::size_t>(3, bytes.size() - i);
        std::uint32_t group = 0;
        for (std::size_t k = 0; k < 3; ++k) {
            group <<= 8U;
            if (k < left) group |= static_cast<unsigned char>(bytes[i + k]);
        }
        for (std::size_t k = 0; k < 4; ++k) {
            out += k <= left ? alphabet[(group >> (18U - 6U * k)) & 63U] : '=';
        }
    }
    return out;
}

}  // namespace http
