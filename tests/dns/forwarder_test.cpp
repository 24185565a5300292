#include "dns/forwarder.hpp"

#include "tests/support/dns_face.hpp"
#include "tests/support/fake_upstream.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace dns {
namespace {

using support::FakeUpstream;
using support::reply_to;
using support::with_address;
using Octet = std::vector<std::uint8_t>;

// The listener: what is handed over comes from it, and is replied to it.
class Listener : public ForwardSource {
public:
    bool reply(const ForwardedQuery& query, Octets message) override {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return !held_; });
        if (failing_) throw std::runtime_error("a listener that fails");
        replies_.emplace_back(message.begin(), message.end());
        numbers_.push_back(query.client.now);
        changed_.notify_all();
        return true;
    }
    [[nodiscard]] const Transport& transport() const override { return transport_; }

    // The first `count` replies, or fewer if they do not come.
    std::vector<support::DnsReply> wait_for(std::size_t count) {
        std::unique_lock lock(mutex_);
        changed_.wait_for(lock, std::chrono::seconds(20), [&] { return replies_.size() >= count; });
        std::vector<support::DnsReply> read;
        for (const auto& reply : replies_) read.emplace_back(reply);
        EXPECT_EQ(read.size(), count);
        read.resize(count, support::DnsReply(support::question("none", 1).bytes));
        return read;
    }
    void hold(bool on) { set(held_, on); }
    void fail(bool on) { set(failing_, on); }

private:
    void set(bool& what, bool on) {
        const std::scoped_lock lock(mutex_);
        what = on;
        changed_.notify_all();
    }

    Transport transport_{.loopback = true};
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<Octet> replies_;
    std::vector<std::uint32_t> numbers_;
    bool held_ = false;
    bool failing_ = false;
};

class Forwarding : public testing::Test {
protected:
    void open(const std::vector<std::string>& servers, InquiryLimits limits = {}) {
        limits.loop_probe_interval = std::chrono::seconds(0);
        ForwarderOptions options{
            .rules = ForwardRules({.servers = servers}, {}, [](const auto&) { return false; })};
        options.inquiries = limits;
        forwarder.emplace(std::move(options), inbox, face.responder);
        thread = std::thread([this] { forwarder->run(); });
    }
    void TearDown() override {
        listener.hold(false);
        if (!forwarder) return;
        forwarder->request_stop();
        thread.join();
    }

    // Hands over as a worker does. False if there is no room.
    bool ask(const std::string& name, std::uint16_t type = rr::a, std::uint8_t id = 1) {
        auto message = support::question(name, type).with_opt(1232);
        message.bytes[1] = id;
        message.bytes.resize(512);
        Exchange exchange;
        exchange.buffer = message.bytes;
        exchange.query_bytes = 512;
        exchange.client = face.client;
        const ReadSection section;
        responder.respond({&exchange, 1}, face.udp, face.random);
        EXPECT_TRUE(exchange.reply.forward);
        auto* const query = queue.claim();
        if (query == nullptr) return false;
        Responder::hand_over(exchange, *query);
        query->source = &listener;
        queue.push();
        queue.wake();
        return true;
    }
    double metric(const std::string& name) {
        for (const auto& metric : forwarder->metrics()) {
            if (metric.name == name) return metric.value;
        }
        ADD_FAILURE() << name;
        return -1;
    }

    support::DnsFace face;
    Responder responder{face.table, face.grammar, {.forwards = true}};
    ForwardInbox inbox{8};
    ForwardQueue& queue = inbox.attach();
    Listener listener;
    std::optional<Forwarder> forwarder;
    std::thread thread;
};

Octet address_for(const Octet& query, const std::string& address = "\1\2\3\4") {
    auto reply = reply_to(query);
    return with_address(reply, address).bytes;
}

TEST_F(Forwarding, relays_what_an_upstream_says_and_remembers_it) {
    FakeUpstream upstream(
        [](const auto& query, bool) { return std::vector<Octet>{address_for(query)}; });
    open({upstream.address()});

    ask("www.example", rr::a, 7);
    listener.wait_for(1);
    ask("WWW.Example", rr::a, 8);
    const auto replies = listener.wait_for(2);

    EXPECT_EQ(replies[0].bytes[1], 7);
    EXPECT_EQ(replies[0].question, "www.example. 1");
    EXPECT_EQ(replies[0].data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_EQ(replies[0].bytes[3], 0x80) << "RA, and no more";
    EXPECT_FALSE(replies[0].aa());
    EXPECT_TRUE(replies[0].has_opt);
    EXPECT_EQ(replies[1].bytes[1], 8);
    EXPECT_EQ(replies[1].question, "WWW.Example. 1");
    EXPECT_EQ(replies[1].answers.at(0).owner, "WWW.Example.");
    EXPECT_EQ(upstream.queries(), 1U);
    EXPECT_EQ(metric("roster_dns_forward_hits_total"), 1);
}

TEST_F(Forwarding, asks_each_question_from_another_port) {
    FakeUpstream upstream(
        [](const auto& query, bool) { return std::vector<Octet>{address_for(query)}; });
    open({upstream.address()});

    for (std::size_t i = 0; i < 40; ++i) {
        ask("host" + std::to_string(i) + ".example");
        listener.wait_for(i + 1);
    }

    EXPECT_GT(upstream.ports(), 35U);
}

TEST_F(Forwarding, takes_the_right_answer_among_wrong_ones) {
    FakeUpstream upstream([](const auto& query, bool) {
        auto wrong_id = address_for(query, "\6\6\6\6");
        wrong_id[0] ^= 0xFFU;
        auto wrong_name = address_for(query, "\6\6\6\6");
        wrong_name[14] = 'x';
        return std::vector<Octet>{{}, {1, 2, 3}, wrong_id, wrong_name, address_for(query)};
    });
    open({upstream.address()});

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].data(), std::vector<std::string>{"1.2.3.4"});
}

