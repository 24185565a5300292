#include "dns/tcp_listener.hpp"

#include "tests/support/dns_face.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

namespace dns {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using support::DnsFace;
using support::Message;
using support::question;

constexpr auto web = "web.service.roster.internal";

std::vector<std::uint8_t> framed(const Message& message) {
    std::vector<std::uint8_t> bytes{static_cast<std::uint8_t>(message.bytes.size() >> 8U),
                                    static_cast<std::uint8_t>(message.bytes.size())};
    bytes.insert(bytes.end(), message.bytes.begin(), message.bytes.end());
    return bytes;
}

Message numbered(unsigned id) {
    auto message = question(web, rr::a);
    message.bytes[0] = static_cast<std::uint8_t>(id >> 8U);
    message.bytes[1] = static_cast<std::uint8_t>(id);
    return message;
}

// A listener and its clients on one io_context, which the test runs until something happened.
class Tcp : public testing::Test {
protected:
    void SetUp() override {
        face.publish({support::make_service("web", {{support::make_node("host1", "10.0.0.1")}})});
        open({});
    }
    void TearDown() override {
        listener->stop();
        io.restart();
        io.run_for(std::chrono::seconds(10));
        EXPECT_TRUE(io.stopped()) << "something went on after stop()";
    }

    void open(TcpOptions options, const char* address = "127.0.0.1") {
        options.endpoint = {asio::ip::make_address(address), 0};
        if (listener) listener->stop();
        listener = std::make_unique<TcpListener>(io, options, face.responder);
        listener->start();
    }

    struct Client : std::enable_shared_from_this<Client> {
        explicit Client(asio::io_context& io) : socket(io) {}
        tcp::socket socket;
        std::vector<std::uint8_t> received;
        std::array<std::uint8_t, 65'536> chunk{};
        bool closed = false;

        void read() {
            socket.async_read_some(
                asio::buffer(chunk),
                [this, self = shared_from_this()](const auto& error, std::size_t n) {
                    received.insert(
                        received.end(), chunk.begin(), chunk.begin() + static_cast<int>(n));
                    if (error) {
                        closed = true;
                    } else {
                        read();
                    }
                });
        }
        // The whole replies so far.
        [[nodiscard]] std::vector<support::DnsReply> replies() const {
            std::vector<support::DnsReply> result;
            for (std::size_t at = 0; at + 2 <= received.size();) {
                const std::size_t size =
                    static_cast<std::size_t>(received[at] << 8U | received[at + 1]);
                if (at + 2 + size > received.size()) break;
                result.emplace_back(std::span(received).subspan(at + 2, size));
                at += 2 + size;
            }
            return result;
        }
        [[nodiscard]] std::size_t count() const { return replies().size(); }
    };

    std::shared_ptr<Client> connect(bool reading = true) {
        auto client = std::make_shared<Client>(io);
        client->socket.connect({asio::ip::make_address("127.0.0.1"), listener->port()});
        if (reading) client->read();
        return client;
    }
    void send(Client& client, const std::vector<std::uint8_t>& bytes) {
        asio::write(client.socket, asio::buffer(bytes));
    }

    void run_until(const std::function<bool()>& happened) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(10);
        io.restart();
        while (!happened()) {
            ASSERT_LT(std::chrono::steady_clock::now(), deadline);
            io.run_one_for(std::chrono::milliseconds(20));
        }
    }

    DnsFace face;
    asio::io_context io;
    std::unique_ptr<TcpListener> listener;
};

TEST_F(Tcp, queries_sent_ahead_are_answered_in_order) {
    auto client = connect();
    std::vector<std::uint8_t> all;
    for (unsigned id = 0; id < 300; ++id) {
        const auto frame = framed(numbered(id));
        all.insert(all.end(), frame.begin(), frame.end());
    }

    send(*client, all);
    run_until([&] { return client->count() == 300; });

    const auto replies = client->replies();
    for (unsigned id = 0; id < 300; ++id) {
        EXPECT_EQ(replies[id].bytes[0] << 8U | replies[id].bytes[1], id);
        EXPECT_EQ(replies[id].answers.size(), 1U);
    }
}

