#include "dns/transfer.hpp"

#include "tests/support/dns_messages.hpp"
#include "tests/support/dns_reply.hpp"
#include "tests/support/stored_records.hpp"

#include <boost/asio/io_context.hpp>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

namespace dns {
namespace {

using support::addresses;
using support::DnsReply;
using support::labels;
using support::Message;
using support::question;

constexpr std::uint32_t now = 1'700'000'000;
constexpr unsigned no_error = 0;
constexpr unsigned format_error = 1;
constexpr unsigned server_failure = 2;
constexpr unsigned refused = 5;
constexpr unsigned not_auth = 9;

class Transferring : public testing::Test {
protected:
    void open(TransferOptions options = {}) {
        options.rules = {{.to = {parse_prefix("192.0.2.0/24").value()}},
                         {.to = {parse_prefix("203.0.113.0/24").value()}, .key = key.name}};
        options.keys = &keys;
        options.unix_seconds = [] { return now; };
        transfers = std::make_unique<Transfers>(io, grammar, table, std::move(options));
    }
    void SetUp() override { open(); }

    static Message ixfr(std::uint32_t serial, const std::string& zone = "roster.internal") {
        auto message = question(zone, rr::ixfr);
        std::string rdata("\0\0", 2);  // both names are the root
        for (const unsigned shift : {24U, 16U, 8U, 0U}) {
            rdata += static_cast<char>(serial >> shift & 0xFFU);
        }
        rdata += std::string(16, '\0');
        return message.add_record(8, "\xC0\x0C", rr::soa, 1, 0, rdata);
    }

    std::unique_ptr<Transfer> begin(const Message& message) {
        EXPECT_TRUE(Transfers::is_request(message.bytes));
        return transfers->answer(message.bytes, client);
    }
    // All messages of the answer.
    std::vector<DnsReply> ask(const Message& message) {
        const auto transfer = begin(message);
        std::vector<DnsReply> replies;
        for (bool more = true; more;) {
            std::vector<std::uint8_t> out;
            more = transfer->append_to(out);
            EXPECT_EQ(out.size(), 2U + (out[0] * 256U + out[1]));
            replies.emplace_back(std::span(out).subspan(2));
        }
        return replies;
    }
    std::size_t records(const Message& message) {
        std::size_t count = 0;
        for (const auto& reply : ask(message)) count += reply.answers.size();
        return count;
    }
    void publish(std::uint32_t serial, const std::string& address) {
        transfers->take(serial, {{{0, labels("a.node")}, addresses({address})}});
        io.restart();
        io.run();  // the timer, if it waits for one
    }
    double metric(const std::string& kind, const std::string& result) {
        for (const auto& metric : transfers->metrics()) {
            if (metric.labels.size() == 2 && metric.labels[0].second == kind &&
                metric.labels[1].second == result) {
                return metric.value;
            }
        }
        return -1;
    }

