#include "agent/config.hpp"

#include "agent/body_pattern.hpp"
#include "agent/config_table.hpp"
#include "agent/endpoint.hpp"
#include "agent/url.hpp"
#include "coord/proto/four_letter_word.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <ifaddrs.h>
#include <limits>
#include <netdb.h>
#include <netinet/in.h>
#include <optional>
#include <unistd.h>
#include <utility>

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Errors = std::vector<ConfigError>;

constexpr std::size_t file_bytes_max = std::size_t{16} << 20U;

constexpr milliseconds check_duration_max = std::chrono::hours(24 * 365);

// A threshold has Consul's name and HAProxy's; only one may be used.
void take_alias(TableReader& in, std::string_view name, std::string_view alias, int& out) {
    const auto kind = integer<int>(0, 1000);
    if (in.has(name) && in.has(alias)) {
        in.report("\"" + std::string(alias) + "\" is \"" + std::string(name) +
                      "\" by another name: leave one out",
                  alias);
    }
    in.take(name, out, kind);
    in.take(alias, out, kind);
}

void take_header(TableReader& in, CheckDefinition& check) {
    const auto* table = in.take_table("header");
    if (table == nullptr) return;
    auto header = in.inner(*table, "header");
    for (const auto& [name, node] : *table) {
        std::vector<std::string> values;
        header.take_one_or_list(name.str(), values, text());
        for (auto& value : values) check.header.emplace_back(name.str(), std::move(value));
    }
}

CheckKind kind_of(std::string_view key) {
    if (key == "http") return CheckKind::http;
    if (key == "tcp") return CheckKind::tcp;
    if (key == "ttl") return CheckKind::ttl;
    return CheckKind::script;
}

// Exactly one of http, tcp, ttl, script and args says what the check does.
void take_check_kind(TableReader& in, CheckDefinition& check) {
    const auto run = duration(milliseconds(1), check_duration_max);
    std::string script;
    in.take("http",
            check.http,
            text_that("a URL such as \"http://127.0.0.1:8080/health\"", [](const auto& value) {
                const auto url = parse_url(value);
                return url && url->scheme != Url::Scheme::unix_socket;
            }));
    in.take(
        "tcp", check.tcp, text_that("an address such as \"127.0.0.1:80\"", [](const auto& value) {
            const auto endpoint = parse_host_port(value);
            return endpoint && endpoint->port != 0;
        }));
    in.take("ttl", check.ttl, run);
    in.take("script", script, text());
    in.take_list("args", check.args, text());
    if (!script.empty()) check.args = {"/bin/sh", "-c", script};

    std::vector<std::string_view> given;
    for (const auto* key : {"http", "tcp", "ttl", "script", "args"}) {
        if (in.has(key)) given.emplace_back(key);
    }
    if (given.size() == 1) {
        check.kind = kind_of(given.front());
        const bool is_ttl = check.kind == CheckKind::ttl;
        if (!is_ttl && !in.has("interval")) in.report("a check needs an \"interval\"");
        if (is_ttl && in.has("interval")) {
            in.report("a ttl check has no \"interval\": it is reported to", "interval");
        }
    } else if (given.empty()) {
        in.report("a check needs one of http, tcp, ttl, script and args");
    } else {
        in.report("a check does one thing: \"" + std::string(given[0]) + "\" and \"" +
                      std::string(given[1]) + "\" exclude each other",
                  given[1]);
    }
}

