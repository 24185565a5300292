#include "dns/notifier.hpp"

#include "dns/message.hpp"
#include "dns/stored_records.hpp"
#include "tests/support/run_until.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/steady_timer.hpp>
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <string>
#include <vector>

namespace dns {
namespace {

using boost::asio::ip::udp;
using coord::run_until;
using std::chrono::milliseconds;

constexpr std::uint32_t now = 1'000'000'000;

// A secondary that answers when it is told to.
class Notifying : public testing::Test {
protected:
    void open(const TsigKey* with = nullptr) {
        key = with;
        notifier = std::make_unique<Notifier>(
            io,
            NotifierOptions{.targets = {{secondary.local_endpoint(), with}},
                            .unix_seconds = [] { return now; },
                            .interval = milliseconds(20),
                            .retry_max = milliseconds(80)});
    }
    ~Notifying() override {
        if (notifier) notifier->stop();
        io.restart();
        io.run();
    }

    static Notice notice(const std::string& apex, char serial) {
        auto rdata = std::string("\0\0", 2) + std::string(20, '\0');
        rdata[5] = serial;
        StoredRecordsBuilder builder;
        builder.add(rr::soa, 3600, octets(rdata));
        return {parse_name(apex).value(), std::string(text(builder.build()->octets()))};
    }

    // The next NOTIFY; its octets stay in `raw`.
    Message await() {
        secondary.non_blocking(true);
        const bool came = run_until(io, [&] {
            boost::system::error_code none;
            raw.resize(4096);
            const auto size = secondary.receive_from(boost::asio::buffer(raw), agent, 0, none);
            raw.resize(size);
            return !none;
        });
        EXPECT_TRUE(came);
        return parse_message(raw).value();
    }
    void answer(const Message& message, std::uint8_t rcode = 0, bool with_signature = true) {
        auto reply = raw;
        reply.resize(message.questions_end);
        reply[2] |= 0x80;
        reply[3] = rcode;
        for (const std::size_t count : {7U, 9U, 11U}) reply[count] = 0;
        if (key != nullptr && with_signature) {
            const TsigKeyring keys({*key});
            TsigSigner signer(verify(raw, message, keys, now));
            signer.sign(reply, now);
        }
        secondary.send_to(boost::asio::buffer(reply), agent);
    }
    bool nothing_comes() {
        boost::asio::steady_timer patience(io, milliseconds(150));
        bool over = false;
        patience.async_wait([&](auto) { over = true; });
        return run_until(io, [&] { return over; }) && secondary.available() == 0;
    }
    double metric(const std::string& name, const std::string& result = {}) {
        for (const auto& metric : notifier->metrics()) {
            if (metric.name != name) continue;
            if (result.empty() || metric.labels[0].second == result) return metric.value;
        }
        return -1;
    }

    boost::asio::io_context io;
    udp::socket secondary{io, {boost::asio::ip::make_address("127.0.0.1"), 0}};
    udp::endpoint agent;
    std::vector<std::uint8_t> raw;
    const TsigKey* key = nullptr;
    std::unique_ptr<Notifier> notifier;
};

// RFC 1996 §3.7.
TEST_F(Notifying, tells_the_zone_and_its_new_soa_until_it_is_answered) {
    open();
    notifier->tell({notice("roster.internal", 7)});

    const auto first = await();
    EXPECT_EQ(first.opcode, 4);
    EXPECT_TRUE(first.authoritative);
    EXPECT_FALSE(first.response);
    ASSERT_EQ(first.questions.size(), 1U);
    EXPECT_EQ(format_name(octets(first.questions[0].name)), "roster.internal.");
    EXPECT_EQ(first.questions[0].type, rr::soa);
    ASSERT_EQ(first.section(MessageSection::answer).size(), 1U);
    EXPECT_EQ(first.section(MessageSection::answer)[0].rdata[5], 7);

    const auto again = await();
    answer(again);

    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_waiting") == 0; }));
    EXPECT_TRUE(nothing_comes());
    EXPECT_EQ(metric("roster_dns_notifies_total", "answered"), 1);
}

TEST_F(Notifying, tells_only_the_newest_serial_and_each_zone_by_itself) {
    open();
    for (char serial = 1; serial <= 9; ++serial) {
        notifier->tell({notice("roster.internal", serial), notice("10.in-addr.arpa", serial)});
    }

    std::map<std::string, int> newest;
    for (int i = 0; i < 4; ++i) {
        const auto message = await();
        newest[format_name(octets(message.questions[0].name))] =
            message.section(MessageSection::answer)[0].rdata[5];
        if (newest[format_name(octets(message.questions[0].name))] == 9) answer(message);
    }

    EXPECT_EQ(newest.size(), 2U);
    for (const auto& [zone, serial] : newest) EXPECT_EQ(serial, 9) << zone;
    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_waiting") == 0; }));
}

TEST_F(Notifying, a_refusal_is_an_answer) {
    open();
    notifier->tell({notice("roster.internal", 7)});

    answer(await(), 5);

    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_waiting") == 0; }));
    EXPECT_EQ(metric("roster_dns_notifies_total", "refused"), 1);
}

TEST_F(Notifying, an_answer_to_something_else_is_none) {
    open();
    notifier->tell({notice("roster.internal", 7)});
    const auto message = await();

    raw[1] ^= 1;
    answer(message);

    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_total", "ignored") == 1; }));
    EXPECT_EQ(metric("roster_dns_notifies_waiting"), 1);
}

TEST_F(Notifying, with_a_key_it_is_signed_and_so_must_its_answer_be) {
    const auto shared = make_key({.name = "k", .secret = {"0123456789abcdef"}});
    open(&shared);
    notifier->tell({notice("roster.internal", 7)});
    const auto message = await();
    const TsigKeyring keys({shared});
    ASSERT_TRUE(message.tsig.has_value());
    EXPECT_EQ(verify(raw, message, keys, now).rcode, Rcode::no_error);

    answer(message, 0, false);
    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_total", "ignored") == 1; }));
    answer(await());

    EXPECT_TRUE(run_until(io, [&] { return metric("roster_dns_notifies_waiting") == 0; }));
}

}  // namespace
}  // namespace dns
