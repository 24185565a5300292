#pragma once
// The nouns of the house: service, instance, check, node; and the JSON in which znodes hold them.
//
// Fed by:  http (registration bodies), config (TOML), znodes.
// Read by: Registrar, Catalog, CheckRunner, dns, http.
// Thread:  any; these are values.
// Holds:   every string here may be any bytes; what is encoded is always valid JSON.
// Fails:   nothing throws. What cannot be read yields a sentence, see Parsed.
// Source:  Consul's HTTP API for names and defaults; Curator's x-discovery ServiceInstance for the
//          znode's JSON (name id address port registrationTimeUTC serviceType enabled payload).

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace agent {

enum class Health { passing, warning, critical };  // In order of severity.

std::string_view format(Health health);  // "passing", "warning", "critical"
std::optional<Health> parse_health(std::string_view text);

enum class CheckKind { ttl, http, tcp, script };

std::string_view format(CheckKind kind);  // "ttl", "http", … as Consul's check Type
std::optional<CheckKind> parse_check_kind(std::string_view text);

// What is checked, and how often. Durations are Consul's; zero means "not given".
struct CheckDefinition {
    std::string id;  // unique on this agent; "service:<service id>" when not given
    std::string name;
    std::string notes;
    std::string service_id;  // empty: a check of the node
    CheckKind kind = CheckKind::ttl;

    std::string http;  // URL
    std::string method = "GET";
    std::vector<std::pair<std::string, std::string>> header;
    std::string body;
    std::vector<int> expected_status;  // empty: 2xx passes, 429 warns
    std::string body_match;            // ECMAScript regex the body must contain; empty: any
    bool disable_redirects = false;
    bool tls_skip_verify = false;
    std::string tls_server_name;
    std::string tcp;  // "host:port"
    bool tcp_use_tls = false;
    std::vector<std::string> args;  // script

    std::chrono::milliseconds ttl{0};
    std::chrono::milliseconds interval{0};
    std::chrono::milliseconds timeout{0};
    std::chrono::milliseconds start_period{0};  // failures do not count before
    int success_before_passing = 0;             // rise: so many further successes are needed
    int failures_before_warning = 0;
    int failures_before_critical = 0;      // fall
    std::optional<Health> initial_status;  // Consul's default: critical
    std::chrono::milliseconds deregister_critical_after{0};
    std::size_t output_bytes_max = 4096;

    bool operator==(const CheckDefinition&) const = default;
};

struct CheckStatus {
    Health health = Health::critical;
    std::string output;

    bool operator==(const CheckStatus&) const = default;
};

// A check as everyone sees it.
struct Check {
    CheckDefinition definition;
    CheckStatus status;

    bool operator==(const Check&) const = default;
};

struct TaggedAddress {
    std::string address;
    std::uint16_t port = 0;

    bool operator==(const TaggedAddress&) const = default;
};

struct Weights {
    std::uint16_t passing = 1;
    std::uint16_t warning = 1;

    bool operator==(const Weights&) const = default;
};

struct Maintenance {
    std::string reason;

    bool operator==(const Maintenance&) const = default;
};

// A service as it was asked for: by HTTP, by TOML, by the CLI.
struct ServiceDefinition {
    std::string id;  // unique on this agent; the name when not given
    std::string name;
    std::string address;  // empty: the node's
    std::uint16_t port = 0;
    std::vector<std::string> tags;
    std::map<std::string, std::string> meta;
    std::map<std::string, TaggedAddress> tagged_addresses;
    Weights weights;
    bool enable_tag_override = false;
    std::string zone;  // locality; empty: the node's
    std::vector<CheckDefinition> checks;

    bool operator==(const ServiceDefinition&) const = default;
};

// Of an instance that a DNS UPDATE (RFC 2136) has registered.
struct DnsOrigin {
    std::string key;              // that signed it
    std::int64_t expires_ms = 0;  // since 1970: the end of its lease; 0: until it is removed
    bool has_address = false;     // its A or AAAA was added, and not only SRV

    bool operator==(const DnsOrigin&) const = default;
};

// What the znode /services/<name>/<id>@<node> holds.
struct InstanceRecord {
    ServiceDefinition service;  // without its checks
    std::string node;
    std::string node_address;  // so that an instance can be answered even before its node is read
    std::string datacenter;
    std::int64_t registered_ms = 0;  // Curator's registrationTimeUTC
    std::vector<Check> checks;       // of this instance
    std::optional<Maintenance> maintenance;
    // No agent holds it: registered through the catalog, or by another program (bare Curator).
    bool external = false;
    std::optional<DnsOrigin> dns = {};

    bool operator==(const InstanceRecord&) const = default;
};

// What the znode /roster/nodes/<node> holds.
struct NodeRecord {
    std::string name;
    std::string id;  // uuid
    std::string address;
    std::string datacenter;
    std::string zone;  // locality
    std::map<std::string, std::string> tagged_addresses;
    std::map<std::string, std::string> meta;
    std::vector<Check> checks;  // of the node itself, without serfHealth
    std::optional<Maintenance> maintenance;
    std::string version;  // of the agent
    bool external = false;

    bool operator==(const NodeRecord&) const = default;
};

// The health an instance has from its own checks, its maintenance and its node's.
Health aggregate(const InstanceRecord& instance, const NodeRecord* node);
// A node's own part in it.
Health aggregate(const NodeRecord& node);

// A check's request header and body may hold credentials: they stay on the agent that runs it,
// and are written only for external records, whose checks another program reads and runs. Outputs
// are cut so that a record always fits a znode. With the node, `enabled` minds its health too.
std::string encode(const InstanceRecord& record, const NodeRecord* node = nullptr);
std::string encode(const NodeRecord& record);

template <class T>
struct Parsed {
    std::optional<T> value;
    std::string error;  // a sentence, when there is no value
};

// Reads our own records and bare Curator ones (another program's ServiceInstance). Those have no
// node: their address stands for it. `enabled` false is a critical check of its own.
Parsed<InstanceRecord> decode_instance(std::string_view json);
Parsed<NodeRecord> decode_node(std::string_view json);

// Any bytes as one component of a znode path, and back: '/', '%', what is not printable ASCII, "."
// and ".." are percent-encoded. (Java servers decode paths as UTF-8 and refuse some of it.)
std::string escape_component(std::string_view text);
std::string unescape_component(std::string_view component);

// "<id>@<node>": the znode's name, and Curator's `id`.
std::string instance_name(std::string_view id, std::string_view node);
std::string service_path(std::string_view service);
std::string instance_path(std::string_view service, std::string_view id, std::string_view node);
std::string node_path(std::string_view node);

inline constexpr std::string_view services_root = "/services";
inline constexpr std::string_view nodes_root = "/roster/nodes";
inline constexpr std::string_view kv_root = "/roster/kv";

// A name of one DNS label: letters, digits, inner hyphens, at most 63 octets.
bool is_dns_label(std::string_view name);

// "10s", "1m30s", "500ms", "1.5h": Go's duration text. At least 0, at most 10 years.
std::optional<std::chrono::milliseconds> parse_duration(std::string_view text);
std::string format_duration(std::chrono::milliseconds duration);  // "1m30s", as Go prints it

// What is wrong with a definition, as a sentence fit for a 400 reply (Consul's words); empty: fine.
std::string validate(const ServiceDefinition& service);
std::string validate(const CheckDefinition& check);

inline constexpr std::size_t name_bytes_max = 1024;              // of names and ids
inline constexpr std::size_t checks_per_service_max = 64;        // and per node
inline constexpr std::size_t service_bytes_max = 64U << 10U;     // as JSON, without its checks
inline constexpr std::size_t check_bytes_max = 4U << 10U;        // as JSON, without its output
inline constexpr std::size_t outputs_bytes_max = 96U << 10U;     // of a record's checks together
inline constexpr std::size_t output_bytes_published_max = 4096;  // of one check

// Fills in what was left out: service id, check ids and names, service_id of the checks.
void complete(ServiceDefinition& service);

}  // namespace agent