TEST_F(Forwarding, goes_on_over_tcp_after_garbage) {
    FakeUpstream upstream([](const auto& query, bool tcp) {
        if (tcp) return std::vector<Octet>{address_for(query)};
        auto garbage = address_for(query);
        garbage.resize(garbage.size() - 2);
        return std::vector<Octet>{garbage};
    });
    open({upstream.address()});

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_EQ(upstream.tcp_queries(), 1U);
    EXPECT_EQ(metric("roster_dns_upstream_bad_total"), 1);
}

TEST_F(Forwarding, what_is_cut_short_comes_whole_over_tcp_many_at_a_time) {
    FakeUpstream upstream([](const auto& query, bool tcp) {
        auto reply = reply_to(query);
        if (!tcp) {
            reply.bytes[2] |= 0x02U;
            return std::vector<Octet>{reply.bytes};
        }
        for (int i = 0; i < 60; ++i)
            with_address(reply, "\1\2\3" + std::string(1, static_cast<char>(i)));
        return std::vector<Octet>{reply.bytes};
    });
    open({upstream.address()});

    for (std::uint8_t i = 0; i < 5; ++i) ask("host" + std::to_string(i) + ".example", rr::a, i);

    for (const auto& reply : listener.wait_for(5)) EXPECT_EQ(reply.answers.size(), 60U);
    EXPECT_EQ(upstream.tcp_queries(), 5U);
}

TEST_F(Forwarding, takes_datagrams_as_long_as_it_said_it_would) {
    FakeUpstream upstream([](const auto& query, bool) {
        auto reply = reply_to(query);
        for (int i = 0; i < 60; ++i)
            with_address(reply, "\1\2\3" + std::string(1, static_cast<char>(i)));
        return std::vector<Octet>{reply.bytes};
    });
    open({upstream.address()});

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].answers.size(), 60U);
    EXPECT_EQ(upstream.tcp_queries(), 0U);
}

TEST_F(Forwarding, speaks_to_servers_that_know_no_edns) {
    FakeUpstream upstream([](const auto& query, bool) {
        const bool has_opt = query[11] != 0;
        return std::vector<Octet>{has_opt ? reply_to(query, 1).bytes : address_for(query)};
    });
    open({upstream.address()});

    for (std::size_t i = 0; i < 3; ++i) {
        ask("host" + std::to_string(i) + ".example");
        EXPECT_EQ(listener.wait_for(i + 1)[i].data(), std::vector<std::string>{"1.2.3.4"});
    }
}

TEST_F(Forwarding, speaks_to_servers_that_know_no_edns_and_repeat_no_question) {
    constexpr std::uint8_t not_implemented = 4;
    std::atomic<std::uint8_t> rcode = 1;  // FORMERR
    FakeUpstream upstream([&](const auto& query, bool) {
        const bool has_opt = query[11] != 0;
        const Octet bare{query[0], query[1], 0x80, rcode, 0, 0, 0, 0, 0, 0, 0, 0};
        return std::vector<Octet>{has_opt ? bare : address_for(query)};
    });
    open({upstream.address()}, {.timeout = std::chrono::seconds(30)});

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_EQ(upstream.queries(), 2U);

    rcode = not_implemented;
    ask("mail.example");

    EXPECT_EQ(listener.wait_for(2)[1].data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_EQ(upstream.queries(), 4U);
}

TEST_F(Forwarding, asks_another_server_when_one_is_silent_fails_or_is_not_there) {
    FakeUpstream silent([](const auto&, bool) { return std::vector<Octet>{}; });
    FakeUpstream failing(
        [](const auto& query, bool) { return std::vector<Octet>{reply_to(query, 2).bytes}; });
    FakeUpstream good(
        [](const auto& query, bool) { return std::vector<Octet>{address_for(query)}; });
    std::string nobody;
    {
        FakeUpstream gone([](const auto&, bool) { return std::vector<Octet>{}; });
        nobody = gone.address();
    }
    open({nobody, failing.address(), silent.address(), good.address()},
         {.timeout = std::chrono::milliseconds(100)});

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].data(), std::vector<std::string>{"1.2.3.4"});
    EXPECT_GE(silent.queries(), 1U);
    EXPECT_GE(failing.queries(), 1U);
    EXPECT_GE(metric("roster_dns_upstream_errors_total"), 1);
}

