#pragma once
// The configuration: roster.toml and services.d/*.toml, read strictly.
//
// Fed by:  files, through load(); text, through parse().
// Read by: main, which hands each room its part.
// Thread:  any; a Config is a value.
// Fails:   a list of ConfigErrors, each with file, line and what would have been right. Unknown and
//          mistyped keys are errors that name the nearest known key.

#include "agent/service.hpp"
#include "coord/base/server_limits.hpp"
#include "coord/base/tls_context.hpp"
#include "coord/proto/four_letter_word.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace agent {

inline constexpr std::chrono::milliseconds session_timeout_min{1'000};
inline constexpr std::chrono::milliseconds session_timeout_max{600'000};
inline constexpr std::chrono::milliseconds write_patience_max{
    20'000};  // HTTP itself waits for 30 s

// Loopback, private, shared, link-local and unique local addresses: no stranger has one.
inline const std::vector<std::string> private_networks{"127.0.0.0/8",
                                                       "10.0.0.0/8",
                                                       "172.16.0.0/12",
                                                       "192.168.0.0/16",
                                                       "100.64.0.0/10",
                                                       "169.254.0.0/16",
                                                       "::1/128",
                                                       "fc00::/7",
                                                       "fe80::/10"};

// [[dns.record]]: a name of the operator's, below the domain.
struct DnsRecordConfig {
    std::string name;
    std::vector<std::string> addresses = {};
    std::string cname = {};  // alone; below the domain unless it ends with a dot
    std::vector<std::string> texts = {};
    std::optional<std::chrono::seconds> ttl = {};  // default: dns.ttl
};

// What must not be printed: it has no text form.
struct Secret {
    std::string octets;
};

// [[dns.key]]: a secret that we share with whoever signs with it (TSIG).
struct DnsKeyConfig {
    std::string name;
    std::string algorithm = "hmac-sha256";
    Secret secret;
    std::size_t mac_bits_min = 0;  // of a signature that is cut short; 0: none may be
};

// [[dns.forward.domain]]: who knows the names below `name`.
struct DnsForwardDomainConfig {
    std::string name;
    std::vector<std::string> servers;  // "10.0.0.2", "[fd00::2]:5353"
};

// [dns.forward]: names that are not ours.
struct DnsForwardConfig {
    bool enabled = false;                   // true as soon as there are servers
    std::vector<std::string> servers = {};  // default: those of /etc/resolv.conf
    std::vector<DnsForwardDomainConfig> domains = {};
    std::vector<std::string> allow = private_networks;  // for whom; this host always
    std::size_t queries_max_per_client = 100;  // that are under way; this host has no limit
    std::size_t cache_bytes_max = std::size_t{16} << 20U;
    std::size_t cache_entries_max = 50'000;
    std::chrono::seconds ttl_max{86'400};
    std::chrono::seconds negative_ttl_max{900};
    std::chrono::seconds serve_stale{86'400};  // past its time, when no server answers; 0: never
    std::chrono::milliseconds timeout{800};    // of one try
    std::size_t tries = 2;                     // of each server
    bool prefetch = true;
    std::vector<std::string> rebind_allow = {};  // domains with private addresses at public servers
};

// [[dns.update]]: what a key may change by DNS UPDATE.
struct DnsUpdateConfig {
    std::string key;
    std::vector<std::string> names;  // below the domain: "web.service", "*.office", "*"
    std::chrono::seconds lease{0};   // 0: until it is removed
    bool may_remove_registered = false;
};

// [[dns.transfer]]: secondaries of our zones.
struct DnsTransferConfig {
    std::vector<std::string> to;           // prefixes they ask from
    std::string key = {};                  // a dns.key that they sign with; empty: none is needed
    std::vector<std::string> notify = {};  // "10.0.0.53:53": who is told of each new serial
};

struct DnsConfig {
    bool enabled = true;
    std::vector<std::string> listen{"127.0.0.1:8600"};
    std::size_t workers = 1;               // UDP workers per address
    std::chrono::seconds ttl{1};           // of service and node answers
    std::chrono::seconds negative_ttl{1};  // SOA MINIMUM
    std::size_t udp_bytes_max = 1232;      // EDNS, on addresses that are not loopback
    std::size_t udp_bytes_max_loopback = 8192;
    // By service, "prefix*" or "*", as Consul's; what a service says itself goes first.
    std::map<std::string, std::chrono::seconds> service_ttl;
    bool prefer_zone = true;                 // the agent's own, if it has one
    unsigned zone_healthy_percent_min = 50;  // of its instances; below, all zones are alike
    bool only_passing = false;               // as Consul: warning instances are answered too
    std::vector<std::string> reverse;  // prefixes that are ours: "10.0.0.0/8"; loopback always
    // Services that are found by browsing (DNS-SD): by name, by "prefix*", by "*"; none: no such names.
    std::vector<std::string> browse = {"*"};
    std::vector<DnsRecordConfig> records;
    std::vector<DnsKeyConfig> keys;
    std::vector<DnsUpdateConfig> updates;
    std::vector<DnsTransferConfig> transfers;  // none: no zone is transferred
    std::size_t transfers_max = 10;            // at a time
    std::size_t transfer_records_max = 100;    // of a set: BIND's secondaries take no more
    std::size_t transfer_journal_bytes_max = std::size_t{64} << 20U;
    std::vector<std::string> allow = private_networks;  // who is answered; this host always is
    // Whose addresses nobody forges: no limits of rate or size.
    std::vector<std::string> trusted = private_networks;
    std::uint32_t rate_limit = 200;  // UDP replies a second about one name to a stranger's network
    std::uint32_t rate_limit_slip = 2;        // above it each so many is cut short, not dropped
    std::size_t unverified_bytes_max = 512;   // UDP, to strangers without a cookie
    std::vector<std::string> cookie_secrets;  // 32 hexadecimal digits each; none: our own
    std::optional<std::string> identity;      // default: the node's name; empty: refused
    std::optional<std::string> version;       // default: ours, to this host only; empty: refused
    std::size_t tcp_connections_max = 1000;   // per address listened on
    std::size_t tcp_connections_max_per_client = 100;  // not on loopback
    std::chrono::milliseconds tcp_idle_timeout{10'000};
    std::vector<std::string> tls_listen;  // DNS over TLS: "10.0.0.1:853"
    std::filesystem::path tls_certificate;
    std::filesystem::path tls_key;
    DnsForwardConfig forward;
};

struct HttpConfig {
    std::vector<std::string> listen{"127.0.0.1:8500"};  // also "unix:/run/roster/http.sock"
    std::size_t connections_max = 20'000;
    std::size_t body_bytes_max = std::size_t{1} << 20U;  // kv values: 512 KiB
    std::map<std::string, std::string> response_headers;
};

// [coord.tls]: clients of the embedded core over TLS.
struct CoordTlsConfig {
    std::vector<std::string> listen;  // empty: no such port
    coord::TlsOptions files;
};

// [coord.connect_tls]: the ensemble of `connect` is reached over TLS.
struct CoordConnectTlsConfig {
    bool enabled = false;  // true as soon as there is such a table
    std::string server_name;
    coord::TlsOptions files;
};

struct CoordConfig {
    std::string connect;  // an existing ensemble; empty: the embedded core
    std::vector<std::string> listen{"127.0.0.1:2181"};
    std::string peer_listen;  // where the other servers reach the embedded core; empty: it is alone
    std::string peer_address;  // as they call it; default: that of `servers` which is this host's
    std::vector<std::string> servers;           // all of them, this one included
    bool peer_plain = false;                    // no TLS on addresses that are no loopback
    std::optional<coord::TlsOptions> peer_tls;  // [coord.peer_tls]
    std::chrono::milliseconds session_timeout{10'000};
    std::chrono::milliseconds write_patience{
        5'000};  // then a write that waits is answered: not yet
    CoordTlsConfig tls;
    CoordConnectTlsConfig connect_tls;
    // Of the embedded core: a prompt expiry, half a second late at most.
    coord::ServerLimits limits{.tick = std::chrono::milliseconds(500),
                               .session_timeout_min = std::chrono::milliseconds(1000)};
    std::vector<std::string> four_letter_words{coord::four_letter_words_default.begin(),
                                               coord::four_letter_words_default.end()};  // "*": all
    std::string super_digest;   // "super:<base64>": who proves it is above every ACL; empty: nobody
    std::string super_subject;  // of a certificate, in RFC 2253's form; likewise
    bool enforce_quota = false;   // as ZooKeeper: hard quotas are told of only
    bool read_only_mode = false;  // likewise: without a leader nobody is served
};

struct ChecksConfig {
    bool enable_script_checks = false;       // over HTTP as well
    bool enable_local_script_checks = true;  // from files on disk
};

struct LogConfig {
    std::string level = "info";
    std::map<std::string, std::string> levels;  // per logger name
};

struct Config {
    std::string node;     // default: the hostname
    std::string node_id;  // uuid; default: made once and kept in the data directory
    std::string
        address;  // the node's; default: that of the first HTTP listener that is no loopback, else 127.0.0.1
    std::map<std::string, std::string> meta;
    std::filesystem::path data_dir = "/var/lib/roster";
    std::string domain = "roster.internal";
    std::string datacenter = "dc1";
    std::string zone;                // of this agent
    bool leave_on_terminate = true;  // SIGTERM closes the session; false: leave it for a restart
    std::filesystem::path services_dir;  // default: services.d beside the configuration file
    DnsConfig dns;
    HttpConfig http;
    CoordConfig coord;
    ChecksConfig checks;
    LogConfig log;
    std::vector<ServiceDefinition> services;   // [[service]]
    std::vector<CheckDefinition> node_checks;  // [[check]]
};

struct ConfigError {
    std::string file;
    std::size_t line = 0;  // 0: the file as a whole
    std::string message;   // `unknown key "lisen": did you mean "listen"?`
};

std::string format(const ConfigError& error);  // "roster.toml:3: …"

template <class T>
using Configured = std::variant<T, std::vector<ConfigError>>;

struct ServicesFile {
    std::vector<ServiceDefinition> services;
    std::vector<CheckDefinition> node_checks;
};

// Whether script checks may stand in a file: ChecksConfig::enable_local_script_checks.
enum class Scripts { allowed, refused };

Configured<Config> parse_config(std::string_view text, const std::string& file);
Configured<Config> load_config(const std::filesystem::path& file);
Configured<ServicesFile> parse_services_file(std::string_view text,
                                             const std::string& file,
                                             Scripts scripts = Scripts::allowed);
Configured<ServicesFile> load_services_file(const std::filesystem::path& file,
                                            Scripts scripts = Scripts::allowed);

// Fills in what has a default of this machine: the node's name, its address and that of its server.
// A listener on all addresses says nothing about the node's own.
void complete(Config& config);
// What keeps the embedded core from being one of several servers, once it is complete; or nothing.
std::string find_peer_fault(const CoordConfig& coord);

// Rules that flags of the command line share with keys of the file.
bool is_node_name(std::string_view text);
bool is_log_level(std::string_view text);
bool is_connect_string(std::string_view text);  // empty: the embedded core

}  // namespace agent
