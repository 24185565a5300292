#include "dns/inquiry_table.hpp"

#include "tests/support/dns_reply.hpp"
#include "tests/support/upstream_messages.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace dns {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::string_literals::operator""s;
using support::reply_to;
using support::with_address;
using support::with_soa;

// A table whose upstreams and clients are the test, and so is its clock.
class Inquiries : public testing::Test {
protected:
    struct Asked {
        InquiryTable::AttemptId attempt;
        std::string server;
        bool tcp;
        std::vector<std::uint8_t> query;
        bool forgotten = false;
    };
    struct Told {
        std::uint32_t client;
        Rcode rcode;
        bool stale;
        seconds age;
        std::optional<ExtendedError> why;
        std::shared_ptr<const ForwardAnswer> answer;
    };

    void open(const agent::DnsForwardConfig& config, InquiryLimits with = {}) {
        limits = with;
        if (limits.loop_probe_interval == InquiryLimits{}.loop_probe_interval) {
            limits.loop_probe_interval = seconds(0);
        }
        table.reset();
        cache.emplace(ForwardCacheLimits{});
        rules.emplace(config, std::vector<ServerAddress>{}, [](const auto&) { return false; });
        counters.emplace(rules->servers().size());
        table.emplace(
            *rules,
            ours,
            *cache,
            limits,
            InquiryTable::Outward{
                .reply =
                    [this](const auto& query, const auto& relayed) {
                        told.push_back({query.client.now,
                                        relayed.answer->rcode,
                                        relayed.stale,
                                        relayed.age,
                                        relayed.answer->why,
                                        relayed.answer});
                    },
                .ask =
                    [this](auto id, const auto& server, bool tcp, Octets message) {
                        asked.push_back(
                            {id, format(server), tcp, {message.begin(), message.end()}});
                    },
                .forget =
                    [this](auto id) {
                        for (auto& one : asked) one.forgotten |= one.attempt == id;
                    },
                .looped = [this](const auto& server) { looped.push_back(format(server)); },
                .random = [this] { return random += 0x9E3779B97F4A7C15; }},
            *counters);
    }
    void SetUp() override { open({.servers = {"10.0.0.1", "10.0.0.2"}}); }

    // The query of client number `client`.
    void take(const std::string& name,
              std::uint32_t client = 1,
              std::uint16_t type = rr::a,
              const std::string& from = "10.9.0.1") {
        const auto message = support::question(name, type);
        ForwardedQuery query;
        query.head_bytes = message.bytes.size();
        std::copy(message.bytes.begin(), message.bytes.end(), query.head.begin());
        query.type = type;
        query.client = {parse_ip(from).value(), client};
        table->take(query, now);
    }
    void reply(const Asked& to, const support::Message& message) {
        table->replied(to.attempt, message.bytes, now);
    }
    void reply_address(const Asked& to, std::uint32_t ttl = 300) {
        auto message = reply_to(to.query);
        reply(to, with_address(message, "\1\2\3\4", ttl));
    }
    // Every deadline on the way is met.
    void pass(milliseconds time) {
        const auto until = now + time;
        while (table->next() <= until) {
            now = std::max(now, table->next());
            table->tick(now);
        }
        now = until;
        table->tick(now);
    }
    [[nodiscard]] const InquiryCounters& counted() const { return counters->inquiries; }

    Time now{std::chrono::hours(1)};
    std::uint64_t random = 1;
    InquiryLimits limits;
    Grammar ours{"roster.internal", "dc1", {}};
    std::optional<ForwardRules> rules;
    std::optional<ForwardCache> cache;
    std::optional<ForwardCounters> counters;
    std::optional<InquiryTable> table;
    std::vector<Asked> asked;
    std::vector<Told> told;
    std::vector<std::string> looped;
};

TEST_F(Inquiries, ask_once_and_answer_from_the_cache_with_its_age) {
    take("www.example");
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].server, "10.0.0.1:53");
    EXPECT_FALSE(asked[0].tcp);
    reply_address(asked[0]);
    pass(seconds(100));
    take("WWW.example", 2);

    EXPECT_EQ(asked.size(), 1U);
    ASSERT_EQ(told.size(), 2U);
    EXPECT_EQ(told[0].answer->counts[0], 1U);
    EXPECT_EQ(told[1].age, seconds(100));
    EXPECT_EQ(counted().hits.value(), 1U);
    EXPECT_EQ(counted().misses.value(), 1U);

    pass(seconds(200));
    take("www.example", 3);
    EXPECT_EQ(asked.size(), 2U) << "its time is over";
}

