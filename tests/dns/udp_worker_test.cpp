#include "dns/udp_worker.hpp"

#include "tests/support/dns_face.hpp"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/udp.hpp>
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <mutex>
#include <netinet/in.h>
#include <string>
#include <sys/socket.h>
#include <system_error>
#include <thread>
#include <unistd.h>
#include <vector>

namespace dns {
namespace {

using boost::asio::ip::make_address;
using boost::asio::ip::udp;
using support::DnsFace;
using support::question;

constexpr auto web = "web.service.roster.internal";

std::uint16_t free_port() {
    boost::asio::io_context io;
    return udp::socket(io, {make_address("127.0.0.1"), 0}).local_endpoint().port();
}

// A worker on its thread, and a client's socket.
class Udp : public testing::Test {
protected:
    enum class Names { ours, all };

    explicit Udp(const std::string& address = "127.0.0.1",
                 std::size_t udp_bytes_max = 1232,
                 RateLimit limit = {},
                 Names names = Names::ours,
                 const TakeUpdate& take_update = {})
        : worker({.address = make_address(address),
                  .port = port,
                  .udp_bytes_max = udp_bytes_max,
                  .seed = 1,
                  .limit = limit,
                  .forward = &queue,
                  .take_update = take_update},
                 names == Names::all ? forwarding : face.responder),
          runner([this] { worker.run(); }) {
        face.publish({support::make_service("web", {{support::make_node("host1", "10.0.0.1")}})});
        // The kernel's own deadline, so that a missing reply fails the test.
        const timeval patience{5, 0};
        ::setsockopt(client.native_handle(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    }
    ~Udp() override {
        worker.request_stop();
        runner.join();
    }

    void send(const support::Message& message, const std::string& to = "127.0.0.1") {
        client.send_to(boost::asio::buffer(message.bytes), {make_address(to), port});
    }
    // Empty if nothing came.
    std::vector<std::uint8_t> receive() {
        std::vector<std::uint8_t> bytes(65'536);
        sockaddr_in from{};
        socklen_t from_bytes = sizeof from;
        const auto n = ::recvfrom(client.native_handle(),
                                  bytes.data(),
                                  bytes.size(),
                                  0,
                                  reinterpret_cast<sockaddr*>(&from),
                                  &from_bytes);
        bytes.resize(n > 0 ? static_cast<std::size_t>(n) : 0);
        source = boost::asio::ip::address_v4(ntohl(from.sin_addr.s_addr)).to_string();
        return bytes;
    }

    DnsFace face;
    Responder forwarding{face.table, face.grammar, {.forwards = true}};
    ForwardInbox inbox{4};  // which the test reads, or not
    ForwardQueue& queue = inbox.attach();
    std::uint16_t port = free_port();
    UdpWorker worker;
    std::thread runner;
    boost::asio::io_context io;
    udp::socket client{io, udp::v4()};
    std::string source;
};

class UdpWildcard : public Udp {
protected:
    UdpWildcard() : Udp("0.0.0.0") {}
};

class UdpLimited : public Udp {
protected:
    UdpLimited() : Udp("0.0.0.0", 1232, {.responses_per_second = 1, .slip = 2}) {}
};

class UdpLarge : public Udp {
protected:
    UdpLarge() : Udp("127.0.0.1", 65'507) {}
};

// Updates wait in the mailbox, unless there is something to say at once.
struct Mailbox {
    TakeUpdate take() {
        return [this](UpdateMessage message) -> std::optional<Rcode> {
            if (refuse) return Rcode::refused;
            const std::lock_guard lock(mutex);
            updates.push_back(std::move(message));
            return std::nullopt;
        };
    }
    std::size_t count() {
        const std::lock_guard lock(mutex);
        return updates.size();
    }
    std::mutex mutex;  // guards `updates`
    std::vector<UpdateMessage> updates;
    std::atomic<bool> refuse = false;
};

class UdpUpdates : private Mailbox, public Udp {
protected:
    UdpUpdates() : Udp("0.0.0.0", 1232, {}, Names::ours, take()) {}

    static support::Message update() {
        auto message = question("roster.internal", rr::soa);
        message.bytes[2] = opcode_update << 3U;
        return message;
    }
    using Mailbox::count;
    using Mailbox::refuse;
    using Mailbox::updates;
};

TEST_F(UdpUpdates, are_handed_over_and_answered_later_while_queries_go_on) {
    send(update(), "127.0.0.9");
    send(question(web, rr::a));

    EXPECT_EQ(support::DnsReply(receive()).answers.size(), 1U);
    ASSERT_EQ(count(), 1U);
    EXPECT_EQ(updates[0].octets, update().bytes);
    EXPECT_TRUE(updates[0].client.is_loopback());
    updates[0].reply({1, 2, 3});
    EXPECT_EQ(receive(), (std::vector<std::uint8_t>{1, 2, 3}));
    EXPECT_EQ(source, "127.0.0.9");
}

TEST_F(UdpUpdates, that_are_not_taken_are_answered_at_once) {
    refuse = true;
    send(update());

    const auto reply = receive();

    ASSERT_EQ(reply.size(), 12U);
    EXPECT_EQ(reply[2], 0x80 | opcode_update << 3);
    EXPECT_EQ(reply[3], 5);
}

TEST_F(Udp, answers_a_query) {
    send(question(web, rr::a));

    const support::DnsReply reply(receive());

    EXPECT_EQ(reply.data(), std::vector<std::string>{"10.0.0.1"});
}

TEST_F(Udp, answers_many_at_once_each_with_its_own_id) {
    constexpr unsigned count = 500;
    std::vector<bool> seen(count);
    for (unsigned from = 0; from < count; from += 100) {
        for (unsigned id = from; id < from + 100; ++id) {
            auto message = question(web, id % 2 == 0 ? rr::a : rr::srv);
            message.bytes[0] = static_cast<std::uint8_t>(id >> 8U);
            message.bytes[1] = static_cast<std::uint8_t>(id);
            send(message);
        }
        for (unsigned i = 0; i < 100; ++i) {
            const support::DnsReply reply(receive());
            const std::size_t id = static_cast<std::size_t>(reply.bytes[0] << 8U | reply.bytes[1]);
            EXPECT_EQ(reply.answers.at(0).type, id % 2 == 0 ? rr::a : rr::srv);
            seen.at(id) = true;
        }
    }
    EXPECT_EQ(std::count(seen.begin(), seen.end(), true), count);
}

TEST_F(Udp, drops_and_counts_garbage_and_goes_on) {
    auto response = question(web, rr::a);
    response.bytes[2] |= 0x80;
    auto oversize = question(web, rr::a);
    oversize.bytes.resize(10'000);
    send({});
    send({{1, 2, 3}});
    send(response);
    send(oversize);
    send(question(web, rr::a));

    const support::DnsReply reply(receive());

    EXPECT_EQ(reply.answers.size(), 1U);
    EXPECT_EQ(worker.counters().dropped_short.value(), 2U);
    EXPECT_EQ(worker.counters().dropped_response.value(), 1U);
    EXPECT_EQ(worker.counters().dropped_oversize.value(), 1U);
}

// Only a raw socket sends such: from 127.0.0.1 to the same address. False without the right to.
bool forge(const support::Message& query, std::uint16_t from, std::uint16_t to) {
    const int raw = ::socket(AF_INET, SOCK_RAW, IPPROTO_UDP);
    if (raw < 0) return false;
    support::Message datagram;
    for (const unsigned field :
         {unsigned{from}, unsigned{to}, 8U + unsigned(query.bytes.size()), 0U}) {
        datagram.add_u16(field);
    }
    datagram.add(text(query.bytes));
    const sockaddr_in here{AF_INET, 0, {htonl(INADDR_LOOPBACK)}, {}};
    EXPECT_GT(::sendto(raw,
                       datagram.bytes.data(),
                       datagram.bytes.size(),
                       0,
                       reinterpret_cast<const sockaddr*>(&here),
                       sizeof here),
              0);
    ::close(raw);
    return true;
}

// A reply to port 0 would fail, and one to ourselves would come to us.
TEST_F(Udp, drops_what_comes_from_port_0_or_from_ourselves_and_goes_on) {
    const auto query = question(web, rr::a);
    for (const std::uint16_t from : {std::uint16_t{0}, port}) {
        if (!forge(query, from, port)) GTEST_SKIP() << "needs the right to forge datagrams";
    }
    send(query);

    EXPECT_EQ(support::DnsReply(receive()).answers.size(), 1U);
    EXPECT_EQ(worker.counters().dropped_source.value(), 2U);
}

TEST_F(UdpWildcard, drops_what_comes_from_where_it_was_sent_to) {
    if (!forge(question(web, rr::a), port, port)) {
        GTEST_SKIP() << "needs the right to forge datagrams";
    }
    send(question(web, rr::a));

    EXPECT_EQ(support::DnsReply(receive()).answers.size(), 1U);
    EXPECT_EQ(worker.counters().dropped_source.value(), 1U);
    EXPECT_EQ(worker.counters().dropped_response.value(), 0U);
}

TEST_F(UdpLarge, sends_as_much_as_the_client_and_the_address_allow) {
    std::vector<support::Instance> many;
    for (int i = 0; i < 1000; ++i) {
        many.push_back({support::make_node("host1", "10.0.0.1"),
                        "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250)});
    }
    face.publish({support::make_service("many", many)});
    send(question("many.service.roster.internal", rr::srv).with_opt(65'507));

    const support::DnsReply reply(receive());

    EXPECT_EQ(reply.answers.size(), 1000U);
    EXPECT_FALSE(reply.tc());
    EXPECT_GT(reply.bytes.size(), 50'000U);
}

TEST_F(UdpWildcard, replies_come_from_the_address_that_was_asked) {
    for (const auto* asked : {"127.0.0.2", "127.9.9.9"}) {
        send(question(web, rr::a), asked);

        EXPECT_FALSE(receive().empty());
        EXPECT_EQ(source, asked);
    }
}

TEST_F(UdpLimited, clients_on_this_host_are_not_limited) {
    for (int i = 0; i < 20; ++i) {
        send(question(web, rr::a));
        EXPECT_EQ(support::DnsReply(receive()).answers.size(), 1U);
    }
    EXPECT_EQ(worker.counters().dropped_rate.value(), 0U);
}

class UdpForwarding : public Udp {
protected:
    UdpForwarding() : Udp("0.0.0.0", 1232, {}, Names::all) {}
};

TEST_F(UdpForwarding, what_comes_back_goes_from_the_address_that_was_asked) {
    send(question("www.example", rr::a), "127.0.0.2");
    send(question(web, rr::a), "127.0.0.3");
    EXPECT_EQ(support::DnsReply(receive()).question, std::string(web) + ". 1");
    const auto* query = queue.front();
    ASSERT_NE(query, nullptr);
    EXPECT_EQ(text(query->name()), std::string("\3www\7example\0", 13));

    EXPECT_TRUE(query->source->reply(*query, octets("a reply")));

    const auto received = receive();
    EXPECT_EQ(std::string(received.begin(), received.end()), "a reply");
    EXPECT_EQ(source, "127.0.0.2");
    EXPECT_EQ(worker.counters().forwarded.value(), 1U);
}

TEST_F(UdpForwarding, a_forwarder_that_reads_nothing_costs_our_names_nothing) {
    for (int i = 0; i < 6; ++i) send(question("www.example", rr::a));
    for (int i = 0; i < 2; ++i) EXPECT_EQ(support::DnsReply(receive()).rcode, 2U);

    send(question(web, rr::a));

    EXPECT_EQ(support::DnsReply(receive()).answers.size(), 1U);
    EXPECT_EQ(worker.counters().forward_full.value(), 2U);
}

TEST_F(Udp, stops_though_nothing_comes) {
    worker.request_stop();
    runner.join();
    runner = std::thread([] {});
}

TEST_F(Udp, cookies_are_of_the_client_and_counted) {
    const std::string cookie("\0\12\0\10abcdefgh", 12);
    send(question(web, rr::a).with_opt(1232, 0, cookie));

    const support::DnsReply reply(receive());

    EXPECT_EQ(reply.opt_data.size(), 28U);
    EXPECT_EQ(worker.counters().cookies.value(), 1U);
}

TEST_F(Udp, an_address_in_use_without_sharing_throws) {
    udp::socket other(io, {make_address("127.0.0.1"), 0});

    EXPECT_THROW(UdpWorker({make_address("127.0.0.1"), other.local_endpoint().port(), 1232, 1},
                           face.responder),
                 std::system_error);
}

}  // namespace
}  // namespace dns