TEST_F(Tcp, an_update_holds_up_nothing_that_comes_behind_it) {
    std::vector<UpdateMessage> updates;
    TcpOptions options;
    options.take_update = [&](UpdateMessage message) -> std::optional<Rcode> {
        if (updates.size() == 1) return Rcode::server_failure;
        updates.push_back(std::move(message));
        return std::nullopt;
    };
    open(options);
    auto update = numbered(1);
    update.bytes[2] = opcode_update << 3U;
    auto client = connect();

    send(*client, framed(update));
    send(*client, framed(numbered(2)));
    run_until([&] { return client->count() == 1; });
    ASSERT_EQ(updates.size(), 1U);
    EXPECT_EQ(updates[0].octets, update.bytes);
    EXPECT_EQ(client->replies()[0].bytes[1], 2);
    updates[0].reply(numbered(7).bytes);
    run_until([&] { return client->count() == 2; });
    EXPECT_EQ(client->replies()[1].bytes[1], 7);

    // One that is not taken is answered at once.
    send(*client, framed(update));
    send(*client, framed(numbered(4)));
    run_until([&] { return client->count() == 4; });
    EXPECT_EQ(client->replies()[2].rcode, 2U);
    EXPECT_EQ(client->replies()[3].bytes[1], 4);
}

TEST_F(Tcp, a_client_that_goes_before_its_update_is_answered_harms_nobody) {
    std::vector<UpdateMessage> updates;
    TcpOptions options;
    options.idle_timeout = std::chrono::milliseconds(100);
    options.take_update = [&](UpdateMessage message) -> std::optional<Rcode> {
        updates.push_back(std::move(message));
        return std::nullopt;
    };
    open(options);
    auto update = numbered(1);
    update.bytes[2] = opcode_update << 3U;
    auto client = connect();
    send(*client, framed(update));
    run_until([&] { return client->closed; });  // Its time is up.

    ASSERT_EQ(updates.size(), 1U);
    updates[0].reply(numbered(7).bytes);
    auto other = connect();
    send(*other, framed(numbered(3)));
    run_until([&] { return other->count() == 1; });
    EXPECT_EQ(client->count(), 0U);
}

TEST_F(Tcp, a_frame_may_come_octet_by_octet) {
    auto client = connect();

    for (const auto octet : framed(question(web, rr::a))) {
        send(*client, {octet});
        io.poll();
        io.restart();
    }
    run_until([&] { return client->count() == 1; });

    EXPECT_EQ(client->replies()[0].data(), std::vector<std::string>{"10.0.0.1"});
}

TEST_F(Tcp, half_sent_frames_hold_up_nobody_else) {
    std::vector<std::shared_ptr<Client>> slow;
    for (int i = 0; i < 50; ++i) {
        slow.push_back(connect());
        send(*slow.back(), {0x00, 0x40, 0x12});
    }
    auto client = connect();

    send(*client, framed(question(web, rr::a)));
    run_until([&] { return client->count() == 1; });

    EXPECT_EQ(listener->tcp_counters().timed_out.value(), 0U);
}

