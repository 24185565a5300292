#include "agent/config.hpp"

#include "agent/config_dns.hpp"
#include "agent/config_services.hpp"
#include "agent/config_table.hpp"
#include "agent/endpoint.hpp"
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

// What `super:<password>` becomes: the SHA-1 of all of it, in base64.
bool is_super_digest(std::string_view text) {
    constexpr std::string_view user = "super:";
    constexpr std::size_t digest_characters = 28;
    return text.starts_with(user) && text.size() == user.size() + digest_characters &&
           text.back() == '=';
}

void read_super(TableReader& in, CoordConfig& coord) {
    in.take("super_digest",
            coord.super_digest,
            text_that("\"super:\" and the digest of super:password in base64", is_super_digest));
    in.take("super_subject", coord.super_subject, text());
}

void read_coord(TableReader& in, CoordConfig& coord) {
    in.take("connect",
            coord.connect,
            text_that("a list of servers such as \"zk1:2181,zk2:2181/chroot\"", is_connect_string));
    in.take_list("listen",
                 coord.listen,
                 text_that("an address such as \"127.0.0.1:2181\"", is_listen_address));
    if (coord.listen.empty()) {
        in.report("\"listen\" needs an address: this agent is a client of its core there",
                  "listen");
    }
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
    read_super(in, coord);
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