TEST_F(Forwarding, says_servfail_and_why_when_nobody_answers) {
    FakeUpstream silent([](const auto&, bool) { return std::vector<Octet>{}; });
    open({silent.address()}, {.timeout = std::chrono::milliseconds(50)});

    ask("www.example");

    const auto reply = listener.wait_for(1)[0];
    EXPECT_EQ(reply.rcode, 2U);
    EXPECT_EQ(reply.opt_data, (std::string{"\0\x0F\0\2\0\x16", 6}));
    EXPECT_EQ(silent.queries(), 2U);
}

TEST_F(Forwarding, many_questions_are_under_way_at_once) {
    std::vector<Octet> held;
    FakeUpstream upstream([&held](const auto& query, bool) {
        held.push_back(address_for(query));
        return std::vector<Octet>{};
    });
    open({upstream.address()}, {.timeout = std::chrono::milliseconds(300), .tries = 1});

    for (std::uint8_t i = 0; i < 6; ++i) ask("host" + std::to_string(i) + ".example", rr::a, i);

    for (const auto& reply : listener.wait_for(6)) EXPECT_EQ(reply.rcode, 2U);
    EXPECT_EQ(upstream.queries(), 6U);
}

TEST_F(Forwarding, when_it_stalls_only_its_queue_fills_up) {
    FakeUpstream upstream(
        [](const auto& query, bool) { return std::vector<Octet>{address_for(query)}; });
    open({upstream.address()});
    listener.hold(true);

    std::size_t taken = 0;
    while (taken < 100 && ask("localhost")) ++taken;

    EXPECT_GE(taken, 8U);
    EXPECT_LE(taken, 9U) << "there is always room";
    listener.hold(false);
    listener.wait_for(taken);
    EXPECT_TRUE(ask("localhost"));
    listener.wait_for(taken + 1);
}

TEST_F(Forwarding, begins_anew_after_an_error_of_its_own) {
    FakeUpstream upstream(
        [](const auto& query, bool) { return std::vector<Octet>{address_for(query)}; });
    open({upstream.address()});
    listener.fail(true);
    ask("localhost");
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (metric("roster_dns_forward_restarts_total") < 1 &&
           std::chrono::steady_clock::now() < deadline) {
        std::this_thread::yield();
    }
    listener.fail(false);

    ask("www.example");

    EXPECT_EQ(listener.wait_for(1)[0].data(), std::vector<std::string>{"1.2.3.4"});
}

// An upstream by which whatever it is asked for is an alias of a name of ours.
std::vector<Octet> alias_of_ours(const Octet& query, const std::string& name) {
    auto reply = reply_to(query);
    reply.add_record(6, support::at_question, rr::cname, 1, 300, support::wire(name));
    reply.add_record(6, support::wire(name), rr::a, 1, 300, "\6\6\6\6");
    reply.add_record(10, support::wire(name), rr::a, 1, 300, "\6\6\6\6");
    return {reply.bytes};
}

TEST_F(Forwarding, believes_nobody_about_our_names_and_completes_what_leads_to_them) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    face.publish({support::make_service("web", {{host1, "10.0.0.7"}})});
    FakeUpstream upstream([](const auto& query, bool) {
        return alias_of_ours(query, "web.service.roster.internal");
    });
    open({upstream.address()});

    ask("back.example");
    listener.wait_for(1);
    face.publish({support::make_service("web", {{host1, "10.0.0.8"}})});
    ask("back.example");
    const auto replies = listener.wait_for(2);

    EXPECT_EQ(replies[0].answers.at(1).data, "10.0.0.7");
    EXPECT_EQ(replies[1].answers.at(1).data, "10.0.0.8") << "only the CNAME is cached";
    EXPECT_EQ(upstream.queries(), 1U);
    EXPECT_TRUE(replies[0].extras.empty());
}

TEST_F(Forwarding, of_names_that_lead_out_and_back_for_ever_end) {
    const auto host1 = support::make_node("host1", "10.0.0.1");
    face.publish({support::make_service("out", {{host1, "back.example"}})});
    FakeUpstream upstream([](const auto& query, bool) {
        return alias_of_ours(query, "out.service.roster.internal");
    });
    open({upstream.address()});

    ask("back.example", rr::a, 1);
    ask("out.service.roster.internal", rr::a, 2);

    for (const auto& reply : listener.wait_for(2)) {
        EXPECT_EQ(reply.rcode, 0U);
        EXPECT_LE(reply.answers.size(), 10U);
        for (const auto& record : reply.answers) EXPECT_EQ(record.type, rr::cname);
    }
    EXPECT_EQ(upstream.queries(), 1U);
}

}  // namespace
}  // namespace dns
