#pragma once
// What the configuration says, as the options of the parts that it is for.
//
// Fed by:  agent::DnsConfig.
// Read by: Server; `roster validate`.
// Thread:  any.
// Fails:   each throws std::runtime_error with one line, for what cannot be.

#include "agent/config.hpp"
#include "coord/base/tls_context.hpp"
#include "dns/address.hpp"
#include "dns/forward_rules.hpp"
#include "dns/grammar.hpp"
#include "dns/responder.hpp"
#include "dns/static_records.hpp"
#include "dns/transfer.hpp"
#include "dns/tsig.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>

#include <memory>
#include <set>
#include <string>
#include <vector>

namespace dns {

struct ServerOptions;

// "127.0.0.1:53", "[::]:53". Throws std::system_error for what is no address.
boost::asio::ip::tcp::endpoint parse_endpoint(const std::string& text);
std::vector<IpPrefix> prefixes_of(const std::vector<std::string>& texts);

std::vector<StaticName> compile_records(const agent::DnsConfig& config, const Grammar& grammar);
std::set<Labels> keys_of(const std::vector<StaticName>& names);

TsigKeyring keyring_of(const agent::DnsConfig& config);
// They point to the keys.
ResponderOptions responder_settings(const ServerOptions& from, const TsigKeyring& keys);
TransferOptions transfer_settings(const agent::DnsConfig& config, const TsigKeyring& keys);
std::unique_ptr<coord::TlsContext> tls_context(boost::asio::io_context& io,
                                               const agent::DnsConfig& config);
// Servers that are ourselves, listening there, are none.
ForwardRules forward_rules(const agent::DnsForwardConfig& config,
                           const std::vector<boost::asio::ip::tcp::endpoint>& listening);

// What keeps the DNS face from starting, as far as the configuration tells: one line each.
std::vector<std::string> find_faults(const agent::DnsConfig& config,
                                     const std::string& domain,
                                     const std::string& datacenter);

}  // namespace dns
