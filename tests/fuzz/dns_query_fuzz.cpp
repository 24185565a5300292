// The query parser and the responder, with any octets: the first says which transport, and whether
// what follows is one message, or a TCP stream that comes in pieces of the size of the second.

#include "dns/answer_compiler.hpp"
#include "dns/frame_reader.hpp"
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
    dns::AnswerCompiler compiler{
        table, grammar, {.node = "host1", .address = "127.0.0.1", .browse = {"*"}}};
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
        step.services = {
            support::make_service(
                "web", {{.node = node, .tags = {"primary"}, .meta = {{"dns-alpn", "h2,h3"}}}}),
            support::make_service("many", many),
            support::make_service("alias",
                                  {{.node = node, .address = "web.service.roster.internal"}}),
            support::make_service("dead",
                                  {{.node = node, .address = "no.such.name.roster.internal"}}),
            support::make_service("loop",
                                  {{.node = node, .address = "loop.service.roster.internal"}})};
        compiler.apply(step);
        table.hold(dns::Space::forward, "\1*\4apps");
    }
};

void expect(bool holds) {
    if (!holds) std::abort();
}

void answer(const std::uint8_t* message, std::size_t size, std::uint8_t choice) {
    static Face face;
    const dns::Transport transport{.tcp = (choice & 1U) != 0,
                                   .tls = (choice & 5U) == 5,
                                   .loopback = (choice & 2U) != 0,
                                   .udp_bytes_max = 1232,
                                   .keepalive = 100};
    std::vector<std::uint8_t> buffer(std::max<std::size_t>(transport.tcp ? 65'535 : 1232, size));
    std::copy(message, message + size, buffer.begin());
    dns::Random random(choice);
    dns::Exchange exchange;
    exchange.buffer = buffer;
    exchange.query_bytes = size;
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
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size == 0) return 0;
    const std::uint8_t choice = input[0];
    if ((choice & 8U) == 0) {
        answer(input + 1, size - 1, choice);
        return 0;
    }
    if (size == 1) return 0;
    const std::size_t piece = std::max<std::size_t>(1, input[1]);
    dns::FrameReader reader;
    std::size_t read = 0;
    for (std::size_t at = 2; at < size; at += piece) {
        reader.append({input + at, std::min(piece, size - at)});
        while (const auto frame = reader.next()) {
            read += 2 + frame->size();
            answer(frame->data(), frame->size(), choice | 1U);
        }
    }
    expect(read <= size - 2);
    return 0;
}