    TsigKey key = make_key({.name = "secondary", .secret = {"0123456789abcdef"}});
    TsigKey other = make_key({.name = "other", .secret = {"fedcba9876543210"}});
    TsigKeyring keys{{key, other}};
    boost::asio::io_context io;
    Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    AnswerTable table;
    std::unique_ptr<Transfers> transfers;
    IpAddress client = parse_ip("192.0.2.7").value();
};

TEST_F(Transferring, only_queries_for_a_transfer_are_requests) {
    EXPECT_TRUE(Transfers::is_request(question("x", rr::axfr).bytes));
    EXPECT_FALSE(Transfers::is_request(question("x", rr::soa).bytes));
    EXPECT_FALSE(Transfers::is_request(question("x", rr::axfr, class_chaos).bytes));
    auto cut = question("x", rr::axfr).bytes;
    cut.resize(14);
    EXPECT_FALSE(Transfers::is_request(cut));
    auto response = question("x", rr::axfr).bytes;
    response[2] |= 0x80;
    EXPECT_FALSE(Transfers::is_request(response));
    EXPECT_FALSE(Transfers::is_request({}));
}

TEST_F(Transferring, who_is_in_no_rule_is_refused) {
    publish(7, "10.0.0.1");
    client = parse_ip("198.51.100.1").value();

    const auto replies = ask(question("roster.internal", rr::axfr).with_opt(1232));

    ASSERT_EQ(replies.size(), 1U);
    EXPECT_EQ(replies[0].rcode, refused);
    EXPECT_TRUE(replies[0].has_opt);
    EXPECT_TRUE(replies[0].answers.empty());
    EXPECT_EQ(metric("axfr", "refused"), 1);
}

TEST_F(Transferring, what_is_no_apex_of_ours_is_not_ours_to_give) {
    publish(7, "10.0.0.1");

    for (const auto* name : {"service.roster.internal", "example.com", "127.in-addr.arpa"}) {
        EXPECT_EQ(ask(question(name, rr::axfr))[0].rcode, not_auth) << name;
    }
    EXPECT_EQ(ask(question("10.in-addr.arpa", rr::axfr))[0].rcode, no_error);
    EXPECT_EQ(ask(question("ROSTER.internal", rr::axfr))[0].rcode, no_error);
}

TEST_F(Transferring, with_a_key_every_message_is_signed) {
    ZoneChanges changes;
    for (int i = 0; i < 1000; ++i) {
        changes[{0, labels("n" + std::to_string(i) + ".node")}] = addresses({"10.0.0.1"});
    }
    transfers->take(7, std::move(changes));
    client = parse_ip("203.0.113.5").value();
    auto request = question("roster.internal", rr::axfr);
    TsigSigner signer(key);
    signer.sign(request.bytes, now);

    const auto replies = ask(request);

    ASSERT_GT(replies.size(), 1U);
    TsigVerifier verifier(key, signer.mac());
    for (const auto& reply : replies) {
        EXPECT_LE(reply.bytes.size(), 16'384U);
        EXPECT_TRUE(verifier.verify(reply.bytes, parse_message(reply.bytes).value(), now));
    }
}

TEST_F(Transferring, without_its_key_or_with_a_wrong_one_it_is_refused) {
    publish(7, "10.0.0.1");
    client = parse_ip("203.0.113.5").value();
    const auto rcode_with = [&](const TsigKey& with, std::uint64_t at) {
        auto request = question("roster.internal", rr::axfr);
        TsigSigner(with).sign(request.bytes, at);
        return ask(request)[0].rcode;
    };
    auto wrong = key;
    wrong.secret.octets = "0123456789abcdeX";

    EXPECT_EQ(ask(question("roster.internal", rr::axfr))[0].rcode, refused);
    EXPECT_EQ(rcode_with(other, now), refused) << "a good one, but not this rule's";
    EXPECT_EQ(rcode_with(wrong, now), not_auth);
    EXPECT_EQ(rcode_with(key, now - 1000), not_auth);
    EXPECT_EQ(rcode_with(key, now), no_error);
}

TEST_F(Transferring, before_anything_is_known_it_fails) {
    EXPECT_EQ(ask(question("roster.internal", rr::axfr))[0].rcode, server_failure);
    EXPECT_EQ(metric("axfr", "not_ready"), 1);
}

TEST_F(Transferring, ixfr_without_the_serial_of_the_client_is_malformed) {
    publish(7, "10.0.0.1");

    EXPECT_EQ(ask(question("roster.internal", rr::ixfr))[0].rcode, format_error);
    auto wrong = question("roster.internal", rr::ixfr);
    wrong.add_record(8, "\xC0\x0C", rr::a, 1, 0, "1234");
    EXPECT_EQ(ask(wrong)[0].rcode, format_error);
    EXPECT_EQ(metric("ixfr", "malformed"), 2);
}

TEST_F(Transferring, the_first_message_has_the_question_and_all_have_its_id) {
    ZoneChanges changes;
    for (int i = 0; i < 3000; ++i) {
        changes[{0, labels("n" + std::to_string(i) + ".node")}] = addresses({"10.0.0.1"});
    }
    transfers->take(7, std::move(changes));

    const auto replies = ask(question("roster.internal", rr::axfr).with_opt(1232));

    ASSERT_GT(replies.size(), 2U);
    for (const auto& reply : replies) {
        EXPECT_EQ(reply.bytes[0] << 8U | reply.bytes[1], 0x1234);
        EXPECT_TRUE(reply.aa());
        EXPECT_LE(reply.bytes.size(), 16'384U);
        EXPECT_EQ(reply.has_opt, &reply == &replies.front()) << "RFC 5936 §2.2.5";
        EXPECT_EQ(reply.question.empty(), &reply != &replies.front());
    }
    EXPECT_EQ(replies.front().answers.front().type, rr::soa);
    EXPECT_EQ(replies.back().answers.back().type, rr::soa);
    EXPECT_EQ(metric("axfr", "sent"), 1);
}

TEST_F(Transferring, every_message_says_whether_recursion_was_asked_for) {
    publish(7, "10.0.0.1");
    auto without = question("roster.internal", rr::axfr);
    without.bytes[2] = 0;

    EXPECT_TRUE(ask(question("roster.internal", rr::axfr))[0].rd()) << "RFC 1035 §4.1.1";
    EXPECT_TRUE(ask(question("example.com", rr::axfr))[0].rd());
    EXPECT_FALSE(ask(without)[0].rd());
}

TEST_F(Transferring, ixfr_tells_what_changed_or_that_nothing_did_or_all) {
    publish(7, "10.0.0.1");
    publish(8, "10.0.0.2");

    EXPECT_EQ(records(ixfr(8)), 1U) << "nothing is newer";
    EXPECT_EQ(records(ixfr(9)), 1U) << "the client's is newer";
    EXPECT_EQ(records(ixfr(7)), 4U + 4U * 2U) << "a.node and ns, twice each, went and came";
    EXPECT_EQ(records(ixfr(6)), 2U + 1U + 4U) << "unknown: the whole zone";
    EXPECT_EQ(metric("serial", "sent"), 2);
    EXPECT_EQ(metric("ixfr", "sent"), 1);
    EXPECT_EQ(metric("axfr", "sent"), 1);
}

TEST_F(Transferring, without_a_journal_everybody_gets_the_whole_zone) {
    open({.history = {.journal_bytes_max = 0}});
    publish(7, "10.0.0.1");
    publish(8, "10.0.0.2");

    EXPECT_EQ(records(ixfr(7)), 2U + 1U + 4U);
}

TEST_F(Transferring, beyond_the_limit_of_transfers_others_are_told_to_come_again) {
    open({.transfers_max = 1});
    publish(7, "10.0.0.1");
    auto first = begin(question("roster.internal", rr::axfr));

    EXPECT_EQ(ask(question("roster.internal", rr::axfr))[0].rcode, server_failure);
    first.reset();

    EXPECT_EQ(ask(question("roster.internal", rr::axfr))[0].rcode, no_error);
    EXPECT_EQ(metric("axfr", "busy"), 1);
    EXPECT_EQ(metric("axfr", "aborted"), 1);
}

TEST_F(Transferring, changes_that_come_fast_make_few_versions_and_the_serial_is_that_of_the_last) {
    open({.version_interval = std::chrono::milliseconds(20)});
    for (std::uint32_t serial = 1; serial <= 1000; ++serial) {
        transfers->take(serial, {{{0, labels("a.node")}, addresses({"10.0.0.1"})}});
    }
    EXPECT_EQ(table.serial(), transfers->history().version()->serial())
        << "of answers and of transfers alike";

    io.run();

    EXPECT_EQ(transfers->history().version()->serial(), 1000U);
    EXPECT_EQ(table.serial(), 1000U);
    double versions = 0;
    for (const auto& metric : transfers->metrics()) {
        if (metric.name == "roster_dns_zone_versions_total") versions = metric.value;
    }
    EXPECT_LT(versions, 50);
}

}  // namespace
}  // namespace dns
