// The parser of whole messages and the signatures in them, with any octets: whatever is read is
// bounded, and nobody without the key has a message accepted.

#include "dns/message.hpp"
#include "dns/tsig.hpp"

#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

void expect(bool holds) {
    if (!holds) std::abort();
}

const dns::TsigKeyring& keys() {
    static const dns::TsigKeyring ring(
        {dns::make_key({"test.key", "hmac-sha256", {std::string(32, 'k')}, 128})});
    return ring;
}

void check_names(const dns::Message& message) {
    std::size_t records = 0;
    for (const auto& section : message.sections) {
        for (const auto& record : section) {
            expect(record.owner.size() <= dns::name_bytes_max && record.owner.back() == '\0');
            expect(!record.sound || dns::is_rdata(record.type, record.rdata));
            ++records;
        }
    }
    expect(records <= 65'535 / 11);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size > 65'535) return 0;
    const dns::Octets octets(input, size);
    const auto message = dns::parse_message(octets);
    if (!message) return 0;
    check_names(*message);
    if (!message->tsig) return 0;
    const auto verdict = dns::verify(octets, *message, keys(), 1'700'000'000);
    if (verdict.rcode == dns::Rcode::format_error) return 0;
    expect(verdict.rcode == dns::Rcode::not_auth);
    std::vector<std::uint8_t> reply(input, input + dns::header_bytes);
    for (std::size_t i = 4; i < dns::header_bytes; ++i) reply[i] = 0;
    dns::TsigSigner signer(verdict);
    const auto room = signer.bytes_max();
    signer.sign(reply, 1'700'000'000);
    expect(reply.size() - dns::header_bytes <= room);
    expect(dns::parse_message(reply).has_value());
    return 0;
}