CheckDefinition read_check(TableReader& in) {
    CheckDefinition check;
    in.take("id", check.id, text());
    in.take("name", check.name, text());
    in.take("notes", check.notes, text());
    take_check_kind(in, check);
    in.take("method", check.method, text());
    take_header(in, check);
    in.take("body", check.body, text());
    in.take_one_or_list("expected_status", check.expected_status, integer<int>(100, 599));
    in.take("body_match", check.body_match, text_that("a regular expression", is_pattern));
    in.take("disable_redirects", check.disable_redirects, boolean());
    in.take("tls_skip_verify", check.tls_skip_verify, boolean());
    in.take("tls_server_name", check.tls_server_name, text());
    in.take("tcp_use_tls", check.tcp_use_tls, boolean());
    const auto span = duration(milliseconds(0), check_duration_max);
    in.take("interval", check.interval, duration(milliseconds(1), check_duration_max));
    in.take("timeout", check.timeout, duration(milliseconds(1), check_duration_max));
    in.take("start_period", check.start_period, span);
    in.take("deregister_critical_after", check.deregister_critical_after, span);
    take_alias(in, "rise", "success_before_passing", check.success_before_passing);
    take_alias(in, "fall", "failures_before_critical", check.failures_before_critical);
    in.take("failures_before_warning", check.failures_before_warning, integer<int>(0, 1000));
    in.take("output_bytes_max", check.output_bytes_max, integer<std::size_t>(0, 1 << 20));
    in.take("initial_status",
            check.initial_status,
            Kind<Health>{"\"passing\", \"warning\" or \"critical\"", [](const toml::node& node) {
                             const auto word = node.value_exact<std::string>();
                             return word ? parse_health(*word) : std::nullopt;
                         }});
    in.finish();
    return check;
}

void take_tagged_addresses(TableReader& in, ServiceDefinition& service) {
    const auto* table = in.take_table("tagged_addresses");
    if (table == nullptr) return;
    auto addresses = in.inner(*table, "tagged_addresses");
    for (const auto& [name, node] : *table) {
        const auto* one = addresses.take_table(name.str());
        if (one == nullptr) continue;
        auto address = addresses.inner(*one, name.str());
        auto& out = service.tagged_addresses[std::string(name.str())];
        address.take("address", out.address, text());
        address.take("port", out.port, integer<std::uint16_t>(1, 65535));
        address.finish();
    }
}

void take_weights(TableReader& in, Weights& weights) {
    const auto* table = in.take_table("weights");
    if (table == nullptr) return;
    auto inner = in.inner(*table, "weights");
    inner.take("passing", weights.passing, integer<std::uint16_t>(1, 65535));
    inner.take("warning", weights.warning, integer<std::uint16_t>(0, 65535));
    inner.finish();
}

ServiceDefinition read_service(TableReader& in, Scripts scripts) {
    ServiceDefinition service;
    const auto errors_before = in.error_count();
    in.take("name", service.name, text());
    in.take("id", service.id, text());
    in.take("address", service.address, text());
    in.take("port", service.port, integer<std::uint16_t>(1, 65535));
    in.take_list("tags", service.tags, text());
    in.take_map("meta", service.meta, text());
    take_tagged_addresses(in, service);
    take_weights(in, service.weights);
    in.take("enable_tag_override", service.enable_tag_override, boolean());
    in.take("zone", service.zone, text());
    std::vector<TableReader> readers;
    for (const auto* table : in.take_tables("check")) {
        readers.push_back(in.inner(*table, "check"));
        service.checks.push_back(read_check(readers.back()));
    }
    in.finish();

    complete(service);
    if (in.error_count() != errors_before) return service;
    for (std::size_t i = 0; i < readers.size(); ++i) {
        const auto& check = service.checks[i];
        if (const auto wrong = validate(check); !wrong.empty()) readers[i].report(wrong);
        if (check.kind == CheckKind::script && scripts == Scripts::refused) {
            readers[i].report("script checks are switched off (checks.enable_local_script_checks)");
        }
    }
    if (in.error_count() != errors_before) return service;
    if (const auto wrong = validate(service); !wrong.empty()) in.report(wrong);
    return service;
}

CheckDefinition read_node_check(TableReader& in, Scripts scripts) {
    const auto errors_before = in.error_count();
    auto check = read_check(in);
    if (check.name.empty()) check.name = check.id;
    if (check.id.empty()) check.id = check.name;
    if (in.error_count() != errors_before) return check;
    if (check.id.empty()) {
        in.report("a [[check]] of the node needs a name");
    } else if (const auto wrong = validate(check); !wrong.empty()) {
        in.report(wrong);
    } else if (check.kind == CheckKind::script && scripts == Scripts::refused) {
        in.report("script checks are switched off (checks.enable_local_script_checks)");
    }
    return check;
}