TEST_F(Inquiries, ask_apart_for_other_types_and_for_proofs) {
    take("www.example");
    take("www.example", 2, rr::aaaa);

    EXPECT_EQ(asked.size(), 2U);
}

TEST_F(Inquiries, of_the_same_question_are_one) {
    for (std::uint32_t client = 1; client <= 5; ++client) take("www.example", client);
    ASSERT_EQ(asked.size(), 1U);

    reply_address(asked[0]);

    ASSERT_EQ(told.size(), 5U);
    for (std::uint32_t client = 1; client <= 5; ++client)
        EXPECT_EQ(told[client - 1].client, client);
    EXPECT_EQ(counted().coalesced.value(), 4U);
}

TEST_F(Inquiries, have_ids_and_letters_that_nobody_can_guess) {
    take("www.a-long-name.example");
    take("www.a-long-name.example", 2, rr::aaaa);

    ASSERT_EQ(asked.size(), 2U);
    const auto& a = asked[0].query;
    const auto& b = asked[1].query;
    EXPECT_NE(a[0] << 8U | a[1], b[0] << 8U | b[1]);
    EXPECT_FALSE(std::equal(a.begin() + 12, a.begin() + 36, b.begin() + 12));
}

TEST_F(Inquiries, denials_are_kept_for_as_long_as_their_soa_says) {
    take("no.example");
    auto message = reply_to(asked[0].query, 3);
    reply(asked[0], with_soa(message, "example", 600, 60));
    pass(seconds(59));
    take("no.example");

    EXPECT_EQ(told.at(1).rcode, Rcode::name_error);
    EXPECT_EQ(asked.size(), 1U);
}

TEST_F(Inquiries, try_every_server_as_often_as_they_may_and_then_fail) {
    take("www.example");
    pass(milliseconds(801));
    EXPECT_EQ(asked.at(1).server, "10.0.0.2:53");
    pass(milliseconds(1600));
    EXPECT_EQ(asked.size(), 4U);
    EXPECT_TRUE(told.empty());

    pass(milliseconds(800));

    EXPECT_EQ(asked.size(), 4U);
    ASSERT_EQ(told.size(), 1U);
    EXPECT_EQ(told[0].rcode, Rcode::server_failure);
    EXPECT_EQ(told[0].why, ExtendedError::no_reachable_authority);
    EXPECT_EQ(counters->servers[0].timeouts.value(), 2U);
    EXPECT_EQ(counted().failures.value(), 1U);
    take("www.example", 2);
    EXPECT_EQ(told.size(), 2U) << "a failure is remembered for a moment";
    EXPECT_EQ(asked.size(), 4U);
    pass(seconds(3));
    take("www.example", 3);
    EXPECT_EQ(asked.size(), 5U);
}

TEST_F(Inquiries, go_to_the_next_server_at_once_when_one_cannot_be_reached_or_fails) {
    take("www.example");
    table->unreachable(asked.at(0).attempt, now);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(counters->servers[0].errors.value(), 1U);
    reply(asked[1], reply_to(asked[1].query, 2));
    ASSERT_EQ(asked.size(), 3U);
    EXPECT_EQ(counters->servers[1].failures.value(), 1U);

    reply_address(asked[2]);

    EXPECT_EQ(told.at(0).rcode, Rcode::no_error);
}

TEST_F(Inquiries, relay_the_reason_of_a_server_that_fails) {
    take("www.example");
    for (std::size_t i = 0; i < 4; ++i) {
        auto message = reply_to(asked.at(i).query, 2);
        reply(asked[i], message.with_opt(1232, 0, "\0\x0F\0\2\0\x06"s));
    }

    EXPECT_EQ(told.at(0).rcode, Rcode::server_failure);
    EXPECT_EQ(told.at(0).why, static_cast<ExtendedError>(6));
}

TEST_F(Inquiries, what_is_cut_short_is_asked_for_over_tcp) {
    take("www.example");
    auto truncated = reply_to(asked.at(0).query);
    truncated.bytes[2] |= 0x02U;
    reply(asked[0], truncated);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_TRUE(asked[1].tcp);
    EXPECT_EQ(asked[1].server, "10.0.0.1:53");

    reply_address(asked[1]);

    EXPECT_EQ(told.at(0).answer->counts[0], 1U);
    EXPECT_EQ(counters->servers[0].tcp.value(), 1U);
}

