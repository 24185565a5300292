#pragma once
// Which program answers this host's lookups of names, judged by what is configured and what runs.
//
// Fed by:  resolver_command, with the files of the host or of an image.
// Read by: resolver_plan, resolver_command, resolver_status.
// Thread:  main's. detect() is pure.
// Fails:   what cannot be read counts as not there.

#include <filesystem>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace agent {

// The first line of every file that `roster resolver setup` writes.
inline constexpr std::string_view file_mark =
    "# Written by 'roster resolver setup'; 'roster resolver remove' takes it away.\n";

enum class HostResolver { systemd_resolved, network_manager, dnsmasq, unbound, resolv_conf };

// "systemd-resolved", "networkmanager", "dnsmasq", "unbound", "resolv.conf": as --for takes them.
std::string_view name_of(HostResolver resolver);
std::optional<HostResolver> parse_host_resolver(std::string_view text);
std::vector<std::string> host_resolver_names();

struct HostFacts {
    std::string resolv_conf;
    std::string resolv_conf_link;    // where /etc/resolv.conf leads, if it is a link
    bool has_nss_resolve = false;    // nsswitch.conf asks systemd-resolved without resolv.conf
    std::set<std::string> programs;  // of ours to know: "systemd-resolved", "dnsmasq", …
};

// What runs, or, in an image where nothing does, what its systemd would start.
HostFacts look_at_host(const std::filesystem::path& root);

std::vector<std::string> nameservers(std::string_view resolv_conf);
// Its line "search" or "domain", the last one, as it stands; empty: none.
std::string search_line(std::string_view resolv_conf);

HostResolver detect(const HostFacts& host);

}  // namespace agent