// Which id was declared where, so that the second one can name the first.
class DeclaredIds {
public:
    explicit DeclaredIds(std::string noun) : noun_(std::move(noun)) {}

    void declare(const std::string& id, TableReader& at) {
        const auto [first, is_new] = lines_.emplace(id, at.line());
        if (is_new || id.empty()) return;
        at.report("duplicate " + noun_ + " id \"" + id + "\": first declared in line " +
                  std::to_string(first->second));
    }

private:
    std::string noun_;
    std::map<std::string, std::size_t> lines_;
};

void read_services(TableReader& in, ServicesFile& out, Scripts scripts) {
    DeclaredIds service_ids("service");
    DeclaredIds check_ids("check");
    for (const auto* table : in.take_tables("service")) {
        auto reader = in.inner(*table, "service");
        out.services.push_back(read_service(reader, scripts));
        service_ids.declare(out.services.back().id, reader);
        for (const auto& check : out.services.back().checks) check_ids.declare(check.id, reader);
    }
    for (const auto* table : in.take_tables("check")) {
        auto reader = in.inner(*table, "check");
        out.node_checks.push_back(read_node_check(reader, scripts));
        check_ids.declare(out.node_checks.back().id, reader);
    }
}

bool is_cookie_secret(std::string_view text) {
    return text.size() == 32 &&
           text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

// Whom DNS answers, and how much of it.
void read_dns_limits(TableReader& in, DnsConfig& dns) {
    const auto prefix = text_that("a prefix such as \"10.0.0.0/8\"", is_ip_prefix);
    in.take_list("allow", dns.allow, prefix);
    in.take_list("trusted", dns.trusted, prefix);
    in.take("rate_limit", dns.rate_limit, integer<std::uint32_t>(0, 1'000'000));
    in.take("rate_limit_slip", dns.rate_limit_slip, integer<std::uint32_t>(0, 100));
    in.take("unverified_bytes_max", dns.unverified_bytes_max, integer<std::size_t>(512, 65507));
    in.take_list("cookie_secrets",
                 dns.cookie_secrets,
                 text_that("a secret of 32 hexadecimal digits", is_cookie_secret));
    in.take("tcp_connections_max", dns.tcp_connections_max, integer<std::size_t>(1, 1'000'000));
    in.take("tcp_connections_max_per_client",
            dns.tcp_connections_max_per_client,
            integer<std::size_t>(1, 1'000'000));
    in.take("tcp_idle_timeout",
            dns.tcp_idle_timeout,
            duration(milliseconds(100), std::chrono::minutes(10)));
}

// That it is a name, and a free one, is for dns to say: it knows the grammar.
void read_dns_records(TableReader& in, DnsConfig& dns) {
    DeclaredIds names("dns.record");
    for (const auto* table : in.take_tables("record")) {
        auto reader = in.inner(*table, "record");
        auto& record = dns.records.emplace_back();
        reader.take("name", record.name, text());
        reader.take_one_or_list(
            "address", record.addresses, text_that("an IP address", is_ip_address));
        reader.take("cname", record.cname, text());
        reader.take_one_or_list("txt", record.texts, text());
        reader.take("ttl", record.ttl, duration<seconds>(seconds(0), std::chrono::hours(24 * 7)));
        reader.finish();
        names.declare(record.name, reader);
        if (record.name.empty()) reader.report("a dns.record needs a \"name\"");
        const bool has_data = !record.addresses.empty() || !record.texts.empty();
        if (has_data == !record.cname.empty()) {
            reader.report("a dns.record has either a \"cname\" or \"address\" and \"txt\"");
        }
    }
}

void read_dns_tls(TableReader& in, DnsConfig& dns, const Kind<std::string>& address) {
    in.take_list("tls_listen", dns.tls_listen, address);
    std::string certificate;
    std::string key;
    in.take("tls_certificate", certificate, text());
    in.take("tls_key", key, text());
    dns.tls_certificate = certificate;
    dns.tls_key = key;
    if (!dns.tls_listen.empty() && (certificate.empty() || key.empty())) {
        in.report("DNS over TLS needs \"tls_certificate\" and \"tls_key\"", "tls_listen");
    }
}

void read_dns(TableReader& in, DnsConfig& dns) {
    const auto address = text_that("an address such as \"127.0.0.1:8600\"", is_listen_address);
    in.take("enabled", dns.enabled, boolean());
    in.take_list("listen", dns.listen, address);
    in.take("workers", dns.workers, integer<std::size_t>(1, 256));
    const auto ttl = duration<seconds>(seconds(0), std::chrono::hours(24 * 7));
    in.take("ttl", dns.ttl, ttl);
    in.take("negative_ttl", dns.negative_ttl, ttl);
    in.take("udp_bytes_max", dns.udp_bytes_max, integer<std::size_t>(512, 65507));
    in.take("udp_bytes_max_loopback", dns.udp_bytes_max_loopback, integer<std::size_t>(512, 65507));
    in.take_map("service_ttl", dns.service_ttl, ttl);
    in.take("prefer_zone", dns.prefer_zone, boolean());
    in.take("zone_healthy_percent_min", dns.zone_healthy_percent_min, integer<unsigned>(0, 100));
    in.take("only_passing", dns.only_passing, boolean());
    in.take_list(
        "reverse", dns.reverse, text_that("a prefix such as \"10.0.0.0/8\"", is_ip_prefix));
    in.take("identity", dns.identity, text());
    in.take("version", dns.version, text());
    read_dns_records(in, dns);
    read_dns_limits(in, dns);
    read_dns_tls(in, dns, address);
    in.finish();
}

void read_http(TableReader& in, HttpConfig& http) {
    in.take_list(
        "listen",
        http.listen,
        text_that("an address such as \"127.0.0.1:8500\" or \"unix:/run/roster/http.sock\"",
                  is_listen_address_or_unix));
    in.take("connections_max", http.connections_max, integer<std::size_t>(1, 1'000'000));
    in.take("body_bytes_max", http.body_bytes_max, integer<std::size_t>(1024, 1 << 28));
    in.take_map("response_headers", http.response_headers, text());
    in.finish();
}

bool is_unspecified(const std::string& host) { return host == "0.0.0.0" || host == "::"; }

bool is_loopback(const std::string& host) {
    return host.starts_with("127.") || host == "::1" || host == "localhost";
}

bool is_server_address(const std::string& text) {
    const auto place = parse_host_port(text);
    return place && place->port != 0 && !is_unspecified(place->host);
}

bool is_server_listener(const std::string& text) {
    const auto place = parse_host_port(text);
    return place && place->port != 0 && is_ip_address(place->host);
}

bool is_plain_and_exposed(const CoordConfig& coord) {
    if (coord.peer_listen.empty() || coord.peer_tls || coord.peer_plain) return false;
    const auto is_exposed = [](const std::string& text) {
        const auto place = parse_host_port(text);
        return place && !is_loopback(place->host);
    };
    return is_exposed(coord.peer_listen) || is_exposed(coord.peer_address) ||
           std::any_of(coord.servers.begin(), coord.servers.end(), is_exposed);
}

std::vector<std::string> own_ip_addresses() {
    std::vector<std::string> found;
    ::ifaddrs* list = nullptr;
    if (::getifaddrs(&list) != 0) return found;
    for (const auto* at = list; at != nullptr; at = at->ifa_next) {
        if (at->ifa_addr == nullptr) continue;
        const auto family = at->ifa_addr->sa_family;
        const auto size = family == AF_INET    ? sizeof(::sockaddr_in)
                          : family == AF_INET6 ? sizeof(::sockaddr_in6)
                                               : 0;
        char text[NI_MAXHOST] = {};
        if (size == 0 || ::getnameinfo(at->ifa_addr,
                                       static_cast<::socklen_t>(size),
                                       text,
                                       sizeof(text),
                                       nullptr,
                                       0,
                                       NI_NUMERICHOST) != 0) {
            continue;
        }
        found.emplace_back(text);
    }
    ::freeifaddrs(list);
    return found;
}

// On all addresses it is the one of `servers` that this machine has, so that the same file can serve
// on all of them.
void complete_peer_address(CoordConfig& coord) {
    if (coord.peer_listen.empty() || !coord.peer_address.empty()) return;
    const auto listen = parse_host_port(coord.peer_listen);
    if (!is_unspecified(listen->host)) {
        coord.peer_address = coord.peer_listen;
        return;
    }
    const auto own = own_ip_addresses();
    for (const auto& server : coord.servers) {
        const auto place = parse_host_port(server);
        const bool is_here = std::find(own.begin(), own.end(), place->host) != own.end();
        if (is_here && place->port == listen->port) coord.peer_address = server;
    }
}

template <class Section, class Read>
void read_section(TableReader& in, std::string_view key, Section& section, Read read) {
    const auto* table = in.take_table(key);
    if (table == nullptr) return;
    auto reader = in.inner(*table, key);
    read(reader, section);
}

void take_path(TableReader& in, std::string_view key, std::filesystem::path& out) {
    std::string path;
    in.take(key, path, text_that("the path of a PEM file", [](const auto& value) {
                return !value.empty();
            }));
    out = path;
}

// The keys that both ends of TLS have, and whether the files can be used.
void take_tls_files(TableReader& in, coord::TlsRole role, coord::TlsOptions& files) {
    const auto errors_before = in.error_count();
    take_path(in, "cert", files.certificate);
    take_path(in, "key", files.key);
    take_path(in, "ca", files.authorities);
    if (in.error_count() != errors_before) return;
    const bool is_needed = role == coord::TlsRole::server || in.has("cert") || in.has("key");
    for (const auto* key : {"cert", "key"}) {
        if (is_needed && !in.has(key)) in.report("\"" + std::string(key) + "\" is missing");
    }
    if (in.error_count() != errors_before) return;
    const auto fault = coord::find_fault(role, files);
    if (!fault) return;
    const auto* key = "ca";
    const auto* path = &files.authorities;
    if (fault->file == coord::TlsFault::File::certificate) key = "cert", path = &files.certificate;
    if (fault->file == coord::TlsFault::File::key) key = "key", path = &files.key;
    in.report(std::string(key) + ": " + path->string() + ": " + fault->why, key);
}

Kind<coord::ClientCertificate> client_certificate() {
    return {"\"none\", \"optional\" or \"required\"",
            [](const toml::node& node) -> std::optional<coord::ClientCertificate> {
                const auto word = node.value_exact<std::string>();
                if (word == "none") return coord::ClientCertificate::none;
                if (word == "optional") return coord::ClientCertificate::optional;
                if (word == "required") return coord::ClientCertificate::required;
                return std::nullopt;
            }};
}

void read_coord_tls(TableReader& in, CoordTlsConfig& tls) {
    in.take_list(
        "listen", tls.listen, text_that("an address such as \"0.0.0.0:2281\"", is_listen_address));
    if (!in.has("listen")) in.report("[coord.tls] needs \"listen\", such as [\"0.0.0.0:2281\"]");
    // Who names authorities means them to be asked.
    auto asked = in.has("ca") ? coord::ClientCertificate::required : coord::ClientCertificate::none;
    in.take("client_auth", asked, client_certificate());
    if (asked != coord::ClientCertificate::none && !in.has("ca")) {
        in.report("\"client_auth\" needs a \"ca\": the authorities of the clients", "client_auth");
    }
    tls.files.client_certificate = asked;
    take_tls_files(in, coord::TlsRole::server, tls.files);
    in.finish();
}

void read_coord_connect_tls(TableReader& in, CoordConnectTlsConfig& tls) {
    tls.enabled = true;
    in.take("enabled", tls.enabled, boolean());
    in.take("server_name", tls.server_name, text());
    take_tls_files(in, coord::TlsRole::client, tls.files);
    in.finish();
}

void read_peer_tls(TableReader& in, std::optional<coord::TlsOptions>& tls) {
    tls.emplace();
    if (!in.has("ca")) in.report("\"ca\" is missing: the authorities of the other servers");
    take_tls_files(in, coord::TlsRole::server, *tls);
    in.finish();
}

void read_servers(TableReader& in, CoordConfig& coord) {
    constexpr std::size_t servers_max = 15;
    const auto place = text_that("a server's address such as \"10.0.0.1:2888\"", is_server_address);
    in.take_list("servers", coord.servers, place);
    auto sorted = coord.servers;
    std::sort(sorted.begin(), sorted.end());
    const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
    if (twice != sorted.end()) in.report("\"servers\" has " + *twice + " twice", "servers");
    if (sorted.size() > servers_max) in.report("\"servers\" may be 15 at most", "servers");
    in.take("peer_address", coord.peer_address, place);
}

// Whatever machine it is for.
void check_peers(TableReader& in, const CoordConfig& coord) {
    if (!coord.connect.empty() && in.has("peer_listen")) {
        in.report("\"peer_listen\" is of the embedded core, which \"connect\" puts out of use",
                  "peer_listen");
    }
    for (const auto* key : {"servers", "peer_address", "peer_tls", "peer_plain"}) {
        if (!in.has(key) || in.has("peer_listen")) continue;
        in.report("\"" + std::string(key) +
                      "\" needs \"peer_listen\". An agent that is no server has none of them: "
                      "\"connect\" names the servers' ports for clients",
                  key);
    }
    if (is_plain_and_exposed(coord)) {
        in.report("the servers' links would be plain on addresses that are no loopback: give them "
                  "certificates in [coord.peer_tls], or say peer_plain = true if the network is "
                  "trusted",
                  "peer_listen");
    }
}

Kind<std::size_t> kind_of_limit(std::size_t least, std::size_t most) {
    return integer<std::size_t>(static_cast<std::int64_t>(least), static_cast<std::int64_t>(most));
}

Kind<milliseconds> kind_of_limit(milliseconds least, milliseconds most) {
    return duration(least, most);
}

void read_limits(TableReader& in, coord::ServerLimits& limits) {
    coord::each_limit(limits, [&](const char* key, auto& value, auto least, auto most) {
        in.take(key, value, kind_of_limit(least, most));
    });
    if (limits.session_timeout_min > limits.session_timeout_max) {
        in.report("\"session_timeout_min\" is longer than \"session_timeout_max\" (" +
                      format_duration(limits.session_timeout_max) + ")",
                  "session_timeout_min");
    }
    if (limits.output_pause_bytes > limits.output_bytes_max) {
        in.report("\"output_pause_bytes\" is more than \"output_bytes_max\" (" +
                      std::to_string(limits.output_bytes_max) + ")",
                  "output_pause_bytes");
    }
    in.finish();
}

bool is_four_letter_word(std::string_view text) {
    const auto& names = coord::four_letter_word_names;
    return text == "*" || std::find(names.begin(), names.end(), text) != names.end();
}

void read_coord(TableReader& in, CoordConfig& coord) {
    in.take("connect",
            coord.connect,
            text_that("a list of servers such as \"zk1:2181,zk2:2181/chroot\"", is_connect_string));
    in.take_list("listen",
                 coord.listen,
                 text_that("an address such as \"127.0.0.1:2181\"", is_listen_address));
    in.take("session_timeout",
            coord.session_timeout,
            duration(session_timeout_min, session_timeout_max));
    in.take("write_patience", coord.write_patience, duration({}, write_patience_max));
    read_section(in, "tls", coord.tls, read_coord_tls);
    read_section(in, "connect_tls", coord.connect_tls, read_coord_connect_tls);
    in.take_list("four_letter_words",
                 coord.four_letter_words,
                 text_that("one of ZooKeeper's four-letter words, such as \"mntr\", or \"*\"",
                           is_four_letter_word));
    in.take("enforce_quota", coord.enforce_quota, boolean());
    in.take("read_only_mode", coord.read_only_mode, boolean());
    read_section(in, "limits", coord.limits, read_limits);
    in.take("peer_listen",
            coord.peer_listen,
            text_that("an address such as \"10.0.0.1:2888\"", is_server_listener));
    read_servers(in, coord);
    in.take("peer_plain", coord.peer_plain, boolean());
    read_section(in, "peer_tls", coord.peer_tls, read_peer_tls);
    check_peers(in, coord);
    in.finish();
}

void read_checks(TableReader& in, ChecksConfig& checks) {
    in.take("enable_script_checks", checks.enable_script_checks, boolean());
    in.take("enable_local_script_checks", checks.enable_local_script_checks, boolean());
    in.finish();
}

void read_log(TableReader& in, LogConfig& log) {
    const auto level =
        text_that("one of trace, debug, info, warn, error, critical and off", is_log_level);
    in.take("level", log.level, level);
    in.take_map("levels", log.levels, level);
    in.finish();
}

bool is_uuid(const std::string& text) {
    if (text.size() != 36) return false;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        const bool hex =
            std::string_view("0123456789abcdefABCDEF").find(text[i]) != std::string::npos;
        if (dash ? text[i] != '-' : !hex) return false;
    }
    return true;
}