TEST_F(Inquiries, what_may_be_forged_is_asked_for_over_tcp) {
    take("www.example");
    auto forged = reply_to(asked.at(0).query);
    forged.bytes[1] ^= 1U;
    reply(asked[0], with_address(forged, "\6\6\6\6"));

    EXPECT_TRUE(told.empty());
    EXPECT_EQ(counters->servers[0].bad.value(), 1U);
    ASSERT_EQ(asked.size(), 2U);
    EXPECT_TRUE(asked[1].tcp);
    reply(asked[1], {{1, 2, 3}});
    EXPECT_EQ(asked.at(2).server, "10.0.0.2:53") << "over TCP too: somebody else";
}

TEST_F(Inquiries, a_server_that_knows_no_edns_is_asked_without_at_once) {
    const auto format_error = [](const Asked& to) {
        return support::Message{{to.query[0], to.query[1], 0x80, 1, 0, 0, 0, 0, 0, 0, 0, 0}};
    };
    take("www.example");
    reply(asked.at(0), format_error(asked[0]));

    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[1].server, "10.0.0.1:53");
    EXPECT_FALSE(asked[1].tcp);
    EXPECT_EQ(asked[1].query[11], 0) << "no OPT";
    auto truncated = reply_to(asked[1].query);
    truncated.bytes[2] |= 0x02U;
    reply(asked[1], truncated);
    EXPECT_TRUE(asked.at(2).tcp);
    EXPECT_EQ(asked[2].query[11], 0) << "nor over TCP";
    reply_address(asked[2]);
    EXPECT_EQ(told.at(0).rcode, Rcode::no_error);

    take("www2.example", 2);
    reply(asked.at(3), format_error(asked[3]));
    reply(asked.at(4), format_error(asked[4]));
    EXPECT_EQ(asked.at(5).server, "10.0.0.2:53") << "it was not for EDNS";
}

TEST_F(Inquiries, a_server_with_letters_of_its_own_is_found_out) {
    const auto in_small_letters = [](const Asked& to) {
        auto message = reply_to(to.query);
        for (std::size_t i = 12; i < message.bytes.size(); ++i) {
            auto& octet = message.bytes[i];
            if (octet >= 'A' && octet <= 'Z') octet = static_cast<std::uint8_t>(octet + 32);
        }
        return with_address(message, "\1\2\3\4");
    };
    take("www.a-long-name.example");
    reply(asked.at(0), in_small_letters(asked[0]));
    reply(asked.at(1), in_small_letters(asked[1]));
    take("www.another-name.example", 2);

    reply(asked.at(2), in_small_letters(asked[2]));

    EXPECT_EQ(told.size(), 2U);
    EXPECT_EQ(asked.size(), 3U);
}

TEST_F(Inquiries, a_late_reply_is_as_good_as_any) {
    take("www.example");
    pass(milliseconds(900));
    ASSERT_EQ(asked.size(), 2U);

    reply_address(asked[0]);
    reply_address(asked[1]);

    EXPECT_EQ(told.size(), 1U);
}

TEST_F(Inquiries, an_answer_too_late_for_its_clients_is_kept_for_the_next) {
    open({.servers = {"10.0.0.1"}}, {.tries = 1});
    take("www.example");
    pass(seconds(1));
    EXPECT_EQ(told.at(0).rcode, Rcode::server_failure);
    reply_address(asked.at(0));

    take("www.example", 2);
    EXPECT_EQ(told.at(1).rcode, Rcode::no_error);

    take("other.example", 3);
    pass(seconds(10));
    EXPECT_TRUE(asked.at(1).forgotten) << "that late, nobody waits for it";
}

TEST_F(Inquiries, a_stale_answer_will_do_after_a_while_and_the_new_one_is_kept) {
    open({.servers = {"10.0.0.1"}}, {.timeout = seconds(5), .tries = 1});
    take("www.example");
    reply_address(asked.at(0), 60);
    pass(seconds(61));
    take("www.example", 2);
    ASSERT_EQ(asked.size(), 2U);
    pass(milliseconds(1799));
    EXPECT_EQ(told.size(), 1U);

    pass(milliseconds(1));

    ASSERT_EQ(told.size(), 2U);
    EXPECT_TRUE(told[1].stale);
    take("www.example", 3);
    ASSERT_EQ(told.size(), 3U) << "nobody waits as long again";
    EXPECT_TRUE(told[2].stale);
    reply_address(asked[1]);
    take("www.example", 4);
    EXPECT_FALSE(told.at(3).stale);
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_EQ(counted().stale.value(), 2U);
}

