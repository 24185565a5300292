#include "agent/config_dns.hpp"

#include "agent/config_dns_forward.hpp"
#include "agent/config_dns_keys.hpp"
#include "agent/config_dns_transfer.hpp"
#include "agent/endpoint.hpp"

namespace agent {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

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

}  // namespace

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
    in.take_list("browse", dns.browse, text());
    in.take("identity", dns.identity, text());
    in.take("version", dns.version, text());
    read_dns_records(in, dns);
    read_dns_keys(in, dns);
    read_dns_updates(in, dns);
    read_dns_transfers(in, dns);
    read_dns_limits(in, dns);
    read_dns_tls(in, dns, address);
    if (const auto* table = in.take_table("forward")) {
        auto reader = in.inner(*table, "forward");
        read_dns_forward(reader, dns.forward);
    }
    in.finish();
}

}  // namespace agent