void read_top(TableReader& in, Config& config) {
    in.take(
        "node", config.node, text_that("a name of 1 to 255 printable characters", is_node_name));
    in.take("node_id", config.node_id, text_that("a UUID", is_uuid));
    in.take("address", config.address, text_that("an IP address", is_ip_address));
    in.take_map("meta", config.meta, text());
    std::optional<std::string> data_dir;
    std::optional<std::string> services_dir;
    in.take("data_dir", data_dir, text());
    in.take("services_dir", services_dir, text());
    if (data_dir) config.data_dir = *data_dir;
    if (services_dir) config.services_dir = *services_dir;
    in.take("domain", config.domain, text_that("a domain such as \"roster.internal\"", is_domain));
    in.take("datacenter",
            config.datacenter,
            text_that("a name of letters, digits, hyphens and underscores", [](const auto& value) {
                return value.find('.') == std::string::npos && is_domain(value);
            }));
    in.take("zone", config.zone, text());
    in.take("leave_on_terminate", config.leave_on_terminate, boolean());
}

Config read_config(TableReader& in) {
    Config config;
    read_top(in, config);
    read_section(in, "dns", config.dns, read_dns);
    read_section(in, "http", config.http, read_http);
    read_section(in, "coord", config.coord, read_coord);
    read_section(in, "checks", config.checks, read_checks);
    read_section(in, "log", config.log, read_log);
    ServicesFile declared;
    const auto scripts =
        config.checks.enable_local_script_checks ? Scripts::allowed : Scripts::refused;
    read_services(in, declared, scripts);
    config.services = std::move(declared.services);
    config.node_checks = std::move(declared.node_checks);
    in.finish();
    return config;
}

