// Requests for zones, with any octets: every answer ends, in whole messages, and nobody without the
// key has a zone that wants one.

#include "dns/transfer.hpp"
#include "dns/zone_draft.hpp"
#include "tests/support/stored_records.hpp"

#include <boost/asio/io_context.hpp>

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void expect(bool holds) {
    if (!holds) std::abort();
}

// Two serials of a zone, for everybody from one network, and with a key for those of another.
struct Zones {
    boost::asio::io_context io;
    dns::Grammar grammar{"roster.internal", "dc1", {"10.0.0.0/8"}};
    dns::AnswerTable table;
    dns::TsigKeyring keys{{dns::make_key({"test.key", "hmac-sha256", {std::string(32, 'k')}, 0})}};
    dns::Transfers transfers{io, grammar, table, options()};

    Zones() {
        for (std::uint32_t serial = 7; serial <= 8; ++serial) {
            dns::ZoneChanges changes;
            for (int i = 0; i < 300; ++i) {
                const auto text = "10." + std::to_string(serial) + ".0." + std::to_string(i % 200);
                changes[{0, support::labels("s" + std::to_string(i) + ".service")}] =
                    support::addresses({text});
            }
            transfers.take(serial, std::move(changes));
        }
        io.run();
    }

    dns::TransferOptions options() {
        dns::TransferOptions with;
        with.rules = {
            {.to = {*dns::parse_prefix("192.0.2.0/24")}},
            {.to = {*dns::parse_prefix("203.0.113.0/24")}, .key = *dns::parse_name("test.key")}};
        with.keys = &keys;
        with.unix_seconds = [] { return 1'700'000'000U; };
        with.version_interval = std::chrono::milliseconds(1);
        return with;
    }
};

void ask(dns::Octets message, const char* client, bool may) {
    static Zones zones;
    if (!dns::Transfers::is_request(message)) return;
    const auto transfer = zones.transfers.answer(message, *dns::parse_ip(client));
    std::size_t messages = 0;
    for (bool more = true; more; ++messages) {
        std::vector<std::uint8_t> out;
        more = transfer->append_to(out);
        expect(out.size() >= 2 + dns::header_bytes && out.size() <= 2 + 16'384);
        expect(out.size() == 2U + dns::read_u16(out, 0));
        expect((out[4] & 0x80U) != 0 && (more || messages < 100));
    }
    expect(may || transfer->rcode() != dns::Rcode::no_error);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size > 65'535) return 0;
    const dns::Octets message(input, size);
    ask(message, "192.0.2.1", true);
    ask(message, "203.0.113.1", false);
    ask(message, "198.51.100.1", false);
    return 0;
}
