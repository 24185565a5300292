#include "dns/updater.hpp"

#include "tests/support/dns_messages.hpp"
#include "tests/support/running_agent.hpp"

#include <gtest/gtest.h>

namespace dns {
namespace {

using agent::address_of;
using agent::quick_core;
using coord::run_until;
using std::string_literals::operator""s;
using Bytes = std::vector<std::uint8_t>;

const agent::DnsKeyConfig key_config{"dhcp", "hmac-sha256", {"secret"}, 0};

// An update of roster.internal that adds an address to host.dyn.
support::Message update(std::uint8_t last = 1) {
    auto message = support::question("roster.internal", rr::soa);
    message.bytes[2] = opcode_update << 3U;
    return message.add_record(
        8, "\4host\3dyn\xC0\x0C"s, rr::a, 1, 60, "\x0A\0\0"s + static_cast<char>(last));
}

class UpdaterTest : public testing::Test {
protected:
    UpdaterTest()
        : agent_(io_, {.connect = address_of(core_), .session_timeout = std::chrono::seconds(1)}) {
        names_.start();
        agent_.start();
        EXPECT_TRUE(agent_.await_settled());
        make({.keys = {key_config},
              .rules = {{"dhcp", {"*.dyn"}, std::chrono::seconds(0), false}},
              .allow = {*parse_prefix("192.0.2.0/24")}});
    }
    ~UpdaterTest() override {
        updater_.reset();
        names_.stop();
    }

    void make(UpdaterOptions options) {
        options.clock_ms = [this] { return now_ms_; };
        updater_ = std::make_unique<Updater>(
            io_,
            entries_,
            grammar_,
            std::move(options),
            [](const Labels& /*key*/) { return false; },
            [](const Labels& /*name*/, std::uint16_t /*type*/) { return ZoneRecords(); });
    }
    Bytes sign(Bytes message) {
        TsigSigner signer(key_);
        signer.sign(message, static_cast<std::uint64_t>(now_ms_ / 1000));
        return message;
    }
    std::optional<Rcode> take(Bytes message, const std::string& from = "192.0.2.7") {
        return updater_->take({std::move(message), *parse_ip(from), [this](Bytes reply) {
                                   replies_.push_back(std::move(reply));
                               }});
    }
    Bytes ask(Bytes message) {
        const auto before = replies_.size();
        EXPECT_FALSE(take(std::move(message)));
        EXPECT_TRUE(run_until(io_, [&] { return replies_.size() > before; }));
        return replies_.back();
    }
    static int rcode(const Bytes& reply) { return reply.at(3) & 0x0F; }
    [[nodiscard]] double metric(const std::string& name, const std::string& label = {}) const {
        for (const auto& one : updater_->metrics()) {
            if (one.name == name && (label.empty() || one.labels.at(0).second == label))
                return one.value;
        }
        return -1;
    }