// The door of toml++: its one exception becomes an error with its line.
template <class T, class Read>
Configured<T> parse_with(std::string_view text, const std::string& file, Read read) {
    Errors errors;
    try {
        const toml::table root = toml::parse(text, file);
        TableReader in(root, "", file, errors);
        T value = read(in);
        if (errors.empty()) return value;
    } catch (const toml::parse_error& wrong) {
        errors.push_back({file, wrong.source().begin.line, std::string(wrong.description())});
    }
    std::stable_sort(
        errors.begin(), errors.end(), [](const auto& a, const auto& b) { return a.line < b.line; });
    return errors;
}

Configured<std::string> read_file(const std::filesystem::path& file) {
    const auto failed = [&](std::string message) {
        return Errors{{file.string(), 0, std::move(message)}};
    };
    std::error_code unknown;
    if (std::filesystem::is_directory(file, unknown)) return failed("is a directory");
    std::ifstream in(file, std::ios::binary);
    if (!in) return failed(std::string("cannot open: ") + std::strerror(errno));
    std::string text(file_bytes_max + 1, '\0');
    in.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(in.gcount()));
    if (in.bad()) return failed(std::string("cannot read: ") + std::strerror(errno));
    if (text.size() > file_bytes_max) return failed("is larger than 16 MiB");
    return text;
}

}  // namespace

