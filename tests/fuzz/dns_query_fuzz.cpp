// The query parser and the responder, with any octets: the first says which transport.

#include "dns/answer_compiler.hpp"
#include "dns/responder.hpp"
#include "tests/support/publications.hpp"

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

namespace {

// A small catalog with every kind of record and a chain of CNAMEs.
struct Face {
    dns::AnswerTable table;
    dns::Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    dns::AnswerCompiler compiler{table, grammar, {.node = "host1", .address = "127.0.0.1"}};
    dns::Responder responder{
        table,
        grammar,
        {.identity = "host1", .version = "1", .allow = {*dns::parse_prefix("198.51.100.0/24")}}};

    Face() {
        agent::NodeRecord record;
        record.meta = {{"rack", "7"}};
        const auto node = support::make_node("host1", "10.0.0.1", record);
        std::vector<support::Instance> many;
        for (int i = 0; i < 60; ++i) many.push_back({node, "10.0.1." + std::to_string(i)});
        auto step = support::publication(7);
        step.nodes = {node};
        step.services = {support::make_service("web", {{.node = node, .tags = {"primary"}}}),
                         support::make_service("many", many),
                         support::make_service(
                             "alias", {{.node = node, .address = "web.service.roster.internal"}}),
                         support::make_service(
                             "loop", {{.node = node, .address = "loop.service.roster.internal"}})};
        compiler.apply(step);
    }
};

void expect(bool holds) {
    if (!holds) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    static Face face;
    if (size == 0) return 0;
    const dns::Transport transport{.tcp = (input[0] & 1U) != 0,
                                   .tls = (input[0] & 5U) == 5,
                                   .loopback = (input[0] & 2U) != 0,
                                   .udp_bytes_max = 1232,
                                   .keepalive = 100};
    const std::size_t query_bytes = size - 1;
    std::vector<std::uint8_t> buffer(
        std::max<std::size_t>(transport.tcp ? 65'535 : 1232, query_bytes));
    std::copy(input + 1, input + size, buffer.begin());
    dns::Random random(input[0]);
    dns::Exchange exchange;
    exchange.buffer = buffer;
    exchange.query_bytes = query_bytes;
    exchange.client = {*dns::parse_ip("198.51.100.1"), 1'000'000'000};

    const dns::ReadSection section;
    face.responder.respond({&exchange, 1}, transport, random);

    auto reply = exchange.reply;
    expect(reply.bytes == 0 || reply.bytes >= dns::header_bytes);
    expect(reply.bytes <= (transport.tcp ? 65'535U : 1232U));
    // A stranger without a cookie cannot be flooded through us.
    if (!reply.verified) expect(reply.bytes <= 512);
    if (reply.bytes > 0) {
        expect((buffer[2] & 0x80U) != 0);
        dns::cut_short(buffer, reply);
        expect(reply.bytes <= exchange.reply.bytes);
    }
    // What was answered is a query no more: it must not be answered again.
    exchange.query_bytes = reply.bytes;
    face.responder.respond({&exchange, 1}, transport, random);
    expect(exchange.reply.bytes == 0);
    return 0;
}
