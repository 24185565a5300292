#include "agent/cli/host_resolver.hpp"

#include <algorithm>
#include <array>
#include <fstream>
#include <sstream>
#include <system_error>

namespace agent {
namespace {

namespace fs = std::filesystem;

struct Name {
    HostResolver resolver;
    std::string_view text;
};
constexpr std::array<Name, 5> names{{{HostResolver::systemd_resolved, "systemd-resolved"},
                                     {HostResolver::network_manager, "networkmanager"},
                                     {HostResolver::dnsmasq, "dnsmasq"},
                                     {HostResolver::unbound, "unbound"},
                                     {HostResolver::resolv_conf, "resolv.conf"}}};

// A program, as the kernel calls its process (15 characters) and as its unit is called.
struct Program {
    const char* process;
    const char* unit;
};
constexpr std::array<Program, 5> programs{{{"systemd-resolve", "systemd-resolved"},
                                           {"systemd-network", "systemd-networkd"},
                                           {"NetworkManager", "NetworkManager"},
                                           {"dnsmasq", "dnsmasq"},
                                           {"unbound", "unbound"}}};

std::string read_file(const fs::path& path) {
    std::ifstream in(path);
    std::ostringstream text;
    text << in.rdbuf();
    return text.str();
}

std::vector<std::string> words(const std::string& line) {
    std::istringstream in(line);
    std::vector<std::string> all;
    for (std::string word; in >> word;) all.push_back(word);
    return all;
}

// The names of the processes; none when there is no /proc, as in an image.
std::set<std::string> processes(const fs::path& root) {
    std::set<std::string> found;
    std::error_code error;
    for (fs::directory_iterator entry(root / "proc", error), end; !error && entry != end;
         entry.increment(error)) {
        auto name = read_file(entry->path() / "comm");
        if (name.ends_with('\n')) name.pop_back();
        if (!name.empty()) found.insert(name);
    }
    return found;
}

bool is_enabled(const fs::path& root, const std::string& unit) {
    const auto units = root / "etc/systemd/system";
    std::error_code error;
    for (const auto* target : {"multi-user.target.wants", "sysinit.target.wants"}) {
        if (fs::is_symlink(units / target / (unit + ".service"), error)) return true;
    }
    return false;
}

bool asks_systemd_resolved(const std::string& nsswitch) {
    std::istringstream in(nsswitch);
    for (std::string line; std::getline(in, line);) {
        const auto found = words(line);
        if (found.empty() || found.front() != "hosts:") continue;
        return std::find(found.begin(), found.end(), "resolve") != found.end();
    }
    return false;
}

}  // namespace

std::string_view name_of(HostResolver resolver) {
    const auto is_it = [resolver](const Name& name) { return name.resolver == resolver; };
    return std::find_if(names.begin(), names.end(), is_it)->text;
}

std::optional<HostResolver> parse_host_resolver(std::string_view text) {
    for (const auto& name : names) {
        if (name.text == text) return name.resolver;
    }
    return std::nullopt;
}

std::vector<std::string> host_resolver_names() {
    std::vector<std::string> all;
    for (const auto& name : names) all.emplace_back(name.text);
    return all;
}

HostFacts look_at_host(const fs::path& root) {
    HostFacts host;
    std::error_code error;
    const auto resolv_conf = root / "etc/resolv.conf";
    host.resolv_conf = read_file(resolv_conf);
    if (fs::is_symlink(resolv_conf, error))
        host.resolv_conf_link = fs::read_symlink(resolv_conf, error).string();
    host.has_nss_resolve = asks_systemd_resolved(read_file(root / "etc/nsswitch.conf"));
    const auto running = processes(root);
    for (const auto& [process, unit] : programs) {
        const bool is_there = running.empty() ? is_enabled(root, unit) : running.count(process) > 0;
        if (is_there) host.programs.insert(unit);
    }
    return host;
}

std::vector<std::string> nameservers(std::string_view resolv_conf) {
    std::vector<std::string> found;
    std::istringstream in{std::string(resolv_conf)};
    for (std::string line; std::getline(in, line);) {
        const auto parts = words(line);
        if (parts.size() >= 2 && parts[0] == "nameserver") found.push_back(parts[1]);
    }
    return found;
}

// resolv.conf(5): of several lines the last one counts.
std::string search_line(std::string_view resolv_conf) {
    std::string found;
    std::istringstream in{std::string(resolv_conf)};
    for (std::string line; std::getline(in, line);) {
        const auto parts = words(line);
        if (parts.size() >= 2 && (parts[0] == "search" || parts[0] == "domain")) found = line;
    }
    return found;
}

HostResolver detect(const HostFacts& host) {
    if (host.resolv_conf.starts_with(file_mark)) return HostResolver::resolv_conf;
    const auto servers = nameservers(host.resolv_conf);
    const auto runs = [&](const char* program) { return host.programs.count(program) > 0; };
    // Its two addresses, which nothing else is given.
    const auto is_stub = [](const std::string& server) {
        return server == "127.0.0.53" || server == "127.0.0.54";
    };
    if (std::any_of(servers.begin(), servers.end(), is_stub)) return HostResolver::systemd_resolved;
    if (host.has_nss_resolve && runs("systemd-resolved")) return HostResolver::systemd_resolved;
    // It signs the file it writes: "# Generated by NetworkManager".
    const bool is_managed = host.resolv_conf.find("NetworkManager") != std::string::npos;
    if (runs("NetworkManager") && is_managed) return HostResolver::network_manager;
    const auto is_loopback = [](const std::string& server) {
        return server.starts_with("127.") || server == "::1";
    };
    if (std::none_of(servers.begin(), servers.end(), is_loopback)) return HostResolver::resolv_conf;
    if (runs("dnsmasq")) return HostResolver::dnsmasq;
    return runs("unbound") ? HostResolver::unbound : HostResolver::resolv_conf;
}

}  // namespace agent