std::string format(const ConfigError& error) {
    const auto line = error.line == 0 ? std::string() : ":" + std::to_string(error.line);
    return error.file + line + ": " + error.message;
}

bool is_node_name(std::string_view text) {
    const auto is_printable = [](char c) {
        return static_cast<unsigned char>(c) > ' ' && c != 127;
    };
    return !text.empty() && text.size() <= 255 &&
           std::all_of(text.begin(), text.end(), is_printable);
}

bool is_log_level(std::string_view text) {
    for (const auto* level : {"trace", "debug", "info", "warn", "error", "critical", "off"}) {
        if (text == level) return true;
    }
    return false;
}

bool is_connect_string(std::string_view text) {
    auto servers = text.substr(0, text.find('/'));
    if (text.empty()) return true;  // The embedded core.
    for (;;) {
        const auto comma = servers.find(',');
        const auto server = servers.substr(0, comma);
        const bool has_port = server.find(':') != std::string_view::npos;
        const auto endpoint =
            parse_host_port(has_port ? std::string(server) : std::string(server) + ":2181");
        if (!endpoint || endpoint->port == 0) return false;
        if (comma == std::string_view::npos) return true;
        servers.remove_prefix(comma + 1);
    }
}

std::string find_peer_fault(const CoordConfig& coord) {
    if (coord.peer_listen.empty()) return {};
    const auto& servers = coord.servers;
    const auto listed = std::find(servers.begin(), servers.end(), coord.peer_address);
    if (servers.empty() && !coord.peer_address.empty()) return {};
    if (servers.empty()) {
        return "\"peer_listen\" = \"" + coord.peer_listen +
               "\" does not say how other servers reach this one: set \"peer_address\"";
    }
    if (listed != servers.end()) return {};
    std::string all;
    for (const auto& server : servers) all += (all.empty() ? "" : ", ") + server;
    const auto& own = coord.peer_address.empty() ? coord.peer_listen : coord.peer_address;
    return "this server, " + own + ", is not one of \"servers\": " + all +
           ". Add it, or set \"peer_address\" to the one that it is. An agent that is no server "
           "has "
           "no \"peer_listen\": \"connect\" names the servers' ports for clients";
}

