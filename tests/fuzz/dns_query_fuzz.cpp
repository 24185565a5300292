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
    dns::Responder responder{table, grammar, {.identity = "host1", .version = "1"}};

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
    const dns::Transport transport{
        .tcp = (input[0] & 1U) != 0, .loopback = (input[0] & 2U) != 0, .udp_bytes_max = 1232};
    const std::size_t query_bytes = size - 1;
    std::vector<std::uint8_t> buffer(
        std::max<std::size_t>(transport.tcp ? 65'535 : 1232, query_bytes));
    std::copy(input + 1, input + size, buffer.begin());
    dns::Random random(input[0]);

    const dns::ReadSection section;
    const auto reply = face.responder.respond(buffer, query_bytes, transport, random);

    expect(reply.bytes == 0 || reply.bytes >= dns::header_bytes);
    expect(reply.bytes <= (transport.tcp ? 65'535U : 1232U));
    if (reply.bytes > 0) expect((buffer[2] & 0x80U) != 0);
    // What was answered is a query no more: it must not be answered again.
    expect(face.responder.respond(buffer, reply.bytes, transport, random).bytes == 0);
    return 0;
}