TEST_F(Inquiries, servers_that_failed_are_left_in_peace_for_half_a_minute) {
    open({.servers = {"10.0.0.1"}}, {.tries = 1});
    take("www.example");
    reply_address(asked.at(0), 60);
    pass(seconds(61));
    take("www.example", 2);
    table->unreachable(asked.at(1).attempt, now);
    EXPECT_TRUE(told.at(1).stale) << "at once: there is nobody to wait for";

    pass(seconds(29));
    take("www.example", 3);
    EXPECT_TRUE(told.at(2).stale);
    EXPECT_EQ(asked.size(), 2U);

    pass(seconds(2));
    take("www.example", 4);
    EXPECT_EQ(asked.size(), 3U);
}

TEST_F(Inquiries, a_denial_goes_before_a_stale_answer) {
    take("www.example");
    reply_address(asked.at(0), 60);
    pass(seconds(61));
    take("www.example", 2);
    auto message = reply_to(asked.at(1).query, 3);
    reply(asked[1], with_soa(message, "example", 600, 60));
    take("www.example", 3);

    EXPECT_EQ(told.at(1).rcode, Rcode::name_error);
    EXPECT_EQ(told.at(2).rcode, Rcode::name_error);
}

TEST_F(Inquiries, a_popular_answer_is_asked_for_before_it_is_over) {
    take("www.example");
    reply_address(asked.at(0), 100);
    for (std::uint32_t i = 0; i < 5; ++i) take("www.example", i);
    pass(seconds(95));

    take("www.example", 9);

    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(told.back().client, 9U);
    EXPECT_EQ(counted().prefetches.value(), 1U);
    reply_address(asked[1], 100);
    pass(seconds(50));
    take("www.example", 10);
    EXPECT_EQ(asked.size(), 2U);
    EXPECT_EQ(told.back().age, seconds(50));
}

TEST_F(Inquiries, a_server_that_is_down_comes_last_and_is_tried_with_questions_of_others) {
    for (int i = 0; i < 3; ++i) {
        take("a" + std::to_string(i) + ".example");
        table->unreachable(asked.back().attempt, now);
        reply_address(asked.back());
    }
    asked.clear();
    take("b.example");
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].server, "10.0.0.2:53");
    reply_address(asked[0]);
    pass(seconds(6));
    asked.clear();

    take("c.example");

    ASSERT_EQ(asked.size(), 2U);
    EXPECT_EQ(asked[0].server, "10.0.0.1:53");
    EXPECT_EQ(asked[1].server, "10.0.0.2:53");
    reply_address(asked[1]);
    reply_address(asked[0]);
    take("d.example");
    EXPECT_EQ(asked.at(2).server, "10.0.0.1:53") << "it is up again";
}

TEST_F(Inquiries, are_no_more_than_there_may_be) {
    open({.servers = {"10.0.0.1"}}, {.inquiries_max = 2, .waiters_max = 3});
    for (std::uint32_t i = 0; i < 5; ++i) take("a.example", i);
    take("b.example", 10);

    take("c.example", 11);

    EXPECT_EQ(table->under_way(), 2U);
    ASSERT_EQ(told.size(), 3U);
    EXPECT_EQ(told[0].client, 3U);
    EXPECT_EQ(told[2].client, 11U);
    EXPECT_EQ(told[2].rcode, Rcode::server_failure);
    EXPECT_EQ(told[2].why, ExtendedError::network_error);
    EXPECT_EQ(counted().shed.value(), 3U);
}

TEST_F(Inquiries, hold_only_so_many_clients_and_late_tries) {
    open({.servers = {"10.0.0.1"}}, {.waiting_max = 3, .tries = 1});
    for (std::uint32_t i = 0; i < 5; ++i) take("a" + std::to_string(i) + ".example", i);
    EXPECT_EQ(table->under_way(), 3U);
    EXPECT_EQ(counted().shed.value(), 2U);
    pass(seconds(1));
    EXPECT_EQ(told.size(), 5U);
    take("b.example", 9);
    EXPECT_EQ(table->under_way(), 1U) << "there is room again";

    open({.servers = {"10.0.0.1"}}, {.late_max = 1, .tries = 1});
    asked.clear();
    take("a.example");
    take("b.example");
    pass(seconds(1));
    EXPECT_FALSE(asked.at(0).forgotten);
    EXPECT_TRUE(asked.at(1).forgotten);
}

