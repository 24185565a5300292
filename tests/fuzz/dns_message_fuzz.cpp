// The parser of whole messages, the signatures in them, and UPDATE, with any octets: whatever is
// read is bounded, nobody without the key has a message accepted, and what an update with it leads
// to can be written down and read again.

#include "dns/message.hpp"
#include "dns/tsig.hpp"
#include "dns/update_message.hpp"
#include "dns/update_transaction.hpp"

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
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

// As if it had been signed with the key, which may change everything.
void carry_out(const dns::Message& message) {
    static const dns::Grammar grammar("roster.internal", "dc1", {});
    static const dns::UpdatePolicy policy({{"test.key", {"*"}, std::chrono::seconds(60), true}},
                                          keys());
    static const auto& key = *keys().find(std::string_view("\4test\3key\0", 10),
                                          std::string_view("\13hmac-sha256\0", 13));
    const dns::UpdateReader reader(grammar, [](const dns::Labels&) { return false; });
    const dns::UpdateZone zone(grammar);
    dns::UpdateRequest request;
    if (reader.check_zone(message) != dns::Rcode::no_error) return;
    if (reader.read(message, request) != dns::Rcode::no_error) return;
    dns::ZoneState state;
    for (const auto* section : {&request.prerequisites, &request.updates}) {
        for (const auto& entry : *section) state[entry.target];
    }
    dns::UpdateTransaction transaction(zone, state, 1000);
    const auto checked = transaction.check(request.prerequisites);
    expect(checked == dns::Rcode::no_error || !request.prerequisites.empty());
    if (request.lease) request.lease = grant(*request.lease, request.updates, key, policy);
    expect(!request.lease || request.lease->all <= std::chrono::hours(24));
    const auto applied = transaction.apply(request.updates, key, policy, request.lease);
    if (applied != dns::Rcode::no_error) return;
    agent::DynamicChange change;
    for (const auto& [target, records] : state) {
        if (target.kind == dns::UpdateTarget::Kind::service) {
            zone.add_service_change(target.name, records, {}, 1000, change);
        } else if (target.kind == dns::UpdateTarget::Kind::name) {
            dns::UpdateZone::add_name_change(target.name, records, {}, change);
        }
    }
    expect(change.remove.empty());
    for (const auto& record : change.put) {
        expect(agent::decode_instance(agent::encode(record)).value.has_value());
    }
    for (const auto& name : change.names) {
        const auto back = agent::decode_dynamic_name(agent::encode(name)).value;
        expect(back && back->records == name.records);
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
    if (size > 65'535) return 0;
    const dns::Octets octets(input, size);
    const auto message = dns::parse_message(octets);
    if (!message) return 0;
    check_names(*message);
    carry_out(*message);
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
