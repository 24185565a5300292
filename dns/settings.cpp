#include "dns/settings.hpp"

#include "agent/endpoint.hpp"
#include "dns/forwarder.hpp"
#include "dns/server.hpp"
#include "dns/update_policy.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ip/udp.hpp>

#include <algorithm>
#include <memory>
#include <random>
#include <stdexcept>
#include <system_error>
#include <utility>

namespace dns {

namespace {

Cookies cookies_of(const agent::DnsConfig& config) {
    std::vector<CookieSecret> configured;
    for (const auto& text : config.cookie_secrets) {
        const auto secret = parse_cookie_secret(text);
        if (!secret) throw std::runtime_error("dns.cookie_secrets: 32 hexadecimal digits each");
        configured.push_back(*secret);
    }
    CookieSecret seed{};
    std::random_device device;
    for (auto& octet : seed) octet = static_cast<std::uint8_t>(device());
    return {std::move(configured), seed};
}

// The key that a rule names; null: it names none.
const TsigKey* key_of(const agent::DnsTransferConfig& transfer,
                      const agent::DnsConfig& config,
                      const TsigKeyring& keys) {
    if (transfer.key.empty()) return nullptr;
    for (const auto& one : config.keys) {
        if (one.name != transfer.key) continue;
        const auto made = make_key(one);
        return keys.find(made.name, made.algorithm);
    }
    throw std::runtime_error("dns.transfer: there is no dns.key \"" + transfer.key + "\"");
}

// Only an address of this host can be bound.
bool is_on_this_host(const boost::asio::ip::address& address) {
    boost::asio::io_context io;
    boost::asio::ip::udp::socket probe(io);
    const boost::asio::ip::udp::endpoint endpoint(address, 0);
    boost::system::error_code error;
    probe.open(endpoint.protocol(), error);
    if (!error) probe.bind(endpoint, error);
    return !error;
}

// Whether that is one of the addresses we listen on. On a wildcard, all of this host are.
bool is_own(const ServerAddress& server, const boost::asio::ip::tcp::endpoint& listening) {
    if (server.port != listening.port()) return false;
    const auto address = boost::asio::ip::make_address(format_ip(server.address));
    if (!listening.address().is_unspecified()) return address == listening.address();
    return address.is_unspecified() || is_on_this_host(address);
}

}  // namespace

boost::asio::ip::tcp::endpoint parse_endpoint(const std::string& listen) {
    const auto host_port = agent::parse_host_port(listen);
    boost::system::error_code error;
    const auto address = boost::asio::ip::make_address(host_port ? host_port->host : "", error);
    if (!host_port || error)
        throw std::system_error(std::make_error_code(std::errc::invalid_argument));
    return {address, host_port->port};
}

std::vector<IpPrefix> prefixes_of(const std::vector<std::string>& texts) {
    std::vector<IpPrefix> prefixes;
    for (const auto& text : texts) {
        const auto prefix = parse_prefix(text);
        if (!prefix) throw std::runtime_error("dns: \"" + text + "\" is no address prefix");
        prefixes.push_back(*prefix);
    }
    return prefixes;
}

std::vector<StaticName> compile_records(const agent::DnsConfig& config, const Grammar& grammar) {
    const auto faults = find_faults(config.records, grammar);
    if (!faults.empty()) throw std::runtime_error(faults.front());
    std::vector<StaticName> made;
    for (const auto& record : config.records) made.push_back(compile(record, grammar, config.ttl));
    return made;
}

std::set<Labels> keys_of(const std::vector<StaticName>& names) {
    std::set<Labels> keys;
    for (const auto& name : names) keys.insert(name.key);
    return keys;
}

TsigKeyring keyring_of(const agent::DnsConfig& config) {
    std::vector<TsigKey> keys;
    for (const auto& key : config.keys) keys.push_back(make_key(key));
    return TsigKeyring(std::move(keys));
}

ResponderOptions responder_settings(const ServerOptions& from, const TsigKeyring& keys) {
    const auto& config = from.config;
    ResponderOptions options;
    options.ttl = config.ttl;
    options.negative_ttl = config.negative_ttl;
    options.identity = config.identity.value_or(from.node);
    options.version = config.version.value_or(from.version);
    options.version_for_all = config.version.has_value();
    options.allow = prefixes_of(config.allow);
    options.trusted = prefixes_of(config.trusted);
    options.unverified_bytes_max = config.unverified_bytes_max;
    options.cookies = cookies_of(config);
    options.keys = &keys;  // Also of none: a signature by a key that there is not is told so.
    options.forwards = config.forward.enabled;
    options.recursion = prefixes_of(config.forward.allow);
    options.transfers = transfer_settings(config, keys).rules;
    // Who may have all of a zone may ask for its serial.
    for (const auto& rule : options.transfers) {
        options.allow.insert(options.allow.end(), rule.to.begin(), rule.to.end());
    }
    return options;
}

TransferOptions transfer_settings(const agent::DnsConfig& config, const TsigKeyring& keys) {
    TransferOptions options;
    options.keys = &keys;
    for (const auto& transfer : config.transfers) {
        const auto* key = key_of(transfer, config, keys);
        options.rules.push_back({prefixes_of(transfer.to), key == nullptr ? Labels() : key->name});
        for (const auto& text : transfer.notify) {
            const auto endpoint = parse_endpoint(text);
            options.notify.push_back({{endpoint.address(), endpoint.port()}, key});
        }
    }
    options.history = {.ttl = config.ttl,
                       .records_max = config.transfer_records_max,
                       .journal_bytes_max = config.transfer_journal_bytes_max};
    options.negative_ttl = config.negative_ttl;
    options.transfers_max = config.transfers_max;
    options.udp_bytes_max = static_cast<std::uint16_t>(config.udp_bytes_max);
    return options;
}

std::unique_ptr<coord::TlsContext> tls_context(boost::asio::io_context& io,
                                               const agent::DnsConfig& config) {
    return std::make_unique<coord::TlsContext>(
        io,
        "dns over tls",
        coord::TlsRole::server,
        coord::TlsOptions{
            .certificate = config.tls_certificate, .key = config.tls_key, .authorities = {}});
}

ForwardRules forward_rules(const agent::DnsForwardConfig& config,
                           const std::vector<boost::asio::ip::tcp::endpoint>& listening) {
    const auto own = [&](const ServerAddress& server) {
        return std::any_of(listening.begin(), listening.end(), [&](const auto& endpoint) {
            return is_own(server, endpoint);
        });
    };
    const auto system = config.servers.empty() ? system_servers() : std::vector<ServerAddress>{};
    return {config, system, own};
}

std::vector<std::string> find_faults(const agent::DnsConfig& config,
                                     const std::string& domain,
                                     const std::string& datacenter) {
    std::vector<std::string> faults;
    const auto attempt = [&](const auto& make) {
        try {
            make();
        } catch (const std::runtime_error& wrong) {
            faults.emplace_back(wrong.what());
        }
    };
    attempt(
        [&] { faults = find_faults(config.records, Grammar(domain, datacenter, config.reverse)); });
    attempt([&] { static_cast<void>(cookies_of(config)); });
    for (const auto* prefixes : {&config.allow, &config.trusted, &config.forward.allow}) {
        attempt([&] { static_cast<void>(prefixes_of(*prefixes)); });
    }
    attempt([&] {
        const auto keys = keyring_of(config);
        attempt([&] { static_cast<void>(transfer_settings(config, keys)); });
        attempt([&] { static_cast<void>(UpdatePolicy(config.updates, keys)); });
    });
    attempt([&] {
        boost::asio::io_context io;
        if (!config.tls_listen.empty()) static_cast<void>(tls_context(io, config));
    });
    if (!config.forward.enabled) return faults;
    attempt([&] {
        std::vector<boost::asio::ip::tcp::endpoint> listening;
        for (const auto& text : config.listen) listening.push_back(parse_endpoint(text));
        static_cast<void>(forward_rules(config.forward, listening));
    });
    return faults;
}

}  // namespace dns
