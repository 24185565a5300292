#include "agent/config_dns_transfer.hpp"

#include "agent/endpoint.hpp"

namespace agent {
namespace {

// One can listen on a port that is chosen then, but not send there.
bool is_target(std::string_view text) {
    return is_listen_address(text) && parse_host_port(text)->port != 0;
}

}  // namespace

void read_dns_transfers(TableReader& in, DnsConfig& dns) {
    for (const auto* table : in.take_tables("transfer")) {
        auto reader = in.inner(*table, "transfer");
        auto& transfer = dns.transfers.emplace_back();
        reader.take_list(
            "to", transfer.to, text_that("a prefix such as \"10.0.0.0/8\"", is_ip_prefix));
        reader.take("key", transfer.key, text());
        reader.take_list(
            "notify", transfer.notify, text_that("an address such as \"10.0.0.53:53\"", is_target));
        reader.finish();
        if (transfer.to.empty()) {
            reader.report("a dns.transfer needs \"to\": the networks of the secondaries");
        }
    }
    in.take("transfers_max", dns.transfers_max, integer<std::size_t>(1, 1000));
    in.take("transfer_records_max", dns.transfer_records_max, integer<std::size_t>(1, 1000));
    in.take("transfer_journal_bytes_max",
            dns.transfer_journal_bytes_max,
            integer<std::size_t>(0, std::int64_t{1} << 40U));
}

}  // namespace agent
