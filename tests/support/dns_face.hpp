#pragma once
// The DNS face without sockets: what is published in, messages in and out.
//
// Fed by:  tests of dns/.
// Thread:  the test's.

#include "dns/answer_compiler.hpp"
#include "dns/answer_table.hpp"
#include "dns/grammar.hpp"
#include "dns/responder.hpp"
#include "tests/support/dns_messages.hpp"
#include "tests/support/dns_reply.hpp"
#include "tests/support/publications.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline unsigned number(dns::Rcode rcode) { return static_cast<unsigned>(rcode); }

// RFC 8914, without a text.
inline std::string option_of(dns::ExtendedError error) {
    return {'\0', '\17', '\0', '\2', '\0', static_cast<char>(error)};
}

struct DnsFaceOptions {
    std::string domain = "roster.internal";
    std::vector<std::string> reverse = {"10.0.0.0/8", "fd00::/8"};
    std::map<std::string, std::chrono::seconds> service_ttl = {};
    bool only_passing = false;
    std::string zone = {};
    std::size_t records_max = 1000;
    std::size_t tags_max = 256;
    std::size_t tag_sets_max = 256;
    std::string identity = "host1";
    bool version_for_all = false;
    std::vector<std::string> allow = {"192.0.2.0/24", "198.51.100.0/24", "2001:db8::/32"};
    std::size_t unverified_bytes_max = 512;
    std::vector<std::string> browse = {"*"};
    std::vector<dns::TransferRule> transfers = {};
    const dns::TsigKeyring* keys = nullptr;
};

class DnsFace {
public:
    explicit DnsFace(const DnsFaceOptions& options = {})
        : grammar(options.domain, "dc1", options.reverse),
          compiler(table,
                   grammar,
                   {.ttl = std::chrono::seconds(5),
                    .service_ttl = options.service_ttl,
                    .selection = {.only_passing = options.only_passing, .zone = options.zone},
                    .node = "host1",
                    .address = "192.0.2.1",
                    .records_max = options.records_max,
                    .tags_max = options.tags_max,
                    .tag_sets_max = options.tag_sets_max,
                    .browse = options.browse}),
          responder(table,
                    grammar,
                    {.ttl = std::chrono::seconds(5),
                     .negative_ttl = std::chrono::seconds(3),
                     .identity = options.identity,
                     .version = "9.9",
                     .version_for_all = options.version_for_all,
                     .allow = prefixes(options.allow),
                     .trusted = prefixes({"192.0.2.0/24"}),
                     .transfers = options.transfers,
                     .keys = options.keys,
                     .unverified_bytes_max = options.unverified_bytes_max}) {}

    static std::vector<dns::IpPrefix> prefixes(const std::vector<std::string>& texts) {
        std::vector<dns::IpPrefix> result;
        for (const auto& text : texts) result.push_back(dns::parse_prefix(text).value());
        return result;
    }

    // One step of the catalog; each has an index of its own.
    void publish(std::vector<std::shared_ptr<const agent::ServiceView>> services,
                 std::vector<std::shared_ptr<const agent::NodeView>> nodes = {}) {
        auto step = publication(++index);
        step.connected = connected;
        step.services = std::move(services);
        step.nodes = std::move(nodes);
        compiler.apply(step);
    }
    void remove_services(std::vector<std::string> names) {
        auto step = publication(++index);
        step.removed_services = std::move(names);
        compiler.apply(step);
    }
    void remove_nodes(std::vector<std::string> names) {
        auto step = publication(++index);
        step.removed_nodes = std::move(names);
        compiler.apply(step);
    }

    // The raw octets of the reply; empty if the message was dropped.
    std::vector<std::uint8_t> send(const Message& message, const dns::Transport& transport) {
        const dns::ReadSection section;
        std::vector<std::uint8_t> buffer(
            transport.tcp ? 65'535 : std::max<std::size_t>(512, transport.udp_bytes_max));
        buffer.resize(std::max(buffer.size(), message.bytes.size()));
        std::copy(message.bytes.begin(), message.bytes.end(), buffer.begin());
        dns::Exchange exchange;
        exchange.buffer = buffer;
        exchange.query_bytes = message.bytes.size();
        exchange.client = client;
        responder.respond({&exchange, 1}, transport, random);
        last = exchange.reply;
        buffer.resize(last.bytes);
        return buffer;
    }
    std::vector<std::uint8_t> send(const Message& message) { return send(message, udp); }

    DnsReply ask(std::string_view name, unsigned type) { return ask(question(name, type)); }
    DnsReply ask(const Message& message) { return DnsReply(send(message)); }
    DnsReply ask_tcp(std::string_view name, unsigned type) {
        return DnsReply(send(question(name, type), {.tcp = true}));
    }

    std::uint64_t index = 100;
    bool connected = true;
    dns::Client client{dns::parse_ip("127.0.0.1").value(), 1'000'000'000};
    dns::Transport udp{.tcp = false, .loopback = true, .udp_bytes_max = 1232};
    dns::AnswerTable table;
    dns::Grammar grammar;
    dns::AnswerCompiler compiler;
    dns::Responder responder;
    dns::Random random{seed()};
    dns::Reply last;
};

}  // namespace support