    coord::RunningCore core_{quick_core()};
    boost::asio::io_context io_;
    agent::RunningAgent agent_;
    agent::DynamicNames names_{agent_.client()};
    agent::DynamicEntries entries_{agent_.client(), agent_.catalog(), names_};
    Grammar grammar_{"roster.internal", "dc1", {}};
    TsigKey key_ = make_key(key_config);
    std::int64_t now_ms_ = 1'700'000'000'000;
    std::unique_ptr<Updater> updater_;
    std::vector<Bytes> replies_;
};

TEST_F(UpdaterTest, commits_before_it_says_noerror_and_signs_that) {
    TsigSigner signer(key_);
    auto request = update().bytes;
    signer.sign(request, 1'700'000'000);

    const auto reply = ask(request);

    EXPECT_EQ(rcode(reply), 0);
    EXPECT_EQ(reply.at(2), 0x80 | opcode_update << 3);
    EXPECT_TRUE(agent_.read(agent::dynamic_path("host.dyn")));
    TsigVerifier verifier(key_, signer.mac());
    const auto message = parse_message(reply);
    ASSERT_TRUE(message);
    EXPECT_EQ(message->questions.size(), 1U);
    EXPECT_TRUE(verifier.verify(reply, *message, 1'700'000'000));
    EXPECT_EQ(metric("roster_dns_updates_total", "NOERROR"), 1);
}

TEST_F(UpdaterTest, refuses_what_is_not_signed_and_what_is_signed_wrongly) {
    auto forged = sign(update().bytes);
    forged[60] ^= 1;
    const auto other = make_key({"other", "hmac-sha256", {"secret"}, 0});
    auto unknown = update().bytes;
    TsigSigner(other).sign(unknown, 1'700'000'000);

    EXPECT_EQ(rcode(ask(update().bytes)), 5);
    EXPECT_EQ(rcode(ask(forged)), 9);
    EXPECT_EQ(rcode(ask(unknown)), 9);
    EXPECT_EQ(read_tsig(*parse_message(replies_.back())->tsig)->error, 17);  // BADKEY
    auto late = sign(update().bytes);
    now_ms_ += 400'000;
    EXPECT_EQ(rcode(ask(late)), 9);
    EXPECT_FALSE(agent_.read(agent::dynamic_path("host.dyn")));
    EXPECT_EQ(metric("roster_dns_updates_total", "NOTAUTH"), 3);
}

TEST_F(UpdaterTest, carries_nothing_out_in_a_later_version_of_edns) {
    const std::uint32_t version_1 = 1U << 16U;

    const auto reply = ask(sign(update().with_opt(1232, version_1).bytes));

    EXPECT_EQ(rcode(reply), 0);
    EXPECT_EQ(parse_message(reply)->opt.value().ttl, 1U << 24U) << "BADVERS, in our version";
    EXPECT_TRUE(parse_message(reply)->tsig);
    EXPECT_FALSE(agent_.read(agent::dynamic_path("host.dyn")));
    EXPECT_EQ(metric("roster_dns_updates_total", "BADVERS"), 1);
}

TEST_F(UpdaterTest, answers_what_is_no_message_with_a_header) {
    auto broken = update().bytes;
    broken.resize(broken.size() - 1);

    const auto reply = ask(broken);

    EXPECT_EQ(reply.size(), 12U);
    EXPECT_EQ(rcode(reply), 1);
}

TEST_F(UpdaterTest, gives_a_message_that_comes_again_the_reply_it_had) {
    // Prerequisites stand before updates.
    auto request = support::question("roster.internal", rr::soa);
    request.bytes[2] = opcode_update << 3U;
    request.add_record(6, "\4host\3dyn\xC0\x0C"s, rr::any, 254, 0, "");
    request.add_record(8, "\4host\3dyn\xC0\x0C"s, rr::a, 1, 60, "\x0A\0\0\1"s);
    const auto message = sign(request.bytes);

    const auto first = ask(message);
    const auto second = ask(message);

    EXPECT_EQ(rcode(first), 0);
    EXPECT_EQ(second, first);
    EXPECT_EQ(metric("roster_dns_update_replays_total"), 1);
    now_ms_ += 1000;
    EXPECT_EQ(rcode(ask(sign(request.bytes))), 6);  // Signed anew it is another.
}

TEST_F(UpdaterTest, grants_a_lease_to_who_asks_for_one_and_says_which) {
    make({.keys = {key_config},
          .rules = {{"dhcp", {"*.dyn"}, std::chrono::seconds(600), false}},
          .allow = {*parse_prefix("192.0.2.0/24")}});
    const auto lease_of = [&](std::string asked) {
        const auto reply = ask(sign(update().with_opt(1232, 0, asked).bytes));
        EXPECT_EQ(rcode(reply), 0);
        const auto znode = agent_.read(agent::dynamic_path("host.dyn")).value();
        const auto expires = agent::decode_dynamic_name(znode.data).value->records.at(0).expires_ms;
        return std::pair(parse_message(reply)->opt->rdata, (expires - now_ms_) / 1000);
    };
    using Lease = std::pair<std::string, std::int64_t>;

    EXPECT_EQ(lease_of("\0\2\0\4\0\0\0\x3C"s), Lease("\0\2\0\4\0\0\0\x3C"s, 60));
    EXPECT_EQ(lease_of("\0\2\0\10\0\1\0\0\0\0\0\x3C"s),
              Lease("\0\2\0\10\0\0\2\x58\0\0\0\x3C"s, 600));
    now_ms_ += 1000;
    EXPECT_EQ(lease_of(""), Lease("", 600)) << "the rule's, which is not told";
}

TEST_F(UpdaterTest, tells_no_lease_of_what_was_not_done) {
    auto other = support::question("roster.internal", rr::soa);
    other.bytes[2] = opcode_update << 3U;
    other.add_record(8, "\4host\5other\xC0\x0C"s, rr::a, 1, 60, "\x0A\0\0\1"s);
    other.with_opt(1232, 0, "\0\2\0\4\0\0\0\x3C"s);
    const auto malformed = update().with_opt(1232, 0, "\0\2\0\2\0\0"s);

    const auto refused = ask(sign(other.bytes));

    EXPECT_EQ(rcode(refused), 5);
    EXPECT_EQ(parse_message(refused)->opt->rdata, "");
    EXPECT_EQ(rcode(ask(sign(malformed.bytes))), 1);
}

TEST_F(UpdaterTest, forgets_the_oldest_replies_when_there_are_too_many) {
    make({.keys = {key_config},
          .rules = {{"dhcp", {"*.dyn"}, std::chrono::seconds(0), false}},
          .allow = {*parse_prefix("192.0.2.0/24")},
          .remembered_max = 2});

    for (std::uint8_t i = 1; i <= 3; ++i) EXPECT_EQ(rcode(ask(sign(update(i).bytes))), 0);

    EXPECT_EQ(metric("roster_dns_update_replays_forgotten_total"), 1);
}

TEST_F(UpdaterTest, takes_no_more_than_may_wait_and_from_nobody_but_whom_it_should) {
    make({.keys = {key_config},
          .rules = {{"dhcp", {"*.dyn"}, std::chrono::seconds(0), false}},
          .allow = {*parse_prefix("192.0.2.0/24")},
          .waiting_max = 2});

    EXPECT_FALSE(take(update().bytes));
    EXPECT_FALSE(take(update().bytes));
    EXPECT_EQ(take(update().bytes), Rcode::server_failure);
    EXPECT_EQ(take(update().bytes, "198.51.100.1"), Rcode::refused);
    EXPECT_EQ(metric("roster_dns_updates_full_total"), 1);

    EXPECT_TRUE(run_until(io_, [&] { return replies_.size() == 2; }));
    EXPECT_TRUE(run_until(io_, [&] { return metric("roster_dns_updates_waiting") == 0; }));
    EXPECT_FALSE(take(update().bytes, "127.0.0.1"));
    EXPECT_TRUE(run_until(io_, [&] { return replies_.size() == 3; }));
}

TEST_F(UpdaterTest, is_servfail_while_the_core_is_gone) {
    make({.keys = {key_config},
          .rules = {{"dhcp", {"*.dyn"}, std::chrono::seconds(0), false}},
          .allow = {*parse_prefix("192.0.2.0/24")},
          .patience = std::chrono::milliseconds(300)});
    core_.stop();
    const auto message = sign(update().bytes);

    EXPECT_EQ(rcode(ask(message)), 2);

    // It may be tried again: nothing remembers a failure.
    core_.start();
    EXPECT_TRUE(run_until(io_, [&] { return rcode(ask(message)) == 0; }));
}

TEST_F(UpdaterTest, without_a_rule_refuses_all) {
    make({.keys = {key_config}});

    EXPECT_EQ(take(sign(update().bytes), "127.0.0.1"), Rcode::refused);
}

TEST(Updater, knows_an_update_by_its_opcode) {
    Bytes message(12);
    message[2] = opcode_update << 3U;
    EXPECT_TRUE(is_update(message));
    message[2] |= 0x80U;  // A response.
    EXPECT_FALSE(is_update(message));
    message[2] = 4U << 3U;
    EXPECT_FALSE(is_update(message));
    EXPECT_FALSE(is_update(Octets(message).first(11)));
}

}  // namespace
}  // namespace dns
