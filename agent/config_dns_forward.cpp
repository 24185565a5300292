#include "agent/config_dns_forward.hpp"

#include "agent/endpoint.hpp"

namespace agent {

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

// An address, with a port if it is not 53.
bool is_server(std::string_view text) {
    if (is_ip_address(text)) return true;
    const auto endpoint = parse_host_port(text);
    return endpoint && endpoint->port != 0 && is_ip_address(endpoint->host);
}

Kind<std::string> server() {
    return text_that("a server such as \"10.0.0.2\" or \"10.0.0.2:5353\"", is_server);
}

Kind<std::string> domain() { return text_that("a domain such as \"corp.example\"", is_domain); }

void read_domains(TableReader& in, DnsForwardConfig& forward) {
    for (const auto* table : in.take_tables("domain")) {
        auto reader = in.inner(*table, "domain");
        auto& read = forward.domains.emplace_back();
        reader.take("name", read.name, domain());
        reader.take_list("servers", read.servers, server());
        reader.finish();
        if (read.name.empty() || read.servers.empty()) {
            reader.report("a dns.forward.domain needs a \"name\" and \"servers\"");
        }
    }
}

}  // namespace

void read_dns_forward(TableReader& in, DnsForwardConfig& forward) {
    in.take_list("servers", forward.servers, server());
    read_domains(in, forward);
    forward.enabled = !forward.servers.empty() || !forward.domains.empty();
    in.take("enabled", forward.enabled, boolean());
    in.take_list(
        "allow", forward.allow, text_that("a prefix such as \"10.0.0.0/8\"", is_ip_prefix));
    in.take(
        "queries_max_per_client", forward.queries_max_per_client, integer<std::size_t>(1, 10'000));
    in.take("cache_bytes_max",
            forward.cache_bytes_max,
            integer<std::size_t>(65'536, std::int64_t{1} << 40U));
    in.take("cache_entries_max", forward.cache_entries_max, integer<std::size_t>(1, 100'000'000));
    in.take("ttl_max", forward.ttl_max, duration<seconds>(seconds(1), hours(24 * 7)));
    in.take("negative_ttl_max", forward.negative_ttl_max, duration<seconds>(seconds(0), hours(24)));
    in.take("serve_stale", forward.serve_stale, duration<seconds>(seconds(0), hours(24 * 7)));
    in.take("timeout", forward.timeout, duration(milliseconds(10), seconds(10)));
    in.take("tries", forward.tries, integer<std::size_t>(1, 10));
    in.take("prefetch", forward.prefetch, boolean());
    in.take_list("rebind_allow", forward.rebind_allow, domain());
    in.finish();
}

}  // namespace agent