void complete(Config& config) {
    complete_peer_address(config.coord);
    if (config.node.empty()) {
        char name[256] = {};
        const bool known = ::gethostname(name, sizeof(name) - 1) == 0 && is_node_name(name);
        config.node = known ? name : "localhost";
    }
    if (!config.address.empty()) return;
    config.address = "127.0.0.1";
    for (const auto& listen : config.http.listen) {
        const auto endpoint = parse_host_port(listen);
        if (!endpoint || endpoint->host.starts_with("127.") || endpoint->host == "::1") continue;
        if (endpoint->host == "0.0.0.0" || endpoint->host == "::") continue;
        config.address = endpoint->host;
        return;
    }
}

Configured<Config> parse_config(std::string_view text, const std::string& file) {
    return parse_with<Config>(text, file, read_config);
}

Configured<ServicesFile>
parse_services_file(std::string_view text, const std::string& file, Scripts scripts) {
    return parse_with<ServicesFile>(text, file, [scripts](TableReader& in) {
        ServicesFile declared;
        read_services(in, declared, scripts);
        in.finish();
        return declared;
    });
}

Configured<Config> load_config(const std::filesystem::path& file) {
    const auto text = read_file(file);
    if (const auto* errors = std::get_if<Errors>(&text)) return *errors;
    auto config = parse_config(std::get<std::string>(text), file.string());
    if (auto* read = std::get_if<Config>(&config); read != nullptr && read->services_dir.empty()) {
        read->services_dir = file.parent_path() / "services.d";
    }
    return config;
}

Configured<ServicesFile> load_services_file(const std::filesystem::path& file, Scripts scripts) {
    const auto text = read_file(file);
    if (const auto* errors = std::get_if<Errors>(&text)) return *errors;
    return parse_services_file(std::get<std::string>(text), file.string(), scripts);
}

}  // namespace agent
