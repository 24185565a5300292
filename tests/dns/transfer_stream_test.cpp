#include "dns/transfer_stream.hpp"

#include "dns/zone_history.hpp"
#include "tests/support/dns_reply.hpp"
#include "tests/support/stored_records.hpp"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace dns {
namespace {

using support::addresses;
using support::labels;
using Lines = std::vector<std::string>;

class Streaming : public testing::Test {
protected:
    static ZoneName at(const std::string& key, std::uint16_t zone = 0) {
        return {zone, labels(key)};
    }
    [[nodiscard]] TransferZone zone(std::size_t number = 0) const {
        return {grammar, *grammar.zones().at(number), std::chrono::seconds(3)};
    }

    // "owner data", and of SOA its serial only.
    static Lines lines(TransferStream stream, std::size_t message_bytes = 16'384) {
        Lines lines;
        for (bool more = true; more;) {
            TransferMessage message(1, message_bytes);
            more = stream.fill(message);
            const auto octets = message.finish(Rcode::no_error, header_flag::authoritative);
            for (const auto& record : support::DnsReply(octets).answers) {
                auto data = record.data;
                if (record.type == rr::soa) {
                    const auto from = data.find("hostmaster.roster.internal. ") + 28;
                    data = "SOA " + data.substr(from, data.find(' ', from) - from);
                }
                lines.push_back(record.owner + " " + data);
            }
        }
        return lines;
    }

    Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    ZoneHistory history{grammar, {}};
    const std::string soa = "roster.internal. SOA ";
};

TEST_F(Streaming, a_whole_zone_stands_between_its_soa_records_under_every_spelling) {
    history.advance(7,
                    {{at("web.service"), addresses({"10.0.0.1"})},
                     {at("1.0.0.10.in-addr", 1), addresses({"10.9.9.9"})}});

    EXPECT_EQ(lines(TransferStream::whole(zone(), history.version())),
              (Lines{soa + "7",
                     "roster.internal. ns.roster.internal.",
                     "web.service.roster.internal. 10.0.0.1",
                     "web.service.dc1.roster.internal. 10.0.0.1",
                     "_web._tcp.service.roster.internal. 10.0.0.1",
                     "_web._tcp.service.dc1.roster.internal. 10.0.0.1",
                     "_web._tcp.roster.internal. 10.0.0.1",
                     "_web._tcp.dc1.roster.internal. 10.0.0.1",
                     soa + "7"}));
    EXPECT_EQ(lines(TransferStream::whole(zone(1), history.version())),
              (Lines{"10.in-addr.arpa. SOA 7",
                     "10.in-addr.arpa. ns.roster.internal.",
                     "1.0.0.10.in-addr.arpa. 10.9.9.9",
                     "10.in-addr.arpa. SOA 7"}));
}

TEST_F(Streaming, is_the_same_however_large_the_messages_are) {
    ZoneChanges changes;
    for (int i = 0; i < 600; ++i) {
        changes[at("s" + std::to_string(i) + ".service")] = addresses({"10.0.0.1", "10.0.0.2"});
    }
    history.advance(7, changes);
    const auto version = history.version();

    const auto all = lines(TransferStream::whole(zone(), version));

    EXPECT_EQ(all.size(), 3U + 600U * 6U * 2U);
    EXPECT_EQ(lines(TransferStream::whole(zone(), version), 200), all);
    EXPECT_EQ(lines(TransferStream::whole(zone(), version), 65'535), all);
}

TEST_F(Streaming, keeps_its_version_while_the_zone_goes_on) {
    history.advance(7, {{at("a.node"), addresses({"10.0.0.1"})}});
    auto stream = TransferStream::whole(zone(), history.version());

    history.advance(8, {{at("a.node"), nullptr}});

    const auto found = lines(std::move(stream));
    EXPECT_EQ(found.front(), soa + "7");
    EXPECT_EQ(found[2], "a.node.roster.internal. 10.0.0.1");
}

// RFC 1995 §4.
TEST_F(Streaming, steps_tell_what_went_and_what_came_between_their_serials) {
    history.advance(7, {{at("www"), addresses({"10.0.0.1"})}});
    history.advance(8, {{at("www"), addresses({"10.0.0.2"})}});
    history.advance(9, {{at("1.0.0.10.in-addr", 1), addresses({"10.9.9.9"})}});
    history.advance(12, {{at("www"), nullptr}});
    history.advance(13, {});

    EXPECT_EQ(lines(TransferStream::steps(zone(), 7, history.journal().since(7).value())),
              (Lines{soa + "13",
                     soa + "7",
                     "www.roster.internal. 10.0.0.1",
                     "www.dc1.roster.internal. 10.0.0.1",
                     soa + "8",
                     "www.roster.internal. 10.0.0.2",
                     "www.dc1.roster.internal. 10.0.0.2",
                     soa + "8",
                     "www.roster.internal. 10.0.0.2",
                     "www.dc1.roster.internal. 10.0.0.2",
                     soa + "13",
                     soa + "13"}));
}

TEST_F(Streaming, steps_that_changed_nothing_in_the_zone_are_one_without_records) {
    history.advance(7, {});
    history.advance(8, {{at("www"), addresses({"10.0.0.2"})}});
    history.advance(9, {});

    const auto found = lines(TransferStream::steps(zone(1), 7, history.journal().since(7).value()));

    const std::string reverse = "10.in-addr.arpa. SOA ";
    EXPECT_EQ(found, (Lines{reverse + "9", reverse + "7", reverse + "9", reverse + "9"}));
}

TEST_F(Streaming, the_serial_alone_is_one_soa) {
    EXPECT_EQ(lines(TransferStream::serial(zone(), 42)), Lines{soa + "42"});
}

}  // namespace
}  // namespace dns