TEST_F(Tcp, a_client_that_does_not_read_holds_up_nobody_and_is_read_no_further) {
    std::vector<support::Instance> many;
    for (int i = 0; i < 1000; ++i) {
        many.push_back({support::make_node("host1", "10.0.0.1"),
                        "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)});
    }
    face.publish({support::make_service("web", many)});
    auto deaf = connect(false);
    deaf->socket.non_blocking(true);
    const auto frame = framed(question(web, rr::a));
    std::size_t sent = 0;
    boost::system::error_code error;
    // 16,000 octets of reply for each query: until the kernel's buffers are full on both sides.
    for (int i = 0; i < 1'000'000 && !error; ++i) {
        sent += deaf->socket.write_some(asio::buffer(frame), error) == frame.size() ? 1U : 0U;
        io.poll();
        io.restart();
    }
    EXPECT_EQ(error, asio::error::would_block);
    EXPECT_LT(listener->counters().queries[0].value(), sent);

    auto client = connect();
    send(*client, framed(question(web, rr::a)));
    run_until([&] { return client->count() == 1; });
}

TEST_F(Tcp, a_client_that_closed_its_side_still_gets_its_answers) {
    auto client = connect();
    auto bytes = framed(numbered(1));
    const auto second = framed(numbered(2));
    bytes.insert(bytes.end(), second.begin(), second.end());

    send(*client, bytes);
    client->socket.shutdown(tcp::socket::shutdown_send);
    run_until([&] { return client->closed; });

    EXPECT_EQ(client->count(), 2U);
}

TEST_F(Tcp, a_frame_that_may_not_be_answered_closes_the_connection) {
    auto response = question(web, rr::a);
    response.bytes[2] |= 0x80;

    for (const auto& bad : {framed({}), framed({{1, 2, 3}}), framed(response)}) {
        auto client = connect();
        send(*client, bad);
        run_until([&] { return client->closed; });
        EXPECT_EQ(client->count(), 0U);
    }

    EXPECT_EQ(listener->tcp_counters().bad_frames.value(), 3U);
}

TEST_F(Tcp, an_idle_connection_and_a_half_sent_frame_end_with_their_time) {
    open({.idle_timeout = std::chrono::milliseconds(50)});
    auto idle = connect();
    auto half = connect();
    send(*half, {0x00});

    run_until([&] { return idle->closed && half->closed; });

    EXPECT_EQ(listener->tcp_counters().timed_out.value(), 2U);
}

TEST_F(Tcp, past_the_limit_the_longest_idle_connection_makes_room) {
    open({.connections_max = 2});
    auto first = connect();
    send(*first, framed(numbered(1)));
    run_until([&] { return first->count() == 1; });
    auto second = connect();
    send(*second, framed(numbered(2)));
    run_until([&] { return second->count() == 1; });
    send(*first, framed(numbered(3)));
    run_until([&] { return first->count() == 2; });

    auto third = connect();
    send(*third, framed(numbered(4)));
    run_until([&] { return third->count() == 1 && second->closed; });

    EXPECT_FALSE(first->closed);
    EXPECT_EQ(listener->tcp_counters().evicted.value(), 1U);
}

TEST_F(Tcp, on_a_wildcard_address_the_programs_of_this_host_are_not_one_client) {
    open({.connections_max_per_client = 1}, "0.0.0.0");
    auto first = connect();
    auto second = connect();
    send(*second, framed(numbered(1)));

    run_until([&] { return second->count() == 1; });

    EXPECT_EQ(listener->tcp_counters().crowded.value(), 0U);
}

TEST_F(Tcp, one_client_gets_only_its_share_of_connections) {
    open({.connections_max_per_client = 2});
    auto first = connect();
    auto second = connect();
    auto third = connect();

    run_until([&] { return third->closed; });

    EXPECT_EQ(listener->tcp_counters().crowded.value(), 1U);
    first->socket.close();
    run_until([&] { return listener->tcp_counters().closed.value() == 2; });
    auto fourth = connect();
    send(*fourth, framed(numbered(4)));
    run_until([&] { return fourth->count() == 1; });
    EXPECT_FALSE(second->closed);
}

TEST_F(Tcp, when_most_connections_are_taken_an_idle_one_has_less_time) {
    open({.idle_timeout = std::chrono::seconds(60),
          .idle_timeout_crowded = std::chrono::milliseconds(50),
          .connections_max = 4});
    auto first = connect();
    auto second = connect();
    auto third = connect();
    auto fourth = connect();

    run_until([&] { return first->closed; });

    EXPECT_GE(listener->tcp_counters().timed_out.value(), 1U);
    EXPECT_EQ(listener->tcp_counters().evicted.value(), 0U);
}

TEST_F(Tcp, replies_that_nobody_reads_cost_the_longest_idle_its_connection) {
    std::vector<support::Instance> many;
    for (int i = 0; i < 1000; ++i) {
        many.push_back({support::make_node("host1", "10.0.0.1"),
                        "10.1." + std::to_string(i / 250) + "." + std::to_string(i % 250)});
    }
    face.publish({support::make_service("web", many)});
    open({.unread_bytes_max = 20'000});
    std::vector<std::uint8_t> flood;
    for (unsigned id = 0; id < 2000; ++id) {
        const auto frame = framed(numbered(id));
        flood.insert(flood.end(), frame.begin(), frame.end());
    }
    auto deaf = connect(false);

    // What it does not read ends up in the kernel's buffers first, then in ours.
    asio::async_write(deaf->socket, asio::buffer(flood), [](const auto&, std::size_t) {});
    run_until([&] { return listener->tcp_counters().evicted.value() > 0; });

    auto client = connect();
    send(*client, framed(question("host1.node.roster.internal", rr::a)));
    run_until([&] { return client->count() == 1; });
}

TEST_F(Tcp, what_was_answered_before_a_bad_frame_is_sent) {
    auto client = connect();
    auto bytes = framed(numbered(1));
    const auto bad = framed({{1, 2, 3}});
    bytes.insert(bytes.end(), bad.begin(), bad.end());

    send(*client, bytes);
    run_until([&] { return client->closed; });

    EXPECT_EQ(client->count(), 1U);
}

TEST_F(Tcp, keepalive_tells_the_idle_time) {
    auto client = connect();

    send(*client, framed(question(web, rr::a).with_opt(1232, 0, std::string("\0\13\0\0", 4))));
    run_until([&] { return client->count() == 1; });

    EXPECT_EQ(client->replies()[0].opt_data, std::string("\0\13\0\2\0\144", 6));
}

// With a forwarder that is the test.
class TcpForwarding : public Tcp {
protected:
    void SetUp() override {
        Tcp::SetUp();
        listener->stop();
        listener = std::make_unique<TcpListener>(
            io,
            TcpOptions{.endpoint = {asio::ip::make_address("127.0.0.1"), 0}, .forward = &queue},
            responder);
        listener->start();
    }
    static std::vector<std::uint8_t> of_others(unsigned id) {
        auto message = question("www.example", rr::a);
        message.bytes[1] = static_cast<std::uint8_t>(id);
        return framed(message);
    }
    // Replies to the oldest as the forwarder does, with what was asked, and zeros up to a size.
    void reply(std::size_t bytes_min = 0) {
        const auto* query = queue.front();
        ASSERT_NE(query, nullptr);
        std::vector<std::uint8_t> message(query->head.begin(),
                                          query->head.begin() + query->head_bytes);
        message.resize(std::max(message.size(), bytes_min));
        query->source->reply(*query, message);
        queue.pop();
    }

    Responder responder{face.table, face.grammar, {.forwards = true}};
    ForwardInbox inbox{150};
    ForwardQueue& queue = inbox.attach();
};

TEST_F(TcpForwarding, a_slow_name_of_others_holds_up_none_of_ours) {
    auto client = connect();
    send(*client, of_others(7));
    send(*client, framed(numbered(8)));
    run_until([&] { return client->count() == 1; });
    EXPECT_EQ(client->replies()[0].bytes[1], 8);

    reply();
    run_until([&] { return client->count() == 2; });
    send(*client, framed(numbered(9)));
    run_until([&] { return client->count() == 3; });

    EXPECT_EQ(client->replies()[1].bytes[1], 7);
    EXPECT_EQ(client->replies()[2].bytes[1], 9);
}

TEST_F(TcpForwarding, a_client_that_closed_its_side_still_gets_what_was_forwarded) {
    auto client = connect();
    send(*client, of_others(7));
    client->socket.shutdown(tcp::socket::shutdown_send);
    run_until([&] { return queue.front() != nullptr; });

    reply();

    run_until([&] { return client->closed; });
    EXPECT_EQ(client->count(), 1U);
}

TEST_F(TcpForwarding, a_client_that_closed_its_side_still_gets_what_is_on_its_way) {
    auto client = connect();
    for (unsigned id = 0; id < 90; ++id) send(*client, of_others(id));
    run_until([&] { return listener->counters().forwarded.value() == 90; });

    // More than the kernel takes at once.
    for (int i = 0; i < 90; ++i) reply(65'000);
    client->socket.shutdown(tcp::socket::shutdown_send);

    run_until([&] { return client->closed; });
    EXPECT_EQ(client->received.size(), 90U * (2 + 65'000));
}

TEST_F(TcpForwarding, a_client_that_left_is_not_missed) {
    auto client = connect();
    send(*client, of_others(7));
    run_until([&] { return queue.front() != nullptr; });
    client->socket.close();
    auto other = connect();
    send(*other, framed(numbered(1)));
    run_until([&] { return other->count() == 1; });

    reply();

    send(*other, framed(numbered(2)));
    run_until([&] { return other->count() == 2; });
}

TEST_F(TcpForwarding, only_so_many_of_one_connection_are_under_way) {
    auto client = connect();
    std::vector<std::uint8_t> all;
    for (unsigned i = 0; i < 120; ++i) {
        const auto frame = of_others(i);
        all.insert(all.end(), frame.begin(), frame.end());
    }
    send(*client, all);
    run_until([&] { return listener->counters().forwarded.value() == 100; });

    for (int i = 0; i < 100; ++i) reply();
    run_until([&] { return listener->counters().forwarded.value() == 120; });
    for (int i = 0; i < 20; ++i) reply();

    run_until([&] { return client->count() == 120; });
}

TEST_F(TcpForwarding, stops_while_something_is_under_way) {
    auto client = connect();
    send(*client, of_others(7));
    run_until([&] { return queue.front() != nullptr; });

    listener->stop();

    run_until([&] { return client->closed; });
    reply();
}

TEST_F(Tcp, stop_closes_every_connection) {
    auto client = connect();
    send(*client, framed(question(web, rr::a)));
    run_until([&] { return client->count() == 1; });

    listener->stop();

    run_until([&] { return client->closed; });
}

TEST_F(Tcp, an_address_in_use_throws) {
    EXPECT_THROW(TcpListener(io,
                             {.endpoint = {asio::ip::make_address("127.0.0.1"), listener->port()}},
                             face.responder),
                 std::system_error);
}

}  // namespace
}  // namespace dns
