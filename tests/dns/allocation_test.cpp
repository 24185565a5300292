// The way of a query takes nothing from the heap: this binary's operator new counts.

#include "tests/support/dns_face.hpp"

#include <gtest/gtest.h>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

namespace {
thread_local std::size_t allocations = 0;
}

// GCC takes these for a mismatched pair once it has inlined one of them.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
    ++allocations;
    if (void* memory = std::malloc(size)) return memory;
    throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace dns {
namespace {

using std::string_literals::operator""s;
using support::question;

TEST(TheWayOfAQuery, allocates_nothing) {
    support::DnsFace face;
    const auto host1 = support::make_node("host1", "10.0.0.1");
    std::vector<support::Instance> many;
    for (int i = 0; i < 100; ++i) many.push_back({host1, "10.0.1." + std::to_string(i)});
    face.publish({support::make_service("web", {{host1}}),
                  support::make_service("many", many),
                  support::make_service("heavy",
                                        {{.node = host1, .tags = {"a", "b"}, .weights = {9, 1}},
                                         {.node = host1, .address = "10.0.0.2"}}),
                  support::make_service("alias", {{host1, "web.service.roster.internal"}})},
                 {host1});
    const auto cookie_and_identity = "\0\12\0\10abcdefgh\0\3\0\0"s;
    const std::vector<support::Message> asked = {
        question("web.service.roster.internal", rr::a),
        question("_web._tcp.service.roster.internal", rr::srv).with_opt(1232),
        question("many.service.roster.internal", rr::srv).with_opt(1232, 0, cookie_and_identity),
        question("heavy.service.roster.internal", rr::a),
        question("b.a.heavy.service.roster.internal", rr::a),
        question("alias.service.roster.internal", rr::a),
        question("no.service.roster.internal", rr::a),
        question("1.0.0.10.in-addr.arpa", rr::ptr),
        question("0a000001.addr.roster.internal", rr::a),
        question("id.server", rr::txt, class_chaos),
        question("example.com", rr::a)};
    std::vector<std::vector<std::uint8_t>> buffers(asked.size());
    std::vector<Exchange> batch(asked.size());
    const auto respond = [&] {
        for (std::size_t i = 0; i < asked.size(); ++i) {
            buffers[i].assign(asked[i].bytes.begin(), asked[i].bytes.end());
            buffers[i].resize(1232);
            batch[i].buffer = buffers[i];
            batch[i].query_bytes = asked[i].bytes.size();
            batch[i].client = face.client;
        }
        const std::size_t before = allocations;
        const ReadSection section;
        face.responder.respond(batch, face.udp, face.random);
        return allocations - before;
    };
    respond();  // The thread makes itself known to liburcu.

    const std::size_t taken = respond();

    EXPECT_EQ(taken, 0U);
    for (const auto& exchange : batch) EXPECT_GT(exchange.reply.bytes, header_bytes);
    const std::size_t before = allocations;
    const std::vector<int> one(1);
    EXPECT_EQ(allocations - before, 1U) << "what counts does count";
}

TEST(TheWayOfAQuery, to_the_forwarder_allocates_nothing) {
    support::DnsFace face;
    const Responder responder(face.table, face.grammar, {.forwards = true});
    ForwardInbox inbox(8);
    auto& queue = inbox.attach();
    const auto asked = question("example.com", rr::a).with_opt(1232);
    std::vector<std::uint8_t> buffer(1232);
    Exchange exchange;
    const auto hand_over = [&] {
        std::copy(asked.bytes.begin(), asked.bytes.end(), buffer.begin());
        exchange.buffer = buffer;
        exchange.query_bytes = asked.bytes.size();
        exchange.client = face.client;
        const std::size_t before = allocations;
        const ReadSection section;
        responder.respond({&exchange, 1}, face.udp, face.random);
        Responder::hand_over(exchange, *queue.claim());
        queue.push();
        queue.wake();
        return allocations - before;
    };
    hand_over();  // The thread makes itself known to liburcu.

    EXPECT_EQ(hand_over(), 0U);
    EXPECT_EQ(text(queue.front()->name()), "\7example\3com\0"s);
}

}  // namespace
}  // namespace dns

#endif