TEST_F(Inquiries, of_one_client_are_no_more_than_its_share) {
    open({.servers = {"10.0.0.1"}}, {.waiting_max_per_client = 2, .tries = 1});
    take("a.example", 1);
    take("b.example", 2);
    take("c.example", 3);
    take("b.example", 4);

    ASSERT_EQ(told.size(), 2U) << "also of a question that is under way";
    EXPECT_EQ(told[0].rcode, Rcode::server_failure);
    EXPECT_EQ(told[0].why, ExtendedError::network_error);
    EXPECT_EQ(counted().crowded.value(), 2U);
    EXPECT_EQ(asked.size(), 2U);
    take("c.example", 5, rr::a, "10.9.0.2");
    EXPECT_EQ(asked.size(), 3U) << "another has its own share";

    reply_address(asked[0]);
    take("a.example", 6);
    take("d.example", 7);
    EXPECT_EQ(asked.size(), 4U) << "what is answered counts no more, nor what is known";
    pass(seconds(10));
    take("e.example", 8);
    take("f.example", 9);
    EXPECT_EQ(asked.size(), 6U) << "nor what has failed";
    EXPECT_EQ(counted().crowded.value(), 2U);
}

TEST_F(Inquiries, a_client_is_a_network_of_ipv6_and_on_this_host_there_are_many) {
    open({.servers = {"10.0.0.1"}}, {.waiting_max_per_client = 1});
    take("a.example", 1, rr::a, "fd00::1");
    take("b.example", 2, rr::a, "fd00::ffff:2");
    EXPECT_EQ(counted().crowded.value(), 1U);
    take("b.example", 3, rr::a, "fd00:0:0:1::1");
    EXPECT_EQ(counted().crowded.value(), 1U);

    for (const auto* here : {"127.0.0.1", "::1"}) {
        for (std::uint32_t i = 0; i < 5; ++i) take(std::to_string(i) + ".example", i, rr::a, here);
    }
    EXPECT_EQ(counted().crowded.value(), 1U);
}

TEST_F(Inquiries, answer_some_names_without_asking) {
    take("localhost");
    take("www.localhost", 2, rr::aaaa);
    take("localhost", 3, rr::txt);
    take("x.invalid", 4);
    take("example", 5, rr::any);

    EXPECT_TRUE(asked.empty());
    ASSERT_EQ(told.size(), 5U);
    const auto ends_with = [&](std::size_t i, const std::string& octets) {
        const auto& body = told[i].answer->body;
        return body.size() > octets.size() &&
               std::equal(octets.rbegin(), octets.rend(), body.rbegin(), [](char a, auto b) {
                   return static_cast<std::uint8_t>(a) == b;
               });
    };
    EXPECT_TRUE(ends_with(0, "\0\4\x7F\0\0\1"s));
    EXPECT_TRUE(ends_with(1, "\0\x10\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1"s));
    EXPECT_EQ(told[2].answer->counts[0], 0U);
    EXPECT_EQ(told[3].rcode, Rcode::name_error);
    EXPECT_TRUE(ends_with(4, "\7RFC8482\0"s));
    EXPECT_EQ(counted().local.value(), 5U);
}

TEST_F(Inquiries, what_is_denied_here_may_be_kept_for_a_while) {
    take("localhost", 1, rr::txt);
    take("x.invalid", 2);

    for (const auto& [i, apex] : {std::pair(0U, "localhost."), std::pair(1U, "invalid.")}) {
        const auto& answer = *told.at(i).answer;
        auto message = support::question(i == 0 ? "localhost" : "x.invalid", rr::a);
        message.bytes[9] = static_cast<std::uint8_t>(answer.counts[1]);
        message.bytes.insert(message.bytes.end(), answer.body.begin(), answer.body.end());
        const support::DnsReply reply(message.bytes);
        ASSERT_EQ(reply.authorities.size(), 1U);
        const auto& soa = reply.authorities[0];
        EXPECT_EQ(soa.owner, apex);
        EXPECT_EQ(soa.ttl, 900U);
        EXPECT_EQ(soa.data, std::string(apex) + " nobody.invalid. 1 3600 1200 604800 900");
    }
}

TEST_F(Inquiries, find_out_when_a_server_leads_back_to_us) {
    open({.servers = {"10.0.0.1", "10.0.0.2"}}, {.loop_probe_interval = seconds(60)});
    table->tick(now);
    ASSERT_EQ(asked.size(), 2U);
    const support::DnsReply probe(asked[0].query);
    auto name = probe.question.substr(0, probe.question.find(". "));
    asked.clear();

    take(name, 1, rr::hinfo);
    take("www.example", 2);

    EXPECT_EQ(looped, std::vector<std::string>{"10.0.0.1:53"});
    EXPECT_EQ(counted().loops.value(), 1U);
    ASSERT_EQ(asked.size(), 1U);
    EXPECT_EQ(asked[0].server, "10.0.0.2:53");
}

}  // namespace
}  // namespace dns
